"""Sentences of this wing. Those shown at sign-in never say why: the trail knows, the person outside may not."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "factor.clock_differs": Message(
        vi="Đồng hồ của hệ thống và của máy chủ cơ sở dữ liệu lệch nhau nên chưa nhận mã dùng một lần.",
        en="The system's clock and the database server's disagree, so no one-time code counts for now.",
    ),
    "directory.identity_conflict": Message(
        vi="Mục này của danh bạ đang thuộc về một tên đăng nhập khác ở đây. Một tên chỉ thuộc một người; "
        "quản trị danh bạ cần xem lại.",
        en="This entry of the directory already belongs to another sign-in name here. A name is one person for ever; "
        "the directory's administrator has to look into it.",
    ),
    "directory.listing_incomplete": Message(
        vi="Danh sách đọc từ danh bạ không đầy đủ ({reason}). Không có gì thay đổi; sẽ đọc lại lần sau.",
        en="The listing read from the directory is not complete ({reason}). Nothing has changed; it is read again.",
    ),
    "directory.listing_too_small": Message(
        vi="Danh bạ trả về ít người hơn hẳn lần trước nên danh sách bị từ chối. Không có gì thay đổi.",
        en="The directory returned far fewer people than last time, so the listing was refused. Nothing has changed.",
    ),
    "directory.unavailable": Message(
        vi="Danh bạ không trả lời nên chưa thể kiểm tra mật khẩu. Không có gì bị mất, lần thử này không bị tính; "
        "hãy thử lại sau ít phút. Phiên đang mở vẫn dùng được.",
        en="The directory does not answer, so the password cannot be checked. Nothing is lost and this try does not "
        "count; try again in a few minutes. Sessions already open go on.",
    ),
    "factor.key_missing": Message(
        vi="Chưa đặt khoá mã hoá yếu tố thứ hai (VONGLAU_FACTOR_KEY), nên chưa ghi danh được. Hãy báo người trực.",
        en="The key that seals second factors (VONGLAU_FACTOR_KEY) is not set, so nobody can enrol. "
        "Tell the person on call.",
    ),
    "factor.sealed": Message(
        vi="Không mở được khoá của yếu tố thứ hai, nên chưa kiểm tra được mã. Hãy báo người trực kèm mã tra cứu.",
        en="The key of the second factor cannot be opened, so the code cannot be checked. "
        "Tell the person on call, with the reference number.",
    ),
    "factor.code_wrong": Message(
        vi="Mã ghi danh sai, đã dùng, hết hạn hoặc chưa được cấp.",
        en="The enrolment code was wrong, used, over, or never handed out.",
    ),
    "factor.has_factor": Message(
        vi="Người này đang có yếu tố thứ hai. Muốn ghi danh lại thì cần hai người đặt lại.",
        en="This person has a second factor. Enrolling anew takes a reset by two officers.",
    ),
    "factor.key_challenge": Message(
        vi="Câu hỏi cho khoá đã hết hạn, đã trả lời rồi, hoặc thuộc trình duyệt khác. Hãy thử lại.",
        en="The question to the key has run out, was answered before, or belongs to another browser. Try again.",
    ),
    "factor.key_cloned": Message(
        vi="Bộ đếm của khoá đi lùi: có thể khoá đã bị sao chép.",
        en="The counter of the key went back: the key may have been copied.",
    ),
    "factor.key_form": Message(
        vi="Điều gửi đến không phải câu trả lời của một khoá.",
        en="What was sent is not the answer of a key.",
    ),
    "factor.key_many": Message(
        vi="Đã đủ số khoá một người được có. Bỏ một khoá trước đã.",
        en="That is as many keys as one person may have. Remove one first.",
    ),
    "factor.key_refused": Message(
        vi="Khoá trả lời nhưng không chứng minh được: sai nguồn, không xác minh người dùng, hoặc chữ ký sai.",
        en="The key answered but proved nothing: another origin, no user verification, or a wrong signature.",
    ),
    "factor.key_unknown": Message(
        vi="Khoá này chưa ghi danh ở đây, đã bỏ, hoặc của người khác.",
        en="This key is not enrolled here, was removed, or belongs to somebody else.",
    ),
    "factor.label": Message(
        vi="Đặt cho khoá một cái tên, không quá 60 ký tự, để bạn nhận ra nó.",
        en="Give the key a name of up to 60 characters that you will know it by.",
    ),
    "factor.last": Message(
        vi="Đây là yếu tố cuối cùng của bạn. Ghi danh cái khác trước rồi mới bỏ được.",
        en="This is your last factor. Enrol another one before you remove it.",
    ),
    "factor.own_code": Message(
        vi="Không ai tự cấp mã ghi danh cho chính mình.",
        en="Nobody hands an enrolment code to themselves.",
    ),
    "factor.reset_expired": Message(
        vi="Đề nghị này đã quá hạn chờ người thứ hai. Hãy đề nghị lại.",
        en="This request waited too long for its second person. Ask again.",
    ),
    "factor.reset_open": Message(
        vi="Đã có một đề nghị đặt lại đang chờ người thứ hai.",
        en="A reset is waiting for its second person already.",
    ),
    "factor.reset_own": Message(
        vi="Không ai được đề nghị hay xác nhận đặt lại yếu tố của chính mình.",
        en="Nobody asks for or confirms the reset of their own factors.",
    ),
    "factor.reset_reason": Message(
        vi="Ghi lý do đặt lại, không quá 300 ký tự.",
        en="Write why, in up to 300 characters.",
    ),
    "factor.reset_same_person": Message(
        vi="Người xác nhận phải là người khác với người đã đề nghị.",
        en="Whoever confirms must not be the one who asked.",
    ),
    "factor.reset_settled": Message(
        vi="Đề nghị này đã được xử lý rồi.",
        en="This request was settled already.",
    ),
    "directory.silent_too_long": Message(
        vi="Danh bạ im lặng quá lâu nên chưa đăng nhập bằng khoá được.",
        en="The directory has been silent too long for signing in by key.",
    ),
    "notice.elsewhere": Message(
        vi="Tài khoản của bạn đang có phiên ở hai địa chỉ cùng lúc. Nếu một nơi không phải bạn: kết thúc phiên đó "
        "ở trang Đăng nhập của tôi, đổi mật khẩu và báo cán bộ an toàn thông tin.",
        en="Your account has sessions at two addresses at once. If one is not you: end it on the page My sign-in, "
        "change your password and tell a security officer.",
    ),
    "notice.elsewhere_ended": Message(
        vi="Tài khoản của bạn vừa được đăng nhập ở địa chỉ khác, nên phiên cũ đã kết thúc. Nếu không phải bạn: "
        "đổi mật khẩu và báo ngay cán bộ an toàn thông tin.",
        en="Your account was signed in at another address, so the older session has ended. If it was not you: change "
        "your password and tell a security officer at once.",
    ),
    "notice.key_cloned": Message(
        vi="Một khoá của bạn vừa bị từ chối vì bộ đếm đi lùi: có thể khoá đã bị sao chép. Hãy bỏ khoá đó và báo "
        "cán bộ an toàn thông tin.",
        en="One of your keys was refused because its counter went back: it may have been copied. Remove that key and "
        "tell a security officer.",
    ),
    "notice.recovery_made": Message(
        vi="Bạn vừa có một bộ mã khôi phục mới; bộ cũ không còn giá trị.",
        en="A new set of recovery codes was made for you; the old one is worth nothing now.",
    ),
    "notice.recovery_used": Message(
        vi="Một mã khôi phục của bạn vừa được dùng để đăng nhập. Nếu không phải bạn, hãy báo ngay cán bộ "
        "an toàn thông tin.",
        en="One of your recovery codes was used to sign in. If that was not you, tell a security officer at once.",
    ),
    "notice.reset_confirmed": Message(
        vi="Các yếu tố của bạn đã được hai người đặt lại, mọi phiên đã kết thúc.",
        en="Your factors were reset by two officers, and every session has ended.",
    ),
    "notice.reset_requested": Message(
        vi="Có người đề nghị đặt lại các yếu tố của bạn. Nếu bạn không nhờ, hãy báo ngay cán bộ an toàn thông tin.",
        en="Somebody asked to reset your factors. If you did not ask for it, tell a security officer at once.",
    ),
    "sign-in.enrolment_refused": Message(
        vi="Mã ghi danh không đúng, đã dùng, đã hết hạn, hoặc chưa được cấp. Hãy gặp cán bộ an toàn "
        "thông tin của cơ quan.",
        en="The enrolment code is wrong, used, over, or was never handed out. See a security officer of your agency.",
    ),
    "sign-in.key_refused": Message(
        vi="Khoá không được chấp nhận. Thử lại, hoặc đăng nhập bằng cách khác.",
        en="The key was not accepted. Try again, or sign in another way.",
    ),
    "sign-in.recovery_refused": Message(
        vi="Mã khôi phục không đúng hoặc đã dùng rồi.",
        en="The recovery code is wrong or was used before.",
    ),
    "person.not_active": Message(
        vi="Người này đã bị tạm dừng hoặc đã thôi việc.",
        en="This person is suspended or has left.",
    ),
    "sign-in.code_refused": Message(
        vi="Mã không đúng, đã dùng rồi, hoặc không phải sáu chữ số. Chờ ứng dụng hiện mã mới rồi nhập lại.",
        en="The code is wrong, already used, or not six digits. Wait for the application to show a new one.",
    ),
    "sign-in.code_wrong": Message(
        vi="Mã sai, hoặc đã dùng.",
        en="The code was wrong, or used before.",
    ),
    "sign-in.codes_used_up": Message(
        vi="Quá nhiều mã sai trong 24 giờ; bước hai ngừng nhận mã của người này.",
        en="Too many wrong codes in 24 hours; the second step takes no more of this person.",
    ),
    "sign-in.directory_locked": Message(
        vi="Danh bạ đang khoá tài khoản này.",
        en="The directory has locked this account.",
    ),
    "sign-in.form": Message(
        vi="Tên, mật khẩu hoặc mã không đúng dạng nên không được gửi đi kiểm tra.",
        en="The name, password or code did not have the form that is checked at all.",
    ),
    "sign-in.locked": Message(
        vi="Tên này bị khoá vì nhập sai nhiều lần liên tiếp; cán bộ an toàn thông tin có thể mở sớm.",
        en="This name is locked after wrong tries in a row; a security officer can release it early.",
    ),
    "sign-in.name_ambiguous": Message(
        vi="Danh bạ có hai mục cùng tên đăng nhập.",
        en="The directory holds two entries of one sign-in name.",
    ),
    "lock.paper": Message(
        vi="Khoá theo giấy báo tử, quyết định giải thể hoặc của toà án thì phải ghi số và ngày văn bản.",
        en="A lock that follows a death, a dissolution or a court names the number and the date of the paper.",
    ),
    "password.crowd": Message(
        vi="Quá nhiều người đang đăng nhập cùng lúc. Không có gì bị mất; hãy thử lại sau ít giây.",
        en="Too many people are signing in at once. Nothing is lost; try again in a few seconds.",
    ),
    "password.form": Message(
        vi="Mật khẩu phải có từ 1 đến 256 ký tự, không có ký tự điều khiển.",
        en="A password has 1 to 256 characters and no control characters.",
    ),
    "password.holds_name": Message(
        vi="Mật khẩu không được chứa tên đăng nhập.",
        en="The password must not hold the sign-in name.",
    ),
    "password.in_directory": Message(
        vi="Mật khẩu của cán bộ ở trong danh bạ, không đặt ở đây.",
        en="The password of staff is in the directory and is not set here.",
    ),
    "password.repeats": Message(
        vi="Mật khẩu lặp lại quá ít ký tự khác nhau. Hãy chọn mật khẩu khác.",
        en="The password repeats too few different characters. Choose another.",
    ),
    "password.too_short": Message(
        vi="Mật khẩu phải có ít nhất {minimum} ký tự.",
        en="The password needs at least {minimum} characters.",
    ),
    "password.too_simple": Message(
        vi="Mật khẩu phải có đủ {kinds} loại ký tự: chữ hoa, chữ thường, chữ số và dấu.",
        en="The password needs all {kinds} kinds of characters: capitals, small letters, digits and signs.",
    ),
    "password.used_before": Message(
        vi="Mật khẩu này đã dùng rồi. Hãy chọn mật khẩu khác.",
        en="This password was used before. Choose another.",
    ),
    "person.locked": Message(
        vi="Tài khoản của người này đang bị khoá.",
        en="This person is locked.",
    ),
    "sign-in.name_unknown": Message(
        vi="Danh bạ không có tên đăng nhập này.",
        en="The directory has no such sign-in name.",
    ),
    "sign-in.no_password_step": Message(
        vi="Bước hai đã hết hạn hoặc chưa qua bước một. Hãy nhập lại tên và mật khẩu.",
        en="The second step has run out, or there was no first one. Enter name and password again.",
    ),
    "sign-in.password_expired": Message(
        vi="Mật khẩu đã hết hạn và không còn lần đăng nhập ân hạn.",
        en="The password has expired and no grace sign-in is left.",
    ),
    "sign-in.password_must_change": Message(
        vi="Mật khẩu phải được đổi trước khi đăng nhập.",
        en="The password has to be changed before signing in.",
    ),
    "sign-in.password_wrong": Message(
        vi="Mật khẩu sai.",
        en="The password was wrong.",
    ),
    "sign-in.refused": Message(
        vi="Tên hoặc mật khẩu không đúng, hoặc tài khoản chưa dùng được. Chờ một chút rồi thử lại; càng sai nhiều, "
        "thời gian chờ càng dài. Nếu vẫn không được, hãy gọi bàn hỗ trợ và đọc mã tra cứu.",
        en="The name or the password is wrong, or the account cannot be used yet. Wait a moment and try again; "
        "each wrong try makes the wait longer. If it goes on, call the help desk and give the reference number.",
    ),
    "sign-in.slowed": Message(
        vi="Phải chờ giữa hai lần thử vì vừa nhập sai nhiều lần.",
        en="A wait between two tries is in force after several wrong ones.",
    ),
    "step-up.changed": Message(
        vi="Nội dung đã khác với điều bạn vừa được hỏi, nên chưa làm gì. Đọc lại rồi xác nhận bằng mã mới.",
        en="What was sent is not what you were asked about, so nothing was done. Read it again and confirm anew.",
    ),
    "level.unknown": Message(
        vi="Không có mức bảo đảm này. Mức là thấp, trung bình hoặc cao.",
        en="There is no such level. A level is low, medium or high.",
    ),
    "step-up.level": Message(
        vi="Bằng chứng đúng nhưng chưa đủ mức mà việc này cần, nên chưa làm gì. Hãy dùng chứng thư số.",
        en="The proof is right but does not reach the level this act needs, so nothing was done. Use a certificate.",
    ),
    "step-up.over": Message(
        vi="Câu hỏi xác nhận đã hết hạn, đã dùng, hoặc thuộc phiên khác, nên chưa làm gì. Xác nhận lại bằng mã mới.",
        en="The question has run out, was answered before, or belongs to another session, so nothing was done. "
        "Confirm anew.",
    ),
    "step-up.refused": Message(
        vi="Mã hoặc khoá không đúng, hoặc mã đã dùng rồi. Chưa làm gì cả; chờ mã mới rồi nhập lại.",
        en="The code or the key is not right, or the code was used before. Nothing was done; wait for a new code.",
    ),
    "step-up.required": Message(
        vi="Việc này cần xác nhận bằng yếu tố thứ hai ngay trước khi làm; hãy làm trên trang.",
        en="This act needs the second factor right before it is done; do it on its page.",
    ),
    "identity.last": Message(
        vi="Đây là định danh duy nhất để bạn vào hệ thống này, nên không bỏ được.",
        en="This is the only identity you have to come in with, so it stays.",
    ),
    "identity.level_low": Message(
        vi="Mức bảo đảm của định danh điện tử thấp hơn mức của tài khoản mang cùng số.",
        en="The electronic identity is of a lower assurance than the account of the same number.",
    ),
    "identity.person_has_one": Message(
        vi="Bạn đã liên kết một định danh của nhà cung cấp này. Bỏ liên kết ấy trước.",
        en="You have an identity of this provider linked already. End that link first.",
    ),
    "identity.taken": Message(
        vi="Định danh này đang thuộc về một người khác ở đây, nên không liên kết được. Hãy báo cán bộ an toàn thông "
        "tin.",
        en="This identity belongs to somebody else here, so it cannot be linked. Tell a security officer.",
    ),
    "oidc.algorithm": Message(
        vi="Khẳng định được ký bằng thuật toán không được phép.",
        en="The assertion is signed by an algorithm that is not allowed.",
    ),
    "oidc.audience": Message(
        vi="Khẳng định dành cho hệ thống khác.",
        en="The assertion is meant for another system.",
    ),
    "oidc.claims": Message(
        vi="Khẳng định không hợp chuẩn.",
        en="The assertion breaks the standard.",
    ),
    "oidc.code": Message(
        vi="Nhà cung cấp từ chối, hoặc mã trả về không đổi được.",
        en="The provider refused, or its code could not be redeemed.",
    ),
    "oidc.foreign_address": Message(
        vi="Mô tả của nhà cung cấp dẫn sang địa chỉ của bên khác.",
        en="The provider's description names addresses of somebody else.",
    ),
    "oidc.form": Message(
        vi="Khẳng định không đúng khuôn dạng.",
        en="The assertion is not of the agreed form.",
    ),
    "oidc.header": Message(
        vi="Khẳng định tự chọn khoá để kiểm chính nó.",
        en="The assertion chooses the key it is checked with.",
    ),
    "oidc.issuer": Message(
        vi="Khẳng định của một nhà cung cấp khác.",
        en="The assertion is of another provider.",
    ),
    "oidc.key_kind": Message(
        vi="Khoá công bố không phải loại dùng được.",
        en="The published key is not of a kind that is used.",
    ),
    "oidc.key_unknown": Message(
        vi="Khẳng định được ký bằng khoá mà nhà cung cấp không công bố.",
        en="The assertion is signed by a key the provider does not publish.",
    ),
    "oidc.no_id_token": Message(
        vi="Câu trả lời của nhà cung cấp không có khẳng định nào.",
        en="The provider's answer holds no assertion.",
    ),
    "oidc.nonce": Message(
        vi="Khẳng định trả lời cho một câu hỏi khác.",
        en="The assertion answers another question.",
    ),
    "oidc.not_linked": Message(
        vi="Định danh này chưa là ai ở đây.",
        en="This identity is nobody here yet.",
    ),
    "oidc.other_browser": Message(
        vi="Câu trả lời đến từ trình duyệt khác với trình duyệt đã hỏi.",
        en="The answer came from another browser than the one that asked.",
    ),
    "oidc.other_person": Message(
        vi="Định danh này không phải của người đang đăng nhập.",
        en="This identity is not of whoever is signed in.",
    ),
    "oidc.other_session": Message(
        vi="Câu trả lời thuộc một phiên khác.",
        en="The answer belongs to another session.",
    ),
    "oidc.refused": Message(
        vi="Chưa đăng nhập được bằng định danh điện tử: câu trả lời không dùng được, đã hết hạn, hoặc định danh này "
        "chưa liên kết với ai ở đây. Hãy thử lại; cán bộ cần liên kết trước trong trang Định danh đã liên kết.",
        en="Not signed in by electronic identity: the answer could not be used, was too late, or this identity is "
        "not linked to anybody here. Try again; staff link it first on the page of linked identities.",
    ),
    "oidc.signature": Message(
        vi="Chữ ký của khẳng định sai.",
        en="The signature of the assertion is wrong.",
    ),
    "oidc.silent": Message(
        vi="Nhà cung cấp định danh không trả lời, nên chưa đăng nhập được bằng cách này. Không có gì bị mất; hãy "
        "thử lại sau hoặc dùng cách khác.",
        en="The identity provider does not answer, so this way is closed for now. Nothing is lost; try again later "
        "or use another way.",
    ),
    "oidc.state_over": Message(
        vi="Câu hỏi đã được trả lời, hoặc đã hết hạn.",
        en="The question was answered before, or has run out.",
    ),
    "oidc.state_unknown": Message(
        vi="Câu trả lời không thuộc câu hỏi nào của hệ thống.",
        en="The answer belongs to no question of ours.",
    ),
    "oidc.subject": Message(
        vi="Khẳng định không nêu ai.",
        en="The assertion names nobody.",
    ),
    "oidc.time": Message(
        vi="Khẳng định đã hết hạn, hoặc ghi một thời điểm không đúng.",
        en="The assertion has run out, or tells a moment that cannot be.",
    ),
    "provider.no_agreement": Message(
        vi="Chưa có thoả thuận còn hiệu lực với nhà cung cấp định danh này, nên không dùng được.",
        en="No agreement with this identity provider is in force, so it cannot be used.",
    ),
    "sign-in.way_closed": Message(
        vi="Cách đăng nhập này không mở cho bạn theo quy chế đang áp dụng, hoặc đã bị tắt.",
        en="This way to sign in is not open to you by the regulation in force, or is switched off.",
    ),
    "certificate.authority": Message(
        vi="Chứng thư số không do tổ chức mà hệ thống tin cậy cấp.",
        en="The certificate is of no authority that is trusted here.",
    ),
    "certificate.document": Message(
        vi="Ghi số văn bản làm căn cứ, không quá 60 ký tự.",
        en="Enter the number of the document, up to 60 characters.",
    ),
    "certificate.expired": Message(
        vi="Chứng thư số đã hết hạn hoặc chưa có hiệu lực.",
        en="The certificate has expired or is not valid yet.",
    ),
    "certificate.missing": Message(
        vi="Trình duyệt không đưa chứng thư số nào.",
        en="The browser brought no certificate.",
    ),
    "certificate.not_bound": Message(
        vi="Chứng thư số này chưa gắn với ai ở đây, hoặc gắn với người khác.",
        en="The certificate is bound to nobody here, or to somebody else.",
    ),
    "certificate.not_configured": Message(
        vi="Hệ thống chưa được cài đặt để nhận chứng thư số.",
        en="Certificates are not set up here.",
    ),
    "certificate.not_from_proxy": Message(
        vi="Yêu cầu mang chứng thư số mà không đi qua cổng của hệ thống, nên bị từ chối.",
        en="The request brings a certificate without coming through the proxy, so it is refused.",
    ),
    "certificate.own": Message(
        vi="Không ai tự ghi nhận hay xác nhận chứng thư số của chính mình.",
        en="Nobody records or confirms a certificate of their own.",
    ),
    "certificate.purpose": Message(
        vi="Chứng thư số không dành cho việc ký số và xác thực người dùng.",
        en="The certificate is not made for signing and for proving who a person is.",
    ),
    "certificate.refused": Message(
        vi="Chưa đăng nhập được bằng chứng thư số: không có, không dùng được, hoặc chưa gắn với ai ở đây. Cắm USB "
        "ký số, mở lại trang rồi thử lại, hoặc dùng cách khác.",
        en="Not signed in by certificate: there was none, it could not be used, or it is bound to nobody here. Put "
        "the signing USB in, open the page anew and try again, or use another way.",
    ),
    "certificate.revoked": Message(
        vi="Chứng thư số đã bị thu hồi.",
        en="The certificate is revoked.",
    ),
    "certificate.same_person": Message(
        vi="Người xác nhận phải là người khác với người đã ghi nhận.",
        en="Whoever confirms must not be the one who recorded it.",
    ),
    "certificate.status_unknown": Message(
        vi="Không biết chứng thư số có bị thu hồi hay không: thiếu danh sách thu hồi còn hiệu lực.",
        en="Whether the certificate is revoked is not known: a revocation list in force is missing.",
    ),
    "certificate.taken": Message(
        vi="Chứng thư số này đã được ghi nhận ở đây, cho người này hoặc người khác; một chứng thư chỉ dùng cho một "
        "lần gắn.",
        en="This certificate is on record here already, for this person or another; each is bound once.",
    ),
    "certificate.trust_unreadable": Message(
        vi="Không đọc được tệp chứng thư gốc hoặc danh sách thu hồi, nên tạm thời không nhận chứng thư số. Hãy báo "
        "người trực.",
        en="The files of authorities or revocation lists cannot be read, so certificates are not taken for now. "
        "Tell the person on call.",
    ),
    "certificate.unreadable": Message(
        vi="Nội dung dán vào không phải một chứng thư số dạng PEM.",
        en="What was sent is not one certificate in PEM.",
    ),
    "certificate.weak": Message(
        vi="Khoá của chứng thư số quá yếu.",
        en="The key of the certificate is too weak.",
    ),
    "notice.certificate_bound": Message(
        vi="Một chứng thư số vừa được gắn với bạn. Nếu không phải của bạn, hãy báo cán bộ an toàn thông tin.",
        en="A certificate was bound to you. If it is not yours, tell a security officer.",
    ),
    "notice.certificate_requested": Message(
        vi="Một cán bộ vừa ghi nhận một chứng thư số cho bạn; còn chờ người thứ hai xác nhận.",
        en="An officer recorded a certificate for you; it waits for a second officer.",
    ),
    "notice.certificate_revoked": Message(
        vi="Một chứng thư số của bạn không còn giá trị; mọi phiên đã kết thúc.",
        en="A certificate of yours opens nothing any more; all sessions have ended.",
    ),
    "senior.form": Message(
        vi="Điền đủ cơ quan, số văn bản và ngày ký (không ở tương lai).",
        en="Fill in the body, the document's number and the day it was signed (not in the future).",
    ),
    "senior.has_one": Message(
        vi="Người này đang có một tài khoản cấp cao, hoặc đang chờ xác nhận.",
        en="This person has a senior account, or one waits for confirmation.",
    ),
    "senior.no_certificate": Message(
        vi="Chỉ người có chứng thư số đang dùng được mới giữ tài khoản cấp cao. Gắn chứng thư số trước.",
        en="Only somebody with a certificate in use holds a senior account. Bind one first.",
    ),
    "senior.not_senior": Message(
        vi="Chỉ tài khoản cấp cao đang có hiệu lực mới được cấp hoặc chấm dứt quyền này.",
        en="Only a senior account that stands may grant or end this right.",
    ),
    "senior.own": Message(
        vi="Không ai tự lập, xác nhận, rà soát tài khoản cấp cao hay cấp quyền cho chính mình.",
        en="Nobody asks for, confirms, reviews or grants for themselves.",
    ),
    "senior.person": Message(
        vi="Không có người này. Chọn trong danh sách.",
        en="There is no such person. Choose one from the list.",
    ),
    "senior.right_held": Message(
        vi="Người này đang có quyền ấy.",
        en="This person holds that right already.",
    ),
    "senior.right_unknown": Message(
        vi="Không có quyền này trong danh mục của tài khoản cấp cao.",
        en="There is no such right among those of senior accounts.",
    ),
    "senior.same_person": Message(
        vi="Người xác nhận phải là người khác với người đã đề nghị.",
        en="Whoever confirms must not be the one who asked.",
    ),
}
