"""The sentences of this wing, by code."""

from __future__ import annotations

from collections.abc import Mapping

from control.assurance.findings.messages import FINDING_MESSAGES
from control.assurance.keeping.messages import KEEPING_MESSAGES
from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    **FINDING_MESSAGES,
    **KEEPING_MESSAGES,
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
    "report.day.invalid": Message(
        vi="Không đọc được ngày. Nhập ngày/tháng/năm, ví dụ 25/11/2026.",
        en="The day cannot be read. Enter day/month/year, such as 25/11/2026.",
    ),
    "report.not_done": Message(
        vi="Báo cáo còn đang được đếm. Hãy tải lại khi đã xong.",
        en="The report is still being counted. Download it when it is done.",
    ),
    "report.period.future": Message(
        vi="Kỳ báo cáo kết thúc ở tương lai. Chọn ngày cuối không sau hôm nay.",
        en="The period ends in the future. Choose a last day up to today.",
    ),
    "report.period.reversed": Message(
        vi="Ngày đầu sau ngày cuối. Đổi lại hai ngày.",
        en="The first day lies after the last. Swap the two.",
    ),
    "report.period.too_long": Message(
        vi="Kỳ báo cáo dài quá {years} năm. Chia thành các kỳ ngắn hơn.",
        en="The period is longer than {years} years. Split it into shorter ones.",
    ),
    "reveal.basis.invalid": Message(
        vi="Nhập mã hồ sơ có thật hoặc số ký hiệu văn bản, ví dụ G99-261122-0001 hoặc 214/QĐ-BMH.",
        en="Enter the code of a case that exists or the number of a document, such as 214/QĐ-BMH.",
    ),
    "reveal.purpose.required": Message(
        vi="Chọn mục đích mở giá trị cá nhân.",
        en="Choose why the personal values are opened.",
    ),
    "reveal.too_many": Message(
        vi="Mỗi người mở giá trị cá nhân của nhiều nhất {most} mục một giờ. Hãy chờ, hoặc để người khác làm tiếp.",
        en="One person opens the personal values of at most {most} entries an hour. Wait, or let somebody else go on.",
    ),
    "search.empty": Message(
        vi="Chưa có điều kiện nào để lưu. Lọc dòng thời gian trước, rồi lưu.",
        en="There is no filter to keep. Filter the timeline first, then keep the search.",
    ),
    "search.name.invalid": Message(
        vi="Đặt tên từ 1 đến {longest} ký tự.",
        en="Give a name of 1 to {longest} letters.",
    ),
    "search.name.taken": Message(
        vi="Bạn đã có một phép tìm tên này (không kể dấu và chữ hoa). Chọn tên khác.",
        en="You already have a search of that name (marks and capitals aside). Choose another name.",
    ),
    "search.not_owner": Message(
        vi="Chỉ người lập phép tìm này được đổi tên hay xoá nó. Bạn có thể lưu một bản của mình.",
        en="Only whoever made this search may rename or remove it. You can keep a copy of your own.",
    ),
    "search.role_not_held": Message(
        vi="Chỉ chia sẻ phép tìm với vai trò mà chính bạn đang giữ.",
        en="A search can be shared only with a role that you hold yourself.",
    ),
    "search.too_long": Message(
        vi="Phép tìm quá dài để lưu. Bớt điều kiện rồi lưu lại.",
        en="The search is too long to be kept. Take some filters away and keep it again.",
    ),
    "search.too_many": Message(
        vi="Mỗi người giữ nhiều nhất {most} phép tìm. Xoá một phép tìm cũ trước.",
        en="One person keeps at most {most} searches. Remove an old one first.",
    ),
    "trail.filter.not_a_moment": Message(
        vi="Không đọc được thời điểm. Nhập ngày/tháng/năm, có thể kèm giờ, ví dụ 25/11/2026 09:42.",
        en="The moment cannot be read. Enter day/month/year, with the time if you like, such as 25/11/2026 09:42.",
    ),
    "trail.filter.not_an_address": Message(
        vi="Không phải địa chỉ mạng. Nhập dạng số, ví dụ 10.20.4.17 hoặc 2001:db8::1.",
        en="Not a network address. Enter it in figures, such as 10.20.4.17 or 2001:db8::1.",
    ),
    "trail.keys.unavailable": Message(
        vi="Không mở được khoá của các giá trị cá nhân nên không tìm hay mở được chúng. Kiểm tra khoá chủ.",
        en="The keys of personal values cannot be opened: neither found nor shown. Check the master key.",
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
