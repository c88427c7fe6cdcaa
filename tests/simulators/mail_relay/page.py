"""The page beside a relay: what it took, for whoever tries the product out."""

from __future__ import annotations

import html
from typing import Any, ClassVar

from tests.simulators.peer import Handler, Peer

from .service import MailRelay

PAGE = """<!doctype html><html lang="vi"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>Thư mô phỏng</title>
<h1>Thư mô phỏng</h1><p>Không thư nào ra khỏi máy này; người và địa chỉ đều là bịa. / Simulated: nothing leaves this
machine.</p>{rows}</html>"""
ROW = "<article><h2>{to} · {date}</h2><h3>{subject}</h3><p>{text}</p></article>"


class _Handler(Handler):
    server_version = "mail-simulator"

    def on_get(self, path: str) -> None:
        """Show what was taken, the newest first: the mailbox of whoever tries the product out."""
        if path != "/":
            self.say_json(404, {"error": "unknown"})
            return
        rows = [ROW.format(**{name: html.escape(text) for name, text in one.items()})
                for one in reversed(self.peer.letters())]  # fmt: skip
        page = PAGE.format(rows="".join(rows) or "<p>Chưa có thư nào. / No letter yet.</p>")
        self.say(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


class Mailbox(Peer):
    """The page beside a relay."""

    modes, handler = ("normal",), _Handler
    relay: ClassVar[MailRelay]

    def letters(self) -> list[dict[str, str]]:
        return [
            {"to": str(one["To"]), "date": str(one["Date"]), "subject": str(one["Subject"]), "text": one.get_content()}
            for one in list(self.relay.letters)
        ]

    def known(self) -> dict[str, Any]:
        return {"letters": self.letters()}
