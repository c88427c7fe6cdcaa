"""A person with a browser that has no window: cookies, forms and redirects over real HTTP, nothing else.

Not for: tests of pages (a real Chromium does those). Invariant: what a page does not offer as a form or a link is not
pressed; a form is sent with every hidden field it holds, the token included.
"""

from __future__ import annotations

import http.client
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

import pyotp

TIMEOUT_SECONDS = 60.0
TOTP_PERIOD_SECONDS = 30
REDIRECTS = 6
CONFIRM_ATTEMPTS = 3
OK, SEE_OTHER, UNAUTHORIZED = 200, 303, 401
File = tuple[str, str, bytes]  # name of the file, media type, content


class NotOfferedError(RuntimeError):
    """Raised when a page does not hold the form or the answer that a step needs; the text says what was looked for."""


@dataclass(slots=True, kw_only=True)
class Form:
    """One form of a page, with the fields it already holds."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    files: bool = False


class _Forms(HTMLParser):
    """Collects the forms of a page with the values they would send untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open: Form | None = None
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of forms, inputs, choices and text areas."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(
                action=given.get("action", ""),
                method=given.get("method", "get").lower(),
                files=given.get("enctype") == "multipart/form-data",
            )
            self.found.append(self._open)
        elif self._open is not None and tag == "input" and given.get("name"):
            if given.get("type") not in {"file", "checkbox", "radio", "submit"} or "checked" in given:
                self._open.fields[given["name"]] = given.get("value", "")
        elif self._open is not None and tag == "select":
            self._select = given.get("name")
        elif self._open is not None and tag == "option" and self._select:
            if "selected" in given or self._select not in self._open.fields:
                self._open.fields[self._select] = given.get("value", "")
        elif self._open is not None and tag == "textarea":
            self._area = given.get("name")
            if self._area:
                self._open.fields[self._area] = ""

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened."""
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        """Keep the text of a text area."""
        if self._open is not None and self._area:
            self._open.fields[self._area] += data


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, after redirects; `path` is where the visitor ended up."""

    status: int
    path: str
    content: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The page as text."""
        return self.content.decode("utf-8", "replace")

    def form(self, action: str, *, holds: str = "csrf_token") -> Form:
        """Return the form whose address matches, one with the field `holds` first. Raises NotOfferedError."""
        parser = _Forms()
        parser.feed(self.text)
        matching = [form for form in parser.found if re.search(action, form.action)]
        if matching:
            return min(matching, key=lambda one: holds not in one.fields)
        offered = ", ".join(form.action for form in parser.found) or "none"
        raise NotOfferedError(f"{self.path} ({self.status}) offers no form like {action}; it has: {offered}")

    def find(self, pattern: str) -> str:
        """Return the first group of the first match. Raises NotOfferedError."""
        found = re.search(pattern, self.text)
        if found is None:
            raise NotOfferedError(f"{self.path} ({self.status}) does not hold {pattern}")
        return found[1]


@dataclass(slots=True)
class Visitor:
    """One person at one browser."""

    url: str
    name: str = ""
    cookies: dict[str, str] = field(default_factory=dict, repr=False)
    totp_secret: str = field(default="", repr=False)
    used_step: int = 0

    def get(self, path: str) -> Answer:
        """Open a page, following redirects."""
        return self._follow(self._send("GET", path))

    def submit(self, form: Form, *, files: Mapping[str, File] | None = None, **values: str) -> Answer:
        """Send a form with these values changed, following redirects; a question for the second factor is answered."""
        answer = self._submit(form, files=files, **values)
        for _attempt in range(CONFIRM_ATTEMPTS):
            if answer.status != UNAUTHORIZED or not self.totp_secret or 'name="step_up_code"' not in answer.text:
                break
            answer = self._submit(answer.form(re.escape(form.action)), step_up_code=self._fresh_code())
        return answer

    def press(self, form: Form, **values: str) -> Answer:
        """Send a form and stay where the answer is: a redirect to somebody else is for the caller to follow."""
        body = urlencode({**form.fields, **values}).encode()
        return self._send("POST", form.action, body=body, kind="application/x-www-form-urlencoded")

    def _fresh_code(self) -> str:
        """Return a code this visitor has not used; the next half minute's counts already, a later one is waited for."""
        step = max(self.used_step + 1, int(time.time()) // TOTP_PERIOD_SECONDS)
        time.sleep(max(0.0, (step - 1) * TOTP_PERIOD_SECONDS - time.time() + 0.2))
        self.used_step = step
        return str(pyotp.TOTP(self.totp_secret).at(step * TOTP_PERIOD_SECONDS))

    def _submit(self, form: Form, *, files: Mapping[str, File] | None = None, **values: str) -> Answer:
        fields = {**form.fields, **values}
        if form.files or files:
            body, kind = _multipart(fields, files or {})
        else:
            body, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        return self._follow(self._send("POST", form.action, body=body, kind=kind))

    def sign_in(self, *, password: str, totp_secret: str) -> Answer:
        """Pass both steps; a code that was used already is waited out, as a person would."""
        self.totp_secret = totp_secret
        for _attempt in (1, 2):
            answer = self._first_step(password)
            answer = self.submit(answer.form("/sign-in/code"), code=self._fresh_code())
            if self.is_signed_in:
                return answer
            self.used_step += 1  # an earlier walk may have used a code ahead of its time, too
        raise NotOfferedError(f"{self.name} could not sign in: {answer.path} answered {answer.status}")

    def enrol(self, *, password: str) -> str:
        """Pass the first step, read the key of the QR page, prove it; return the key."""
        page = self._first_step(password)
        form = page.form("/sign-in/enrol")
        key = re.sub(r"[^A-Z2-7]", "", page.find(r"((?:[A-Z2-7]{4}[\s ]+){7}[A-Z2-7]{4})"))
        answer = self.submit(form, code=pyotp.TOTP(key).now())
        if not self.is_signed_in:
            raise NotOfferedError(f"{self.name} could not enrol: {answer.path} answered {answer.status}")
        return key

    @property
    def is_signed_in(self) -> bool:
        """Whether the browser holds a session."""
        return bool(self.cookies.get("__Host-vonglau"))

    def _first_step(self, password: str) -> Answer:
        form = self.get("/sign-in").form("/sign-in$")
        answer = self.submit(form, login=self.name, password=password)
        if answer.status != OK:
            raise NotOfferedError(f"the first step of {self.name} was refused: {answer.status}")
        return answer

    def _follow(self, answer: Answer) -> Answer:
        for _ in range(REDIRECTS):
            if answer.status not in {301, 302, SEE_OTHER, 307}:
                return answer
            answer = self._send("GET", urljoin(answer.path, answer.headers["location"]))
        raise NotOfferedError(f"too many redirects at {answer.path}")

    def _send(self, method: str, path: str, *, body: bytes | None = None, kind: str = "") -> Answer:
        parts, target = urlsplit(self.url), urlsplit(path)
        where = target.path + (f"?{target.query}" if target.query else "")
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Accept": "text/html",
        }
        if method != "GET":
            headers |= {"Origin": self.url, "Content-Type": kind}
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, where, body=body, headers=headers)
            response = connection.getresponse()
            content = response.read()
            for name, value in response.getheaders():
                if name.lower() == "set-cookie":
                    self._keep(value)
            plain = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, path=where, content=content, headers=plain)
        finally:
            connection.close()

    def _keep(self, header: str) -> None:
        """Keep a cookie, or drop it when the server says so; Secure is right on localhost, as browsers have it."""
        for name, morsel in SimpleCookie(header).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def _multipart(fields: Mapping[str, str], files: Mapping[str, File]) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, (file_name, kind, content) in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        parts.append(f"{head}Content-Type: {kind}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
