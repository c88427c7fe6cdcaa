"""Sentences of this wing: what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "assignment.no_case_role": Message(
        vi="Người này không đang làm việc hoặc không có vai trò đọc hồ sơ. Chọn một cán bộ xử lý hồ sơ.",
        en="This person is not at work here or holds no role that reads cases. Choose a case officer.",
    ),
    "assignment.not_your_unit": Message(
        vi="Hồ sơ không thuộc đơn vị bạn phụ trách nên bạn không phân công được. Đề nghị lãnh đạo đơn vị của hồ sơ.",
        en="The case is not of the unit you head, so you cannot assign it. Ask the head of its unit.",
    ),
    "assignment.of_the_unit": Message(
        vi="Người này thuộc chính đơn vị của hồ sơ và đã xem được hồ sơ; không cần phân công.",
        en="This person is of the case's own unit and sees it already; no assignment is needed.",
    ),
    "assignment.stands_already": Message(
        vi="Người này đang được phân công hồ sơ này. Kết thúc phân công cũ trước khi phân công lại.",
        en="This person is assigned to the case already. End that assignment before making another.",
    ),
    "assignment.too_long": Message(
        vi="Ngày cuối phải ở tương lai và không quá {days} ngày kể từ hôm nay.",
        en="The last day must be in the future and at most {days} days from today.",
    ),
    "assignment.yourself": Message(
        vi="Không ai tự phân công cho mình. Đề nghị lãnh đạo khác phân công.",
        en="Nobody assigns to themselves. Ask another head to assign you.",
    ),
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
