"""Sentences about applicants, their accounts and complaints, and those that leave the house by message."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "citizen.changed": Message(
        vi="Thông tin đăng ký vừa được sửa. Đọc lại rồi quyết định.",
        en="The registration has just been corrected. Read it again, then decide.",
    ),
    "citizen.code_over": Message(
        vi="Mã xác nhận đã hết hạn, đã dùng, hoặc sai quá nhiều lần. Hãy đăng ký lại từ đầu.",
        en="The confirmation code has run out, was used, or was wrong too often. Register again.",
    ),
    "citizen.code_refused": Message(
        vi="Mã xác nhận không đúng. Đọc lại mã trong tin nhắn hoặc thư.",
        en="The confirmation code is not right. Read it again in the message or the mail.",
    ),
    "citizen.decided": Message(
        vi="Đăng ký này đã được quyết định hoặc đang chờ sửa.",
        en="This registration was decided already, or waits for a correction.",
    ),
    "citizen.desk_silent": Message(
        vi="Chưa kiểm tra được thông tin với đơn vị xác nhận. Không có gì được lưu; hãy thử lại sau.",
        en="What you gave cannot be checked with the desk that vouches for it. Nothing was kept; try again later.",
    ),
    "citizen.email": Message(
        vi="Nhập một địa chỉ thư điện tử, ví dụ ten@vidu.example.",
        en="Enter one mail address, for example name@vidu.example.",
    ),
    "citizen.level_low": Message(
        vi="Mức bảo đảm định danh của tài khoản còn thấp hơn mức cần ({needed}). "
        "Nâng mức bằng cách đăng ký lại với thuê bao chính chủ, định danh điện tử hoặc chữ ký số.",
        en="The assurance of this account is below what is needed ({needed}). "
        "Raise it by a subscription in your own name, electronic identity or a digital signature.",
    ),
    "citizen.name": Message(
        vi="Nhập họ tên hoặc tên tổ chức, không quá 120 ký tự.",
        en="Enter the name of the person or organisation, up to 120 characters.",
    ),
    "citizen.no_account": Message(
        vi="Không có tài khoản đang dùng được để nộp hồ sơ.",
        en="There is no account in use that could file.",
    ),
    "citizen.not_returned": Message(
        vi="Tài khoản này không chờ sửa thông tin.",
        en="This account does not wait for a correction.",
    ),
    "citizen.not_vouched": Message(
        vi="Thông tin không khớp với người đứng tên. Dùng thuê bao hoặc số của chính bạn.",
        en="What you gave does not belong to the person named. Use a subscription or number of your own.",
    ),
    "citizen.number": Message(
        vi="Số không đúng dạng. Số định danh có 12 chữ số; mã số thuế, mã số doanh nghiệp có 10 chữ số.",
        en="The number has not the right form. An identity number has 12 digits; a tax or business code has 10.",
    ),
    "citizen.own_decision": Message(
        vi="Không ai tự duyệt tài khoản của mình.",
        en="Nobody decides on their own account.",
    ),
    "citizen.phone": Message(
        vi="Nhập số điện thoại di động, ví dụ 0912 000 000.",
        en="Enter a mobile number, for example 0912 000 000.",
    ),
    "citizen.portal_closed": Message(
        vi="Cổng này không nhận đăng ký tài khoản; hãy đăng ký trên Cổng Dịch vụ công quốc gia.",
        en="This portal takes no registrations; register on the National Public Service Portal.",
    ),
    "citizen.refused": Message(
        vi="Đăng ký của tài khoản này đã bị từ chối.",
        en="The registration of this account was refused.",
    ),
    "citizen.registered": Message(
        vi="Tài khoản đang chờ duyệt nên chưa nộp được hồ sơ.",
        en="The account waits for its check and cannot file yet.",
    ),
    "citizen.returned": Message(
        vi="Tài khoản được yêu cầu sửa thông tin; sửa xong và được duyệt mới nộp được hồ sơ.",
        en="A correction of the account was asked for; it can file once corrected and approved.",
    ),
    "citizen.too_many": Message(
        vi="Quá nhiều lần đăng ký từ địa chỉ mạng này trong một ngày. Hãy thử lại ngày mai.",
        en="Too many registrations from this network address in a day. Try again tomorrow.",
    ),
    "citizen.way_closed": Message(
        vi="Cách đăng ký này không mở theo quy chế đang áp dụng.",
        en="This way of registering is not open under the rules in force.",
    ),
    "exchange.not_answered": Message(
        vi="Dịch vụ bên ngoài không trả lời dùng được ({reason}). Không có gì bị mất; hãy thử lại sau.",
        en="The service outside gave no answer that can be relied on ({reason}). Nothing is lost; try again later.",
    ),
    "identity.key_missing": Message(
        vi="Chưa đặt khoá niêm phong thông tin định danh (VONGLAU_APPLICANT_KEY). Hãy báo người trực.",
        en="The key that seals identity data (VONGLAU_APPLICANT_KEY) is not set. Tell the person on call.",
    ),
    "identity.sealed": Message(
        vi="Không mở được thông tin định danh đã niêm phong. Hãy báo người trực kèm mã tra cứu.",
        en="The sealed identity data cannot be opened. Tell the person on call, with the reference number.",
    ),
    "issue.out_of_order": Message(
        vi="Bước này không theo sau trạng thái hiện tại ({state}).",
        en="This step does not follow the present state ({state}).",
    ),
    "issue.own": Message(
        vi="Không ai giải quyết khiếu nại về tài khoản của chính mình.",
        en="Nobody handles a complaint about their own account.",
    ),
    "issue.reach": Message(
        vi="Cho một số điện thoại hoặc một địa chỉ thư để chúng tôi trả lời.",
        en="Give a phone number or a mail address we can answer to.",
    ),
    "issue.result": Message(
        vi="Ghi kết quả giải quyết.",
        en="Write what came of it.",
    ),
    "lock.nothing": Message(
        vi="Không có khoá nào loại này đang đứng.",
        en="No lock of this kind stands.",
    ),
    "lock.unknown_cause": Message(
        vi="Lý do này không gỡ được ở đây.",
        en="This cause is not lifted here.",
    ),
    "message.expired": Message(
        vi="Tin đã quá hạn trước khi gửi được.",
        en="The message ran out before it could go.",
    ),
    "message.failed": Message(
        vi="Nơi nhận từ chối tin này.",
        en="The other side refuses this message.",
    ),
    "outbox.account_approved": Message(
        vi="{organisation}: tài khoản của bạn đã được duyệt, bạn có thể nộp hồ sơ.",
        en="{organisation}: your account is approved, you may file.",
    ),
    "outbox.account_refused": Message(
        vi="{organisation}: đăng ký tài khoản của bạn bị từ chối. Lý do: {reason}",
        en="{organisation}: the registration of your account was refused. Reason: {reason}",
    ),
    "outbox.account_returned": Message(
        vi="{organisation}: cần sửa thông tin đăng ký tài khoản: {reason}. Đăng nhập để sửa.",
        en="{organisation}: correct the registration of your account: {reason}. Sign in to correct it.",
    ),
    "outbox.code": Message(
        vi="{organisation}: mã xác nhận của bạn là {code}. Không đưa mã này cho ai.",
        en="{organisation}: your confirmation code is {code}. Give it to nobody.",
    ),
    "outbox.dormant": Message(
        vi="{organisation}: tài khoản của bạn lâu không dùng và sẽ bị khoá. Đăng nhập để giữ tài khoản.",
        en="{organisation}: your account has not been used for long and will be locked. Sign in to keep it.",
    ),
    "outbox.identity_linked": Message(
        vi="{organisation}: định danh điện tử mang số của bạn vừa được nối với tài khoản ở đây và dùng để đăng nhập. "
        "Nếu không phải bạn, hãy báo ngay cho chúng tôi.",
        en="{organisation}: the electronic identity of your number was just linked to your account here and signs in "
        "to it. If it was not you, tell us at once.",
    ),
    "outbox.issue_accepted": Message(
        vi="{organisation}: khiếu nại {code} đã được thụ lý; kết quả trước {due}.",
        en="{organisation}: complaint {code} is formally accepted; the result comes by {due}.",
    ),
    "outbox.issue_acknowledged": Message(
        vi="{organisation}: đã nhận khiếu nại {code} về tài khoản và đang kiểm tra.",
        en="{organisation}: complaint {code} about the account was received and is being checked.",
    ),
    "outbox.issue_settled": Message(
        vi="{organisation}: khiếu nại {code} đã có kết quả: {result}",
        en="{organisation}: complaint {code} has its result: {result}",
    ),
    "outbox.password_changed": Message(
        vi="{organisation}: mật khẩu tài khoản của bạn vừa được đặt lại, mọi phiên đã kết thúc. "
        "Nếu không phải bạn, hãy báo ngay cho chúng tôi.",
        en="{organisation}: the password of your account was replaced and every session has ended. "
        "If it was not you, tell us at once.",
    ),
    "outbox.recovery_closed": Message(
        vi="{organisation}: có người vừa xin đặt lại mật khẩu của bạn. Mật khẩu không còn dùng để đăng nhập; "
        "hãy đăng nhập bằng định danh điện tử, tài khoản và hồ sơ của bạn vẫn còn.",
        en="{organisation}: somebody asked to replace your password. Passwords no longer count for signing in; "
        "sign in by electronic identity, your account and dossiers are still there.",
    ),
    "outbox.recovery_code": Message(
        vi="{organisation}: có người xin đặt lại mật khẩu tài khoản của bạn. Mã của bạn là {code}. "
        "Nếu không phải bạn, bỏ qua tin này. Không đưa mã cho ai.",
        en="{organisation}: somebody asked to replace the password of your account. Your code is {code}. "
        "If it was not you, ignore this. Give the code to nobody.",
    ),
    "outbox.reset_asked": Message(
        vi="{organisation}: cán bộ đã lập đề nghị đặt lại cách đăng nhập tài khoản của bạn, chờ người thứ hai "
        "xác nhận. Nếu bạn không đến đề nghị, hãy báo ngay cho chúng tôi.",
        en="{organisation}: an officer asked to reset how you sign in; a second one has to confirm. "
        "If you did not come to ask for it, tell us at once.",
    ),
    "outbox.reset_confirmed": Message(
        vi="{organisation}: hai cán bộ đã đặt lại cách đăng nhập tài khoản của bạn, mọi phiên đã kết thúc. "
        "Nếu bạn không đề nghị, hãy báo ngay cho chúng tôi.",
        en="{organisation}: two officers reset how you sign in and every session has ended. "
        "If you did not ask for it, tell us at once.",
    ),
    "outbox.sign_in": Message(
        vi="{organisation}: mã đăng nhập của bạn là {code}. Không đưa mã này cho ai.",
        en="{organisation}: your sign-in code is {code}. Give it to nobody.",
    ),
    "outbox.subject": Message(
        vi="{organisation}: tài khoản của bạn",
        en="{organisation}: your account",
    ),
    "outbox.taken": Message(
        vi="{organisation}: có người vừa thử đăng ký tài khoản bằng số của bạn. "
        "Nếu không phải bạn, hãy báo cho chúng tôi.",
        en="{organisation}: somebody tried to register an account with your number. If it was not you, tell us.",
    ),
    "outbox.taken_elsewhere": Message(
        vi="{organisation}: số này không đăng ký được ở đây vì đã đăng nhập bằng định danh điện tử. "
        "Hãy tiếp tục đăng nhập bằng định danh điện tử.",
        en="{organisation}: this number cannot be registered, because its holder signs in by electronic identity. "
        "Go on signing in by electronic identity.",
    ),
    "password.must_change": Message(
        vi="Phải đặt mật khẩu mới trước khi làm việc khác. Mở trang “Đặt mật khẩu mới”.",
        en="A new password has to be set before anything else. Open the page “Set a new password”.",
    ),
    "password.not_same": Message(
        vi="Hai lần nhập mật khẩu mới không giống nhau.",
        en="The two entries of the new password differ.",
    ),
    "person.none_here": Message(
        vi="Mật khẩu của bạn không đặt ở đây.",
        en="Your password is not kept here.",
    ),
    "recovery.no_phone": Message(
        vi="Tài khoản không có số điện thoại đã xác nhận.",
        en="The account has no proved phone.",
    ),
    "recovery.number": Message(
        vi="Nhập số định danh, mã số thuế hoặc mã số doanh nghiệp mà bạn dùng để đăng nhập.",
        en="Enter the identity number, tax code or business code you sign in by.",
    ),
    "recovery.often": Message(
        vi="Đã gửi đủ số lần mã đặt lại mật khẩu của tài khoản này trong một ngày.",
        en="The day's codes to replace the password of this account are used up.",
    ),
    "recovery.over": Message(
        vi="Lần đặt lại mật khẩu này đã xong, hết hạn hoặc sai quá nhiều lần. Hãy bắt đầu lại.",
        en="This replacing of a password is done, ran out, or was wrong too often. Start again.",
    ),
    "recovery.refused": Message(
        vi="Hai bằng chứng không khớp. Kiểm tra mã tin nhắn và bằng chứng thứ hai; sai vài lần thì phải bắt đầu lại.",
        en="The two proofs do not fit. Check the code of the short message and the second proof; "
        "after a few wrong ones you start again.",
    ),
    "recovery.too_many": Message(
        vi="Quá nhiều lần xin đặt lại mật khẩu từ địa chỉ mạng này trong một ngày. Hãy thử lại ngày mai.",
        en="Passwords were asked to be replaced too often from this network address in a day. Try again tomorrow.",
    ),
    "recovery.unknown": Message(
        vi="Không có tài khoản nào mang số này.",
        en="No account has this number.",
    ),
    "sign-in.sms_enough": Message(
        vi="Chưa gửi được mã: không có số điện thoại đã xác nhận hoặc đã gửi đủ số mã trong giờ.",
        en="No code was sent: there is no proved phone, or the hour's codes are used up.",
    ),
}
