"""The whole product as `bin/up` starts it, once per session, and its people signed in through the real pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 600
STEP_SECONDS = 30  # of a one-time code


@dataclass(frozen=True, kw_only=True)
class DemoLogin:
    """One person of the demonstration, with everything needed to sign in as them."""

    login: str
    display_name: str
    roles: tuple[str, ...]
    password: str
    totp_secret: str | None


@dataclass(kw_only=True)
class RunningStand:
    """A running `bin/up`; `up` is its up.json."""

    data: Path
    up: dict[str, Any]
    states: dict[str, Any] = field(default_factory=dict)
    used_steps: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address people type."""
        address: str = self.up["url"]
        return address

    def person(self, login: str) -> DemoLogin:
        """One person of up.json."""
        found = next(one for one in self.up["people"] if one["name"] == login)
        return DemoLogin(
            login=found["name"],
            display_name=found["display_name"],
            roles=tuple(found["roles"]),
            password=found["password"],
            totp_secret=found["totp_secret"],
        )

    def fresh_code(self, login: str, *, secret: str | None = None) -> str:
        """A code this person has not used yet; the next half minute's counts already, a later one is waited for."""
        known = secret or self.person(login).totp_secret
        assert known is not None, f"{login} enrols by QR: give the secret"
        step = max(self.used_steps.get(login, 0) + 1, int(time.time()) // STEP_SECONDS)
        time.sleep(max(0.0, (step - 1) * STEP_SECONDS - time.time() + 0.2))
        self.used_steps[login] = step
        return pyotp.TOTP(known).at(step * STEP_SECONDS)

    def vonglau(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `bin/vonglau` against this stand."""
        done = run(["bin/vonglau", *words, "--data", str(self.data)], check=check)
        if words[0] == "demo":  # the walk signs its people in, with codes up to the next half minute's
            ahead = int(time.time()) // STEP_SECONDS + 1
            self.used_steps.update({one["name"]: ahead for one in self.up.get("people", ())})
        return done

    def hold(self, part: str) -> None:
        """Stop one part, as a fault would."""
        run(["bin/up", "--data", str(self.data), "--hold", part])

    def release(self, part: str) -> None:
        """Start that part again."""
        run(["bin/up", "--data", str(self.data), "--release", part])


def run(command: list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of the checkout with nothing of the tests' environment that could mislead it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VONGLAU_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=START_SECONDS, check=False
    )
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@contextmanager
def running_stand() -> Iterator[RunningStand]:
    """Start the product in a folder of its own, and end exactly that."""
    data = Path(tempfile.mkdtemp(prefix="vonglau-journeys-"))
    data.chmod(0o755)
    try:
        run(["bin/up", "--data", str(data), "--detach"])
        yield RunningStand(data=data, up=json.loads((data / "up.json").read_text(encoding="utf-8")))
    finally:
        run(["bin/up", "--data", str(data), "--stop"], check=False)
        shutil.rmtree(data, ignore_errors=True)


def sign_in(page: Page, stand: RunningStand, login: str) -> None:
    """Sign in through the two pages, as the person would."""
    person = stand.person(login)
    page.goto(f"{stand.url}/sign-in")
    page.fill("input[name=login]", person.login)
    page.fill("input[name=password]", person.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/sign-in/code")
    page.fill("input[name=code]", stand.fresh_code(login))
    page.press("input[name=code]", "Enter")
    page.wait_for_url(lambda address: "/sign-in" not in address)


def confirm(page: Page, stand: RunningStand, login: str) -> None:
    """Answer the question that stands between a form and its act with the person's code."""
    page.wait_for_selector("input[name=step_up_code]")
    page.fill("input[name=step_up_code]", stand.fresh_code(login))
    page.press("input[name=step_up_code]", "Enter")
    page.wait_for_load_state()


def context_of(chromium: Browser, stand: RunningStand, login: str | None, **more: Any) -> BrowserContext:
    """A browser of this person's own, signed in (once per session; the cookie is used again), or of nobody's."""
    options: dict[str, Any] = {
        "locale": "vi-VN",
        "timezone_id": "Asia/Ho_Chi_Minh",
        "viewport": {"width": 1440, "height": 900},
    }
    if login is not None and login not in stand.states:
        context = chromium.new_context(**options)
        sign_in(context.new_page(), stand, login)
        stand.states[login] = context.storage_state()
        context.close()
    options |= {"storage_state": stand.states[login] if login is not None else None, **more}
    return chromium.new_context(**options)
