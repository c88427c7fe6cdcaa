"""What `bin/up` does: in the foreground, detached, stop, reset; contracts.md, "Start and stop"."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from control.stand.accounts import separation_is_on
from control.stand.data import DataFolder
from control.stand.errors import StandError
from control.stand.ports import page_answers
from control.stand.process import ProcessEndedError, tail
from control.stand.records import SUPERVISOR, Records
from control.stand.supervisor import Say, Stand, end_leftovers

DETACH_SECONDS = 300.0
STOP_SECONDS = 60.0
REQUEST_SECONDS = 330.0
POLL_SECONDS = 0.2
KINDS = {"citizen": ("công dân", "citizen"), "organisation": ("tổ chức", "organisation")}


class StoppedError(BaseException):
    """Raised in the main thread when somebody asked the stand to end; not an Exception, nothing may swallow it."""


def running_address(data: DataFolder) -> str | None:
    """Return the address of the stand that runs in this folder, None when none runs there."""
    if Records(data.home).read(SUPERVISOR) is None:
        return None
    try:
        address: str = read_up_file(data)["url"]
    except (FileNotFoundError, ValueError, KeyError):
        return ""
    return address


def read_up_file(data: DataFolder) -> dict[str, Any]:
    """Return DIR/up.json. Raises FileNotFoundError, ValueError."""
    content: dict[str, Any] = json.loads((data.home / "up.json").read_text(encoding="utf-8"))
    return content


def run_in_foreground(data: DataFolder, *, profile: str, code: Path, say: Say, without: tuple[str, ...] = ()) -> None:
    """Start the stand, tell how to sign in, and stay until Ctrl-C, SIGTERM or a closed terminal."""
    data.claim()
    with _one_at_a_time(data), _signals_stop():
        end_leftovers(data.home)
        (data.home / "run" / "ready").unlink(missing_ok=True)
        stand = Stand(data, profile=profile, code=code, say=say, without=without, database_url=_external_database())
        try:
            started = time.monotonic()
            stand.up()
            (data.home / "run" / "ready").touch()
            tell_how_to_sign_in(data, say=say, seconds=time.monotonic() - started)
            stand.watch()
        except StoppedError:
            say("Đang dừng…", "Stopping…")
        except ProcessEndedError as error:
            raise StandError("stand.not_started", vi=str(error), en=str(error)) from error
        finally:
            _ignore_signals()
            stand.down()
            (data.home / "run" / "ready").unlink(missing_ok=True)
    say("Đã dừng hết.", "Everything has stopped.")


def detach(data: DataFolder, *, profile: str, without: tuple[str, ...] = (), language: str = "vi") -> None:
    """Start the stand in the background; return when the first page answers and the people are enrolled."""
    data.claim()
    ready = data.home / "run" / "ready"
    ready.unlink(missing_ok=True)
    log_file = data.home / "log" / "up.log"
    log_file.unlink(missing_ok=True)
    log_file.touch(mode=0o600)
    left_out = [word for name in without for word in ("--without", name)]
    words = ["--data", str(data.named), "--profile", profile, "--lang", language, *left_out]
    with log_file.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "control", "up", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=dict(os.environ),
            start_new_session=True,
        )
    deadline = time.monotonic() + DETACH_SECONDS
    while not ready.exists():
        if child.poll() is not None or time.monotonic() > deadline:
            said = tail(log_file, lines=30)
            raise StandError(
                "stand.not_started",
                vi=f"Không khởi động được:\n{said}",
                en=f"Not started:\n{said}",
                exit_status=child.returncode or 3,
            )
        time.sleep(POLL_SECONDS)
    child.returncode = 0  # it stays; Popen must not warn that it still runs


def told_while_starting(data: DataFolder) -> str:
    """Return what a detached start said before it was ready: the losses, when a part could not be started."""
    words = (data.home / "log" / "up.log").read_text(encoding="utf-8", errors="replace")
    return words.partition("\nVọng Lâu:")[0].strip()


def _external_database() -> str:
    """Return the address of a server of the operator's own, empty for the embedded one."""
    return os.environ.get("VONGLAU_DATABASE_URL") or os.environ.get("DATABASE_URL") or ""


def stop(data: DataFolder) -> bool:
    """End what this folder has started and nothing else; return whether anything ran."""
    records = Records(data.home)
    supervisor = records.read(SUPERVISOR)
    had_any = bool(records.all())
    if supervisor is not None:
        supervisor.stop(first=signal.SIGTERM, patience_seconds=STOP_SECONDS)
    if data.home.exists():
        end_leftovers(data.home)
    return had_any


