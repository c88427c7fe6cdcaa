"""The phones of whoever tries the product out: what stands on them, with a button to confirm and one to refuse."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

PAGE = """<!doctype html><html lang="vi"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>Điện thoại mô phỏng</title>
<h1>Điện thoại mô phỏng</h1><p>Người, số và chứng thư số đều là bịa; không gì ra khỏi máy này. / Simulated: nothing
leaves this machine.</p>{rows}<h2>SIM và tài khoản ký số / signing SIMs and accounts</h2><ul>{known}</ul></html>"""
ROW = """<article><h2>{subject} · {control_code}</h2><p>{display}</p><form method="post" action="/press">
<input type="hidden" name="subject" value="{subject}"><button name="answer" value="confirm">Xác nhận / confirm</button>
<button name="answer" value="refuse">Từ chối / refuse</button></form></article>"""


def page(*, phones: Iterable[Mapping[str, str]], known: Iterable[tuple[str, str, str]]) -> bytes:
    """Draw the page; `known` are number or account, name and the number the certificate names."""
    rows = [ROW.format(**{name: html.escape(text) for name, text in one.items()}) for one in phones]
    people = "".join(f"<li>{html.escape(' · '.join(one))}</li>" for one in known)
    return PAGE.format(rows="".join(rows) or "<p>Chưa có yêu cầu nào. / Nothing yet.</p>", known=people).encode()
