"""Sentences of the wing `portal`, one per language for every code."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "portal.refused": Message(
        vi="Cổng Dịch vụ công quốc gia từ chối bản tin này; xem lý do ở sổ tay liên thông.",
        en="The national portal refused this message; see the runbook of the link for the reasons.",
    ),
    "portal.unanswered": Message(
        vi="Cổng Dịch vụ công quốc gia không trả lời trong thời hạn; bản tin vẫn được giữ và gửi lại.",
        en="The national portal did not answer in time; the message is kept and sent again.",
    ),
    "portal.unavailable": Message(
        vi="Cổng Dịch vụ công quốc gia báo đang không phục vụ được; bản tin vẫn được giữ và gửi lại.",
        en="The national portal says it cannot serve now; the message is kept and sent again.",
    ),
    "portal.bad-signature": Message(
        vi="Chữ ký trong câu trả lời của Cổng không đúng; không tin câu trả lời này.",
        en="The signature on the portal's answer is wrong; the answer is not believed.",
    ),
    "portal.unreadable": Message(
        vi="Câu trả lời của Cổng không đúng dạng hoặc không nói về bản tin đã gửi.",
        en="The portal's answer is not of the agreed form or is not about the message sent.",
    ),
}
