"""The sentences of this wing, by code."""

from __future__ import annotations

from collections.abc import Mapping

from control.assurance.findings.messages import FINDING_MESSAGES
from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    **FINDING_MESSAGES,
    "compliance.as_of.future": Message(
        vi="Chưa ai quan sát được ngày mai. Nhập một ngày không sau {latest}.",
        en="Nobody has observed tomorrow. Enter a day up to {latest}.",
    ),
    "compliance.as_of.not_a_date": Message(
        vi="Không đọc được ngày. Nhập theo dạng ngày/tháng/năm, ví dụ 25/11/2026.",
        en="The day cannot be read. Enter it as day/month/year, for example 25/11/2026.",
    ),
    "entry.body_removed": Message(
        vi="Nội dung mục này đã được gỡ khi hết thời hạn lưu; số, mã băm và chỗ trong chuỗi vẫn còn.",
        en="The body of this entry was removed when its time of keeping ended; number, hash and place remain.",
    ),
    "entry.not_sealed": Message(
        vi="Mục này chưa được niêm phong. Hãy thử lại sau vài giây, khi điểm niêm phong mới được ký.",
        en="This entry is not sealed yet. Try again in a few seconds, when a new checkpoint has been signed.",
    ),
    "trail.filter.not_a_moment": Message(
        vi="Không đọc được thời điểm. Nhập ngày/tháng/năm, có thể kèm giờ, ví dụ 25/11/2026 09:42.",
        en="The moment cannot be read. Enter day/month/year, with the time if you like, such as 25/11/2026 09:42.",
    ),
    "trail.filter.reversed": Message(
        vi="Thời điểm đầu sau thời điểm cuối. Đổi lại hai ô Từ và Đến.",
        en="The start lies after the end. Swap the two moments.",
    ),
    "trail.search.unavailable": Message(
        vi="Cả Elasticsearch lẫn PostgreSQL đều không tìm được lúc này. Dấu vết vẫn được ghi; hãy thử lại sau ít phút.",
        en="Neither Elasticsearch nor PostgreSQL can search now. The trail is still written; try again in a while.",
    ),
    "evidence.bundle.empty": Message(
        vi="Không có mục nào khớp nên không có gói nào được xuất. Nới điều kiện rồi xuất lại.",
        en="No entry matches, so no bundle was exported. Widen the filter and export again.",
    ),
}
