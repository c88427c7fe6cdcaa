"""Sentences of this wing: what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "case.grants_unknown": Message(
        vi="Không tra được cấp quyền nên không mở dữ liệu cá nhân. Không có gì được mở; hãy thử lại sau.",
        en="Grants cannot be looked up, so no personal data is opened. Nothing was opened; try again later.",
    ),
    "case.no_grant": Message(
        vi="Bạn không có cấp quyền đang hiệu lực trên {asset}, nên dữ liệu cá nhân của hồ sơ không mở ra.",
        en="You hold no grant in force on {asset}, so the personal data of the case stays closed.",
    ),
    "case.purpose.required": Message(
        vi="Chọn mục đích trước khi mở dữ liệu cá nhân; mục đích được ghi lại cùng việc mở.",
        en="Choose a purpose before opening personal data; it is recorded with the opening.",
    ),
}
