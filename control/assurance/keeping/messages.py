"""The sentences of keeping, by code."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

KEEPING_MESSAGES: Mapping[str, Message] = {
    "keeping.already_decided": Message(
        vi="Đề xuất này đã được quyết định hoặc đã rút; không còn gì để quyết định.",
        en="This proposal is decided or withdrawn; there is nothing left to decide.",
    ),
    "keeping.below_law": Message(
        vi="Không lưu ngắn hơn quy định. Giá trị đang dùng giữ nguyên.",
        en="Nothing is kept for less than the rule asks. The present value stays.",
    ),
    "keeping.changed": Message(
        vi="Điều bạn đã đọc không phải điều đang được đề xuất. Đọc lại rồi quyết định.",
        en="What you read is not what is proposed. Read it again, then decide.",
    ),
    "keeping.concerns_you": Message(
        vi="Đề xuất này nói về chính bạn, nên người khác quyết định.",
        en="This proposal is about you, so somebody else decides it.",
    ),
    "keeping.decided_before": Message(
        vi="Bạn đã quyết định đề xuất này; cần một người khác nữa.",
        en="You have decided this proposal; another person is needed.",
    ),
    "keeping.erase.subject": Message(
        vi="Nhập tên đăng nhập của một người, hoặc mã như citizen:case:G99-261122-0001 ghi ở mục dấu vết.",
        en="Enter a person's sign-in name, or a code such as citizen:case:G99-261122-0001 from an entry of the trail.",
    ),
    "keeping.held": Message(
        vi="Có lệnh giữ đối với mục mang dữ liệu của người này, nên không xoá gì.",
        en="A legal hold covers an entry that carries this person's values, so nothing was erased.",
    ),
    "keeping.hold.reversed": Message(
        vi="Lúc bắt đầu không trước lúc kết thúc. Sửa hai ô Từ và Đến.",
        en="The start does not lie before the end. Correct the two moments.",
    ),
    "keeping.hold_released": Message(vi="Lệnh giữ này đã được gỡ.", en="This hold has been released already."),
    "keeping.lapsed": Message(
        vi="Đề xuất đã quá 14 ngày nên hết hiệu lực. Đề xuất lại để xem điều sẽ xảy ra hôm nay.",
        en="The proposal is older than 14 days and has lapsed. Propose again to see what would happen today.",
    ),
    "keeping.lowering_needs_two": Message(
        vi="Rút ngắn thời hạn lưu cần hai người: đề xuất, rồi người khác duyệt.",
        en="A shorter time of keeping takes two persons: propose it, and another approves.",
    ),
    "keeping.not_yours": Message(
        vi="Chỉ người đề xuất mới rút được đề xuất này.", en="Only whoever proposed this takes it back."
    ),
    "keeping.nothing_to_erase": Message(
        vi="Không còn dữ liệu cá nhân nào của người này trong dấu vết.",
        en="The trail holds no personal values of this person any more.",
    ),
    "keeping.order.in_future": Message(
        vi="Ngày ký văn bản ở tương lai. Nhập một ngày không sau hôm nay.",
        en="The order's date is in the future. Enter a day up to today.",
    ),
    "keeping.proposed_already": Message(
        vi="Đã có đề xuất như vậy đang chờ ({proposal}). Quyết định hoặc rút đề xuất ấy trước.",
        en="The same is proposed already and waits ({proposal}). Decide or withdraw that one first.",
    ),
    "keeping.proposer_decides": Message(
        vi="Bạn là người đề xuất, nên người khác quyết định.", en="You proposed this, so somebody else decides it."
    ),
    "keeping.root_changed": Message(
        vi="Cây băm không còn là cây đã ký, nên không xoá gì. Kiểm chứng dấu vết ngay.",
        en="The tree is not the one that was signed, so nothing was pruned. Verify the trail at once.",
    ),
    "keeping.second_factor_missing": Message(
        vi="Phiên này chưa có yếu tố thứ hai, nên chưa quyết định được. Đăng nhập lại bằng hai yếu tố.",
        en="This session has no second factor, so it cannot decide. Sign in again with two factors.",
    ),
    "keeping.value.below_law": Message(
        vi="Không dưới {least}: {citation_text}.", en="Not below {least}: {citation_text}."
    ),
    "keeping.value.same": Message(vi="Đây là giá trị đang dùng.", en="This is the present value."),
    "keeping.value.too_large": Message(vi="Không quá {most}.", en="At most {most}."),
}
