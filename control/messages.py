"""One sentence per language for every code a person may read.

Not for: the text of pages (gettext catalogues hold it). Invariant: every code raised anywhere has both sentences;
placeholders are named and each has a value, a missing one shows as a dash, never as an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is wrong and what would be right, in Vietnamese and in English."""

    vi: str
    en: str


class _Dash(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "–"


@dataclass(frozen=True, slots=True)
class Messages:
    """All messages of the product, joined from the wings."""

    by_code: Mapping[str, Message]

    @classmethod
    def join(cls, parts: Iterable[Mapping[str, Message]]) -> Messages:
        """Join the wings' messages. Raises RuntimeError when two wings claim one code."""
        joined: dict[str, Message] = {}
        for part in parts:
            twice = joined.keys() & part.keys()
            if twice:
                raise RuntimeError(f"message codes claimed twice: {', '.join(sorted(twice))}")
            joined.update(part)
        return cls(joined)

    def render(self, code: str, language: str, **params: object) -> str:
        """Return the sentence of `code` in `language` (`vi` or `en`); an unknown code gives the general sentence."""
        message = self.by_code.get(code) or self.by_code["error.unexpected"]
        pattern = message.en if language == "en" else message.vi
        return pattern.format_map(_Dash(params))


CORE_MESSAGES: Mapping[str, Message] = {
    "access.level_high": Message(
        vi="Việc này cần phiên ở mức cao: đăng nhập hoặc xác nhận bằng chứng thư số (USB ký số, SIM ký số). Chưa có gì "
        "được làm. Nâng mức tại Con người › Đăng nhập của tôi › Mức phiên.",
        en="This needs a session of level high: sign in or confirm by certificate (signing USB or SIM). Nothing was "
        "done. Raise the level at People › My sign-in › Session level.",
    ),
    "access.level_medium": Message(
        vi="Việc này cần phiên từ mức trung bình: xác nhận bằng mã một lần hoặc khoá bảo mật. Chưa có gì được làm. "
        "Nâng mức tại Con người › Đăng nhập của tôi › Mức phiên.",
        en="This needs a session of at least level medium: confirm by one-time code or security key. Nothing was done. "
        "Raise the level at People › My sign-in › Session level.",
    ),
    "access.denied": Message(
        vi="Vai trò của bạn không có quyền làm việc này ({permission}). Nếu công việc cần, hãy lập yêu cầu cấp quyền.",
        en="Your roles do not hold the permission for this ({permission}). If your work needs it, file a request.",
    ),
    "access.not_yours": Message(
        vi="Trang này không dành cho loại tài khoản của bạn.",
        en="This page is not for your kind of account.",
    ),
    "audit.unavailable": Message(
        vi="Không ghi được nhật ký kiểm toán nên việc chưa được thực hiện. Không có gì thay đổi; hãy thử lại sau.",
        en="The audit trail cannot be written, so the act was not done. Nothing has changed; try again later.",
    ),
    "audit.room_is_low": Message(
        vi="Ổ đĩa của nhật ký kiểm toán gần đầy nên việc đặc quyền tạm dừng. Hãy báo người trực giải phóng chỗ.",
        en="The disk of the audit trail is nearly full, so privileged acts wait. Ask the person on call to make room.",
    ),
    "csrf.invalid": Message(
        vi="Biểu mẫu đã hết hạn hoặc không do trang này gửi. Hãy mở lại trang và gửi lại.",
        en="The form has expired or did not come from this page. Open the page again and resend.",
    ),
    "database.no_room": Message(
        vi="Ổ đĩa của cơ sở dữ liệu đã đầy nên việc chưa được thực hiện. Không có gì thay đổi; hãy báo người trực.",
        en="The disk of the database is full, so the act was not done. Nothing has changed; tell the person on call.",
    ),
    "database.at_once": Message(
        vi="Có người vừa làm đúng việc này cùng lúc, nên lần này không có gì thay đổi. Mở lại trang để xem kết quả.",
        en="Somebody did the very same at the same moment, so nothing changed this time. Open the page again and look.",
    ),
    "database.unavailable": Message(
        vi="Cơ sở dữ liệu không trả lời. Không có gì thay đổi; hãy thử lại sau ít phút.",
        en="The database does not answer. Nothing has changed; try again in a few minutes.",
    ),
    "error.unexpected": Message(
        vi="Có lỗi ngoài dự kiến; việc chưa được thực hiện. Hãy báo mã tra cứu cho người trực.",
        en="Something unexpected went wrong; nothing was done. Give the reference number to the person on call.",
    ),
    "form.invalid": Message(
        vi="Có {count} mục cần sửa.",
        en="{count} entries need mending.",
    ),
    "host.unknown": Message(
        vi="Máy chủ này không trả lời dưới tên đó. Hãy dùng đúng địa chỉ của hệ thống.",
        en="This server does not answer under that name. Use the system's own address.",
    ),
    "input.encoding": Message(
        vi="Nội dung gửi lên không phải UTF-8 hợp lệ. Hãy gửi lại bằng UTF-8.",
        en="What was sent is not valid UTF-8. Send it again as UTF-8.",
    ),
    "input.not_a_choice": Message(
        vi="Chọn một giá trị trong danh sách.",
        en="Choose one of the listed values.",
    ),
    "input.not_a_date": Message(
        vi="Nhập ngày theo dạng ngày/tháng/năm, ví dụ 25/11/2026.",
        en="Enter a date as day/month/year, for example 25/11/2026.",
    ),
    "input.required": Message(
        vi="Mục này không được để trống.",
        en="This entry must not be empty.",
    ),
    "input.too_long": Message(
        vi="Mục này dài quá {maximum} ký tự.",
        en="This entry is longer than {maximum} characters.",
    ),
    "mail.not_sent": Message(
        vi="Máy chủ thư không nhận thư ({reason}). Thư vẫn nằm trong hàng đợi và được gửi lại.",
        en="The mail relay did not take the letter ({reason}). It waits and is sent again.",
    ),
    "method.not_allowed": Message(
        vi="Địa chỉ này không nhận cách gửi đó. Hãy quay lại trang trước và dùng nút trên trang.",
        en="This address does not take that kind of request. Go back and use the button on the page.",
    ),
    "not_found": Message(
        vi="Không có gì ở địa chỉ này, hoặc bạn không được xem. Kiểm tra lại mã hoặc quay về danh sách.",
        en="There is nothing at this address, or it is not yours to see. Check the code or go back to the list.",
    ),
    "origin.refused": Message(
        vi="Yêu cầu đến từ một trang khác nên bị từ chối. Hãy làm việc này ngay trên trang của hệ thống.",
        en="The request came from another site and was refused. Do this on the system's own pages.",
    ),
    "request.bad": Message(
        vi="Yêu cầu không đọc được. Hãy mở lại trang và gửi lại.",
        en="The request cannot be read. Open the page again and resend.",
    ),
    "request.too_large": Message(
        vi="Nội dung gửi lên quá lớn; tối đa {maximum_mib} MiB.",
        en="What was sent is too large; the maximum is {maximum_mib} MiB.",
    ),
    "scope.outside": Message(
        vi="Đối tượng có thật nhưng ngoài phạm vi đơn vị của người xem, nên trả lời như không có.",
        en="The thing is there but outside the scope of the person's unit, so the answer is that there is none.",
    ),
    "session.required": Message(
        vi="Hãy đăng nhập để tiếp tục; phiên trước đã kết thúc hoặc chưa có.",
        en="Sign in to continue; there is no session or it has ended.",
    ),
    "stand.not_running": Message(
        vi="Không thấy hệ thống đang chạy với thư mục dữ liệu {data}. Chạy bin/up trước, hoặc chỉ thư mục bằng --data.",
        en="No running product was found for the data folder {data}. Run bin/up first, or name the folder with --data.",
    ),
    "token.refused": Message(
        vi="Thiếu mã truy cập của hệ thống gọi, hoặc mã không đúng.",
        en="The calling system's token is missing or wrong.",
    ),
}