def request(data: DataFolder, *, part: str, wish: str) -> None:
    """Ask the running stand to hold or release one part; wait until it has."""
    if running_address(data) is None:
        raise StandError(
            "stand.not_running",
            vi=f"Không có hệ thống nào đang chạy trong {data.named}",
            en=f"Nothing runs in {data.named}",
        )
    known = (data.home / "run" / "parts").read_text(encoding="utf-8").split()
    if part not in known:
        raise StandError(
            "stand.no_such_part",
            vi=f"Không có phần «{part}»; có: {', '.join(known)}",
            en=f"There is no part «{part}»; there are: {', '.join(known)}",
            exit_status=2,
        )
    file = data.home / "run" / f"{part}.request"
    file.write_text(wish, encoding="ascii")
    deadline = time.monotonic() + REQUEST_SECONDS
    while file.exists():
        if time.monotonic() > deadline:
            file.unlink(missing_ok=True)
            raise StandError("stand.no_answer", vi="Hệ thống không làm theo yêu cầu", en="The stand did not react")
        time.sleep(POLL_SECONDS)


def tell_how_to_sign_in(data: DataFolder, *, say: Say, seconds: float | None = None, is_detached: bool = False) -> None:
    """Print the address, the people with their passwords, and where the enrolment QR is."""
    content = read_up_file(data)
    took_vi = "" if seconds is None else f" (sau {seconds:.0f} giây)"
    took_en = "" if seconds is None else f" (after {seconds:.0f} s)"
    say(f"\nVọng Lâu: {content['url']}{took_vi}\n", f"\nVọng Lâu: {content['url']}{took_en}\n")
    width = max(len(person["name"]) for person in content["people"])
    for person in content["people"]:
        secret = person["totp_secret"] or "→ QR"
        roles = ", ".join(person["roles"])
        line = f"  {person['name']:<{width}}  {person['password']}  {secret:<32}  {person['display_name']} ({roles})"
        say(line, line)
    for one in content.get("applicants", ()):
        kind_vi, kind_en = KINDS[one["kind"]]
        line = f"  {one['number']:<{width}}  {one['password']}  {one['display_name']}"
        say(f"{line} ({kind_vi})", f"{line} ({kind_en})")
    sms, mail, phones = (content["simulators"].get(name) for name in ("sms", "mail", "signing"))
    if sms and mail:
        say(
            f"\n  Tin nhắn và thư của người nộp hồ sơ chỉ là mô phỏng, đọc tại {sms} và {mail}",
            f"\n  Messages and mail to applicants are simulated; read them at {sms} and {mail}",
        )
    if phones:
        say(f"  SIM ký số mô phỏng: {phones}", f"  Simulated signing SIMs: {phones}")
    seal = content["sealed"]
    halves = f"{seal['first_half']}  {seal['second_half']}  {seal['totp_secret']}"
    say(
        f"\n  Phá niêm {seal['account']}: hai nửa giấy và mã, cho đến lần niêm phong sau: {halves}",
        f"\n  Break-glass {seal['account']}: two paper halves and the code, until the next seal: {halves}",
    )
    way_to_end = f"bin/up --data {data.named} --stop" if is_detached else "Ctrl-C"
    newcomer = next((person["name"] for person in content["people"] if not person["totp_secret"]), "")
    say(
        f"\n  Mã 6 số bây giờ: bin/up --data {data.named} --code {content['people'][0]['name']}"
        f"\n  {newcomer} chưa có ứng dụng xác thực: mã QR hiện sau khi nhập mật khẩu, tại {content['url']}/sign-in"
        f"\n  Dữ liệu và con người đều là bịa để minh hoạ. Dừng tất cả: {way_to_end}",
        f"\n  Six digits for now: bin/up --data {data.named} --code {content['people'][0]['name']}"
        f"\n  {newcomer} has no authenticator yet: the QR code follows her password at {content['url']}/sign-in"
        f"\n  People and data are invented. To end everything: {way_to_end}",
    )
    if data.is_elsewhere:
        say(
            f"  Dữ liệu nằm ở {data.home}, vì các tài khoản dịch vụ không vào được {data.named}",
            f"  The data is in {data.home}: service accounts cannot pass to {data.named}",
        )
    if not separation_is_on():
        say(
            "  Không chạy bằng root: mọi tiến trình dùng chung tài khoản của bạn, tách tài khoản đang TẮT.",
            "  Not started as root: every process shares your account, separation is OFF.",
        )


def is_serving(data: DataFolder) -> bool:
    """Tell whether the first page of this folder's stand answers."""
    address = running_address(data)
    return bool(address) and page_answers(f"{address}/healthz")


@contextmanager
def _one_at_a_time(data: DataFolder) -> Iterator[None]:
    """Hold the folder's lock: of two starts at once, one is told that the folder runs already."""
    with (data.home / "run" / "lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StandError(
                "stand.running",
                vi=f"{data.named} đang chạy: {running_address(data) or ''}",
                en=f"{data.named} is running already: {running_address(data) or ''}",
                exit_status=1,
            ) from None
        yield


@contextmanager
def _signals_stop() -> Iterator[None]:
    """Let the three ways of being told to end reach the main thread as one exception."""

    def stop_now(_number: int, _frame: FrameType | None) -> None:
        _ignore_signals()  # a second Ctrl-C must not cut the orderly end short
        raise StoppedError

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop_now)
    yield


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
