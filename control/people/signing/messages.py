"""Sentences about signing on a phone, and those that stand on the phone itself."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "certificate.no_number": Message(
        vi="Chứng thư số không ghi số định danh cá nhân hay mã số thuế, nên chưa đăng ký được. Hãy chọn cách khác.",
        en="The certificate names neither an identity number nor a tax code, so it registers nobody. Use another way.",
    ),
    "certificate.number_taken": Message(
        vi="Số mà chứng thư số ghi đã có tài khoản ở đây. Hãy đăng nhập tài khoản đó rồi gắn thiết bị ký số, hoặc báo "
        "nếu tài khoản đó không phải của bạn.",
        en="The number the certificate names has an account here. Sign in to it and bind the signing device there, or "
        "report it if it is not yours.",
    ),
    "certificate.other_kind": Message(
        vi="Chứng thư số thuộc loại khác: của cá nhân thay vì tổ chức, hoặc ngược lại. Hãy chọn đúng loại tài khoản.",
        en="The certificate is of the other kind, an individual's or an organisation's. Choose the kind it is of.",
    ),
    "notice.device_bound": Message(
        vi="Một thiết bị ký số vừa được gắn với tài khoản của bạn. Nếu không phải của bạn, hãy báo mất thiết bị đó ở "
        "trang tài khoản và gửi khiếu nại.",
        en="A signing device was bound to your account. If it is not yours, report it lost on your account's page and "
        "complain.",
    ),
    "signing.account": Message(
        vi="Nhập tài khoản ký số từ xa: 3 đến 120 chữ cái không dấu, chữ số hoặc các dấu @ . _ + -.",
        en="Enter the remote signing account: 3 to 120 letters without marks, digits, or @ . _ + -.",
    ),
    "signing.blocked": Message(
        vi="SIM hoặc tài khoản ký số đang bị khoá. Hãy liên hệ nhà cung cấp dịch vụ ký số.",
        en="The signing SIM or account is blocked. Turn to the provider of the signing service.",
    ),
    "signing.display_bind": Message(
        vi="{organisation}: gắn thiết bị ký số với tài khoản. Mã {code}. Chỉ xác nhận khi màn hình hiện đúng mã này.",
        en="{organisation}: bind the signing device. Code {code}. Confirm only when your screen shows this code.",
    ),
    "signing.display_raise": Message(
        vi="{organisation}: nâng mức bảo đảm của phiên. Mã {code}. Chỉ xác nhận khi màn hình hiện đúng mã này.",
        en="{organisation}: raise the session's level. Code {code}. Confirm only when your screen shows this code.",
    ),
    "signing.display_register": Message(
        vi="{organisation}: đăng ký tài khoản. Mã {code}. Chỉ xác nhận khi màn hình hiện đúng mã này.",
        en="{organisation}: register an account. Code {code}. Confirm only when your screen shows this code.",
    ),
    "signing.display_sign_in": Message(
        vi="{organisation}: đăng nhập. Mã {code}. Chỉ xác nhận khi màn hình hiện đúng mã này.",
        en="{organisation}: sign in. Code {code}. Confirm only when your screen shows this code.",
    ),
    "signing.not_configured": Message(
        vi="Cách này chưa được cài đặt ở đây. Hãy chọn cách khác.",
        en="This way is not set up here. Use another way.",
    ),
    "signing.not_ours": Message(
        vi="Chữ ký nhận được không phải cho yêu cầu này. Không có gì được thực hiện; hãy thử lại từ đầu.",
        en="The signature that came is not of this question. Nothing has been done; begin again.",
    ),
    "signing.number_differs": Message(
        vi="Chứng thư số ghi một số khác với số của bạn. Hãy dùng thiết bị ký số của chính mình.",
        en="The certificate names another number than yours. Use a signing device of your own.",
    ),
    "signing.other_person": Message(
        vi="Chữ ký nhận được không phải của bạn. Không có gì được thực hiện.",
        en="The signature that came is not yours. Nothing has been done.",
    ),
    "signing.over": Message(
        vi="Yêu cầu ký số đã hết hạn, đã dùng, hoặc không phải của trình duyệt này. Hãy bắt đầu lại.",
        en="The signing question has run out, was used, or is not of this browser. Begin again.",
    ),
    "signing.refused": Message(
        vi="Chưa đăng nhập được bằng ký số. Kiểm tra số điện thoại hoặc tài khoản ký số rồi thử lại, hoặc dùng cách "
        "khác; nếu chưa có tài khoản, hãy đăng ký trước.",
        en="Not signed in by signing. Check the number or account and try again, or use another way; without an "
        "account here, register first.",
    ),
    "signing.refused_by_holder": Message(
        vi="Yêu cầu đã bị từ chối trên điện thoại. Nếu mã trên điện thoại khác mã trên màn hình, việc từ chối là đúng.",
        en="The question was refused on the phone. If the code there was another than on this screen, that was right.",
    ),
    "signing.silent": Message(
        vi="Dịch vụ ký số không trả lời. Không có gì được thực hiện; hãy thử lại sau hoặc dùng cách khác.",
        en="The signing service does not answer. Nothing has been done; try again later or use another way.",
    ),
    "signing.timed_out": Message(
        vi="Không ai xác nhận trên điện thoại trong thời gian cho phép. Hãy thử lại.",
        en="Nobody confirmed on the phone in time. Try again.",
    ),
    "signing.too_many": Message(
        vi="Đã gửi quá nhiều yêu cầu ký số tới số này hoặc từ địa chỉ mạng này. Hãy thử lại sau một giờ, hoặc dùng "
        "cách khác.",
        en="Too many signing questions were put to this number or from this network address. Try again in an hour, or "
        "use another way.",
    ),
    "signing.unknown_subscriber": Message(
        vi="Dịch vụ ký số không biết số điện thoại hoặc tài khoản này.",
        en="The signing service does not know this number or account.",
    ),
    "signing.waiting": Message(
        vi="Điện thoại chưa xác nhận. So mã, nhập PIN trên điện thoại rồi bấm lại.",
        en="The phone has not confirmed yet. Compare the code, enter the PIN there, then press again.",
    ),
}
