"""The sentences of the findings, by code."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

FINDING_MESSAGES: Mapping[str, Message] = {
    "finding.closed": Message(
        vi="Phát hiện này đã đóng. Nếu sự việc xảy ra lại, hệ thống tự mở lại.",
        en="This finding is closed. If it happens again, it is reopened by itself.",
    ),
    "finding.closer_explained": Message(
        vi="Người giải trình không tự đóng phát hiện mức cao. Người thứ hai có quyền đóng hãy xem văn bản rồi đóng.",
        en="Whoever explained a finding of high severity does not close it. A second person reads the document and "
        "closes it.",
    ),
    "finding.closer_is_concerned": Message(
        vi="Phát hiện này nói về chính bạn, nên người khác phải đóng.",
        en="This finding concerns you, so somebody else has to close it.",
    ),
    "finding.document_in_future": Message(
        vi="Ngày của văn bản ở tương lai. Nhập ngày ký ghi trên văn bản.",
        en="The document's date is in the future. Enter the day it was signed.",
    ),
    "finding.not_explained": Message(
        vi="Phát hiện chưa được giải trình bằng văn bản nên chưa đóng được. Hãy giải trình trước: số, ngày, nội dung.",
        en="The finding is not explained by a document yet, so it cannot be closed. Explain it first.",
    ),
    "finding.not_party": Message(
        vi="Chỉ người được giao, người liên quan hoặc cán bộ an toàn thông tin giải trình phát hiện này.",
        en="Only whoever it is assigned to, whom it concerns, or a security officer explains this finding.",
    ),
    "finding.owner_is_concerned": Message(
        vi="Không giao phát hiện cho chính người liên quan. Hãy chọn người khác.",
        en="A finding is not assigned to the person it concerns. Choose somebody else.",
    ),
}
