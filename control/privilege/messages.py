"""Sentences of this wing: what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "account.document_not_in_force": Message(
        vi="Văn bản {number} không còn hoặc chưa có hiệu lực hôm nay. Viện dẫn một văn bản đang có hiệu lực.",
        en="Document {number} is not in force today. Cite one that is.",
    ),
    "account.incident_unreadable": Message(
        vi="Mã sự cố không đúng dạng. Ghi như SC-0012 hoặc CB-0034.",
        en="The incident number is not readable. Write it as SC-0012 or CB-0034.",
    ),
    "account.no_such_change": Message(
        vi="Tài khoản đang ở trạng thái {before} không chuyển sang {after} được.",
        en="An account that is {before} cannot become {after}.",
    ),
    "account.nothing_cited": Message(
        vi="Mỗi thay đổi tài khoản phải viện dẫn văn bản đề nghị hoặc mã sự cố. Chọn văn bản hoặc ghi mã sự cố.",
        en="Each change of an account cites a request document or an incident number. Choose or enter one.",
    ),
    "account.owner_missing": Message(
        vi="Tài khoản chưa có người chịu trách nhiệm. Chọn một người đang công tác.",
        en="Nobody answers for the account. Choose a person who is at work.",
    ),
    "account.retired": Message(
        vi="Tài khoản đã thu hồi; không khôi phục được. Cần thì lập tài khoản mới.",
        en="The account is retired; it does not come back. If needed, ask for a new one.",
    ),
    "agreement.document_over": Message(
        vi="Văn bản thoả thuận không còn hiệu lực, nên không dùng được. Chọn một văn bản còn hiệu lực.",
        en="The document of the agreement is no longer in force, so the provider cannot be used. Choose one that is.",
    ),
    "document.digest_broken": Message(
        vi="Tệp của văn bản {number} không còn khớp mã băm lúc nộp nên không được giao ra. "
        "Báo cán bộ an toàn thông tin.",
        en="The file of document {number} no longer has the digest it was filed with, so it is not handed out. "
        "Tell the security officers.",
    ),
    "breakglass.is_open": Message(
        vi="Tài khoản đang mở. Đóng lần phá niêm trước khi niêm phong lại.",
        en="The account is open. Close the opening before it is sealed again.",
    ),
    "breakglass.neither_role": Message(
        vi="Chỉ cán bộ an toàn thông tin hoặc lãnh đạo phê duyệt xin phá niêm.",
        en="Only an officer of the security unit or an approver asks for an opening.",
    ),
    "breakglass.no_opening_closed": Message(
        vi="Lần phá niêm đã đóng. Cần mở lại thì xin lần mới sau khi niêm phong.",
        en="The opening is closed. To open again, ask anew after the account is sealed.",
    ),
    "breakglass.no_opening_lapsed": Message(
        vi="Không ai xác nhận trong thời hạn. Xin lại từ đầu.",
        en="Nobody confirmed in time. Ask again.",
    ),
    "breakglass.no_opening_open": Message(
        vi="Lần phá niêm này đã được mở. Một lần xin chỉ mở được một lần.",
        en="This opening is open already. What was asked for once opens once.",
    ),
    "breakglass.no_opening_reviewed": Message(
        vi="Lần phá niêm này đã được xem xét xong.",
        en="This opening was reviewed already.",
    ),
    "breakglass.not_closed": Message(
        vi="Lần phá niêm chưa đóng. Đóng rồi mới xem xét.",
        en="The opening is not closed. It is reviewed after it is closed.",
    ),
    "breakglass.not_open": Message(
        vi="Không có lần phá niêm nào đang mở.",
        en="No opening is open.",
    ),
    "breakglass.not_preparing": Message(
        vi="Chưa có nửa đầu. Cán bộ an toàn thông tin nhận nửa đầu trước.",
        en="There is no first half yet. An officer of the security unit takes it first.",
    ),
    "breakglass.not_reconciled": Message(
        vi="Còn lần dùng chưa được đối chiếu. Xem xét sau khi đối chiếu xong.",
        en="Some use is not reconciled yet. It is reviewed after that.",
    ),
    "breakglass.not_sealed": Message(
        vi="Tài khoản chưa được niêm phong nên không mở được.",
        en="The account is not sealed, so it cannot be opened.",
    ),
    "breakglass.not_security": Message(
        vi="Nửa đầu của niêm phong do cán bộ an toàn thông tin nhận.",
        en="The first half of a seal is taken by an officer of the security unit.",
    ),
    "breakglass.not_such_an_account": Message(
        vi="Tài khoản không phải loại phá niêm khẩn cấp đang hoạt động.",
        en="This is no active privileged account of kind break-glass.",
    ),
    "breakglass.other_address": Message(
        vi="Tài khoản chỉ dùng được từ địa chỉ đã nêu khi mở.",
        en="The account works only from the address named when it was opened.",
    ),
    "breakglass.reference": Message(
        vi="Nêu số văn bản đã nộp, hoặc số sự cố như SC-0012.",
        en="Give the number of a filed document, or of an incident such as SC-0012.",
    ),
    "breakglass.registered": Message(
        vi="Tài khoản này đã có niêm phong.",
        en="This account is kept under seal already.",
    ),
    "breakglass.reviewer_had_a_part": Message(
        vi="Người xin, người mở và người dùng không tự xem xét. Người không liên quan sẽ xem xét.",
        en="Whoever asked, opened or used it does not review it. Somebody without a part in it does.",
    ),
    "breakglass.same_side": Message(
        vi="Cần người ở phía kia: một cán bộ an toàn thông tin và một lãnh đạo phê duyệt.",
        en="Somebody of the other side is needed: one of the security unit and one approver.",
    ),
    "breakglass.second_is_first": Message(
        vi="Cần người thứ hai. Một người không tự làm cả hai phần.",
        en="A second person is needed. Nobody does both parts alone.",
    ),
    "breakglass.source": Message(
        vi="Nhập một địa chỉ IP, hoặc một dải không quá 256 địa chỉ.",
        en="Enter an IP address, or a range of at most 256 addresses.",
    ),
    "breakglass.span": Message(
        vi="Thời gian kết thúc phải sau lúc mở và không ở tương lai.",
        en="The end must be after the start and not in the future.",
    ),
    "breakglass.time_over": Message(
        vi="Đã hết thời gian của lần phá niêm.",
        en="The time of the opening is over.",
    ),
    "breakglass.used_twice": Message(
        vi="Tài khoản đang được dùng ở một phiên khác.",
        en="The account is in use in another session.",
    ),
    "breakglass.user": Message(
        vi="Chọn một cán bộ đang làm việc sẽ dùng tài khoản.",
        en="Choose an officer at work who will use the account.",
    ),
    "document.duplicate": Message(
        vi="Văn bản {number} cùng ngày ký, cùng cơ quan ban hành đã có. Chọn văn bản đó trong danh sách.",
        en="Document {number} of the same day and issuing unit is here already. Choose it from the list.",
    ),
    "document.expired": Message(
        vi="Văn bản đã hết hiệu lực ngày {valid_to}. Cần một văn bản còn hiệu lực mọi ngày của cấp quyền.",
        en="The document expired on {valid_to}. A document in force on every day of the grant is needed.",
    ),
    "document.file.not_pdf": Message(
        vi="Tệp không phải PDF nguyên vẹn. Chọn bản PDF đã ký của văn bản.",
        en="The file is not a whole PDF. Choose the signed PDF of the document.",
    ),
    "document.file.required": Message(
        vi="Chọn tệp PDF đã ký của văn bản; sau một lần báo lỗi phải chọn lại.",
        en="Choose the signed PDF of the document; after an error it has to be chosen again.",
    ),
    "document.file.too_large": Message(
        vi="Tệp lớn hơn {maximum_mib} MiB. Quét lại ở độ phân giải thấp hơn.",
        en="The file is larger than {maximum_mib} MiB. Scan it again at a lower resolution.",
    ),
    "document.other_unit": Message(
        vi="Chính tệp này đã nộp là văn bản của một cơ quan khác. Nộp văn bản của đúng cơ quan ban hành.",
        en="This very file is here as the document of another unit. Bring the document of the unit that issued it.",
    ),
    "document.signature.busy": Message(
        vi="Nhiều văn bản đang được kiểm chữ ký cùng lúc. Thử lại sau một phút.",
        en="Many documents are being checked at once. Try again in a minute.",
    ),
    "document.signature.changed": Message(
        vi="Tệp đã bị sửa sau khi ký số, hoặc chữ ký số hỏng. Nộp đúng bản đã ký.",
        en="The file was changed after it was signed, or its signature is broken. Bring the file as it was signed.",
    ),
    "document.signature.expired": Message(
        vi="Chứng thư số của người ký đã hết hạn và không có dấu thời gian. Đề nghị ký lại.",
        en="The signer's certificate has expired and there is no time stamp. Ask for a new signature.",
    ),
    "document.signature.none": Message(
        vi="Tệp không có chữ ký số mà việc này đòi hỏi. Nộp bản ký số của văn bản.",
        en="The file has no digital signature, which this act needs. Bring the digitally signed document.",
    ),
    "document.signature.revoked": Message(
        vi="Chứng thư số của người ký đã bị thu hồi. Đề nghị người có thẩm quyền ký lại.",
        en="The signer's certificate is revoked. Ask somebody with the authority to sign again.",
    ),
    "document.signature.trust_unreadable": Message(
        vi="Không đọc được kho chứng thư tin cậy. Báo quản trị hệ thống xem VONGLAU_SIGNATURE_TRUST_DIR.",
        en="The trusted certificates cannot be read. Tell the administrators to look at VONGLAU_SIGNATURE_TRUST_DIR.",
    ),
    "document.signature.unreadable": Message(
        vi="Tệp có chữ ký số nhưng không kiểm được: tệp bị mã hoá, bị cắt hoặc không đúng chuẩn. Nộp bản khác.",
        en="The file has a signature that cannot be checked: encrypted, cut off or malformed. Bring another copy.",
    ),
    "document.signature.untrusted": Message(
        vi="Chữ ký số không do tổ chức chứng thực được tin cậy cấp. Ký lại bằng chứng thư số công vụ.",
        en="The signature does not descend from a trusted authority. Sign with an official certificate.",
    ),
    "document.signed_on.in_future": Message(
        vi="Ngày ký ở tương lai. Nhập ngày ghi trên văn bản.",
        en="The day of signing is in the future. Enter the day written on the document.",
    ),
    "document.validity.reversed": Message(
        vi="Hiệu lực kết thúc trước khi bắt đầu. Nhập ngày cuối không trước ngày đầu.",
        en="The validity ends before it begins. Enter a last day not before the first.",
    ),
    "document.window_outside": Message(
        vi="Văn bản {number} chỉ có hiệu lực {valid_from} đến {valid_to}. "
        "Rút ngắn khoảng thời gian hoặc chọn văn bản khác.",
        en="Document {number} is valid from {valid_from} to {valid_to} only. Shorten the window or choose another.",
    ),
    "grant.approver_lost_role": Message(
        vi="Người đã duyệt không còn thẩm quyền duyệt, nên cấp quyền không được dùng lại. Nộp một yêu cầu mới.",
        en="Whoever approved no longer may approve, so the grant does not hold again. File a new request.",
    ),
    "document.withdrawal_in_past": Message(
        vi="Không thu hồi cho ngày đã qua. Nhập hôm nay hoặc một ngày sau đó.",
        en="A document is not withdrawn for days that have passed. Enter today or a later day.",
    ),
    "document.withdrawn": Message(
        vi="Văn bản {number} đã bị thu hồi từ ngày {day}. Chọn một văn bản khác.",
        en="Document {number} is withdrawn from {day} on. Choose another one.",
    ),
    "document.withdrawn_already": Message(
        vi="Văn bản này đã bị thu hồi rồi; không đổi được.",
        en="This document is withdrawn already; that does not change.",
    ),
    "grant.cannot_resume": Message(
        vi="Chỉ cấp quyền đang tạm dừng mới cho dùng tiếp được. Cấp quyền đã kết thúc cần một yêu cầu mới.",
        en="Only a suspended grant can be resumed. One that has ended needs a new request.",
    ),
    "grant.cannot_revoke": Message(
        vi="Cấp quyền này đã kết thúc rồi; không còn gì để thu hồi.",
        en="This grant has ended already; there is nothing left to revoke.",
    ),
    "grant.cannot_suspend": Message(
        vi="Chỉ cấp quyền đang hoặc sắp có hiệu lực mới tạm dừng được.",
        en="Only a grant in force or scheduled can be suspended.",
    ),
    "grant.extension_not_active": Message(
        vi="Chỉ gia hạn được cấp quyền đang được dùng. Nộp một yêu cầu mới.",
        en="Only a grant that is in force can be extended. File a new request.",
    ),
    "grant.extension_not_holder": Message(
        vi="Chỉ người được cấp quyền xin gia hạn cho chính mình.",
        en="Only the holder asks for a longer time, for themselves.",
    ),
    "grant.extension_waiting": Message(
        vi="Cấp quyền này đã có một yêu cầu gia hạn. Chờ quyết định, hoặc rút yêu cầu ấy rồi nộp lại.",
        en="An extension of this grant was asked for already. Wait for the decision, or withdraw it and ask again.",
    ),
    "grant.not_in_force": Message(
        vi="Cấp quyền {grant} không được dùng vào lúc này: chưa đến giờ, đang tạm ngừng hoặc đã kết thúc.",
        en="Grant {grant} does not hold at this moment: it has not begun, is suspended or has ended.",
    ),
    "grant.overlap": Message(
        vi="Người này đã có cấp quyền {grant} trên cùng tài khoản trong khoảng thời gian đó. "
        "Chọn khoảng khác hoặc thu hồi cấp quyền kia trước.",
        en="This person already holds grant {grant} on the same account in that window. "
        "Choose another window or revoke that grant first.",
    ),
    "grant.resume_by_review": Message(
        vi="Cấp quyền bị tạm ngừng vì quá hạn rà soát. Người rà soát quyết định thì mới được dùng lại.",
        en="The grant is suspended because its review is overdue. Only the reviewer's decision lifts that.",
    ),
    "grant.resumed_by_holder": Message(
        vi="Người giữ quyền không tự cho dùng tiếp. Nhờ một người khác có quyền thu hồi.",
        en="The holder does not resume their own grant. Ask another person who may revoke.",
    ),
    "input.characters": Message(
        vi="Mục này có ký tự điều khiển không hiển thị được. Gõ lại bằng chữ thường.",
        en="This entry holds control characters that cannot be shown. Type it again as plain text.",
    ),
    "input.not_a_moment": Message(
        vi="Nhập thời điểm theo dạng ngày/tháng/năm giờ:phút, ví dụ 25/11/2026 09:30.",
        en="Enter a moment as day/month/year hour:minute, for example 25/11/2026 09:30.",
    ),
    "api.if_match_required": Message(
        vi="Thiếu If-Match. Đọc yêu cầu trước, rồi gửi ETag của bản đã đọc trong If-Match.",
        en="If-Match is missing. Read the request first, then send the ETag of what was read as If-Match.",
    ),
    "api.once_at_once": Message(
        vi="Một lời gọi khác với cùng Idempotency-Key đang chạy. Không có gì được tạo; gửi lại sau giây lát.",
        en="Another call with the same Idempotency-Key is under way. Nothing was made; send it again in a moment.",
    ),
    "api.once_form": Message(
        vi="Idempotency-Key gồm 1 đến {maximum} ký tự ASCII in được.",
        en="An Idempotency-Key is 1 to {maximum} printable ASCII characters.",
    ),
    "api.once_reused": Message(
        vi="Idempotency-Key này đã dùng cho một nội dung khác. Dùng khoá mới cho lời gọi mới.",
        en="This Idempotency-Key was used for something else. Use a new one for a new call.",
    ),
    "key.already_issued": Message(
        vi="Biểu mẫu này đã cấp một khoá rồi. Mở danh sách khoá; bí mật chỉ hiện một lần, nếu lỡ thì thay khoá.",
        en="This form has issued a key already. Open the list; a secret is shown once, and replaced when missed.",
    ),
    "key.blocked": Message(vi="Khoá đang bị chặn.", en="The key is blocked."),
    "key.expired": Message(vi="Khoá không trong thời hạn.", en="The key is not within its window."),
    "key.no_such_step": Message(
        vi="Khoá ở trạng thái {state} không làm được việc này.", en="A key that is {state} cannot be treated so."
    ),
    "key.quota.invalid": Message(
        vi="Hạn mức là một số từ 1 đến {maximum} lượt mỗi phút.",
        en="The quota is a number from 1 to {maximum} a minute.",
    ),
    "key.quota_reached": Message(
        vi="Khoá đã dùng hết {quota} lượt của phút này. Gọi lại ở phút sau.",
        en="The key has used its {quota} calls of this minute. Call again in the next one.",
    ),
    "key.ranges.everywhere": Message(
        vi="Khoá phải gắn với mạng của bên giữ khoá, không mở cho mọi địa chỉ.",
        en="A key is bound to the holder's networks, never open to every address.",
    ),
    "key.ranges.invalid": Message(
        vi="Có dòng không phải địa chỉ mạng. Ghi như 203.0.113.0/28.",
        en="A line is not a network. Write it as 203.0.113.0/28.",
    ),
    "key.ranges.too_many": Message(
        vi="Nhiều nhất {maximum} mạng cho một khoá.", en="At most {maximum} networks for one key."
    ),
    "key.refused": Message(vi="Khoá kết nối không được chấp nhận.", en="The connection key is not accepted."),
    "key.revoked": Message(vi="Khoá đã bị thu hồi.", en="The key is revoked."),
    "key.scope_refused": Message(
        vi="Khoá này không có quyền {scope}.", en="This key does not have the permission {scope}."
    ),
    "key.scopes.invalid": Message(
        vi="Chọn ít nhất một quyền đọc trong danh sách.", en="Choose at least one reading permission of the list."
    ),
    "key.source_refused": Message(
        vi="Lời gọi đến từ địa chỉ ngoài mạng của bên giữ khoá.", en="The call came from outside the holder's networks."
    ),
    "key.unknown": Message(vi="Không có khoá này.", en="There is no such key."),
    "key.window.document": Message(
        vi="Khoá phải nằm trong thời hạn của văn bản {number}.",
        en="The key has to lie within the validity of document {number}.",
    ),
    "key.window.past": Message(vi="Ngày cuối đã qua.", en="The last day has passed."),
    "key.window.too_long": Message(
        vi="Khoá có hiệu lực nhiều nhất {days} ngày; sau đó phải thay.",
        en="A key lives at most {days} days; then it has to be replaced.",
    ),
    "notice.review_due": Message(
        vi="Bạn còn quyền phải rà soát, sắp đến hạn. Mở trang Rà soát quyền, mục việc của tôi.",
        en="Rights still wait for your decision and are due soon. Open the page of access reviews, my decisions.",
    ),
    "notice.review_opened": Message(
        vi="Bạn được giao rà soát quyền. Mở trang Rà soát quyền, mục việc của tôi.",
        en="Rights were given to you to review. Open the page of access reviews, my decisions.",
    ),
    "request.account_closed": Message(
        vi="Tài khoản {account} chưa có chủ, đang tạm dừng hoặc đã ngừng dùng nên không nhận yêu cầu. "
        "Chọn tài khoản khác.",
        en="Account {account} has no owner, is suspended or retired, so it takes no request. Choose another account.",
    ),
    "request.already_decided": Message(
        vi="Yêu cầu đã được quyết định hoặc rút lại; mỗi yêu cầu chỉ quyết định một lần. Cần thì lập yêu cầu mới.",
        en="The request was decided or withdrawn; each request is decided once. If needed, file a new one.",
    ),
    "request.approved_already": Message(
        vi="Đã có người duyệt bản này nên không sửa được nữa. Rút lại rồi lập yêu cầu mới.",
        en="Somebody has approved this version, so it can no longer be amended. Withdraw it and file a new request.",
    ),
    "request.approved_twice": Message(
        vi="Bạn đã duyệt yêu cầu này. Lần duyệt thứ hai phải do một người khác.",
        en="You have approved this request already. The second approval must come from another person.",
    ),
    "request.approver_is_filer": Message(
        vi="Bạn đã lập yêu cầu này nên không được duyệt. Cần một người khác quyết định.",
        en="You filed this request, so you may not decide it. Another person must.",
    ),
    "request.approver_is_holder": Message(
        vi="Bạn là người sẽ giữ quyền nên không được duyệt. Cần một người khác quyết định.",
        en="You would hold this grant, so you may not decide it. Another person must.",
    ),
    "request.approver_is_owner": Message(
        vi="Bạn là chủ của tài khoản mức cao này nên không được duyệt việc dùng nó. Cần một người khác quyết định.",
        en="You own this account of class high, so you may not approve its use. Another person must.",
    ),
    "request.approver_is_requester": Message(
        vi="Bạn là người đề nghị nên không được tự duyệt. Cần một người khác quyết định.",
        en="You asked for this, so you may not approve it yourself. Another person must.",
    ),
    "request.approver_lost_role": Message(
        vi="Bạn không còn thẩm quyền phê duyệt. Yêu cầu vẫn chờ người khác.",
        en="You no longer may approve. The request waits for somebody else.",
    ),
    "request.changed": Message(
        vi="Yêu cầu đã được sửa thành bản {version} sau khi bạn đọc. Mở lại, đọc bản mới rồi quyết định.",
        en="The request became version {version} after you read it. Open it again, read the new one and decide.",
    ),
    "request.expired": Message(
        vi="Đã quá thời điểm cuối để quyết định yêu cầu này. Lập yêu cầu mới nếu vẫn cần.",
        en="The last moment to decide this request has passed. File a new one if it is still needed.",
    ),
    "request.holder_not_owner": Message(
        vi="Tài khoản {account} là tài khoản cá nhân, chỉ chủ của nó được giữ. Chọn chủ tài khoản hoặc tài khoản khác.",
        en="Account {account} is personal and only its owner may hold it. Choose its owner or another account.",
    ),
    "request.no_approver": Message(
        vi="Không đủ {needed} người có thẩm quyền đứng ngoài yêu cầu này để duyệt. "
        "Đổi người đề nghị hoặc người giữ quyền.",
        en="There are not {needed} people with the authority who stand outside this request. "
        "Change who asks or who holds.",
    ),
    "request.not_yours": Message(
        vi="Chỉ người đề nghị, người lập hoặc người giữ quyền được sửa hay rút yêu cầu này.",
        en="Only who asked, who filed or who would hold may amend or withdraw this request.",
    ),
    "request.second_factor_missing": Message(
        vi="Phiên này chưa qua xác thực hai yếu tố nên không quyết định được. Đăng nhập lại với hai yếu tố.",
        en="This session has not proved two factors, so it cannot decide. Sign in again with two factors.",
    ),
    "request.security_missing": Message(
        vi="Mức cao cần ít nhất một người duyệt thuộc bộ phận an toàn thông tin, và người đó chưa duyệt.",
        en="Class high needs at least one approver of the security unit, who has not approved yet.",
    ),
    "request.starts_in_past": Message(
        vi="Thời điểm bắt đầu đã qua. Nhập thời điểm từ bây giờ trở đi.",
        en="The start has passed. Enter a moment from now on.",
    ),
    "request.window.past": Message(
        vi="Khoảng thời gian đã qua hết. Nhập thời điểm kết thúc ở tương lai.",
        en="The whole window has passed. Enter an end in the future.",
    ),
    "request.window.reversed": Message(
        vi="Kết thúc không sau bắt đầu. Nhập thời điểm kết thúc muộn hơn.",
        en="The end is not after the start. Enter a later end.",
    ),
    "request.window.too_long": Message(
        vi="Khoảng thời gian dài quá {hours} giờ cho phép của mức tài khoản này. "
        "Rút ngắn hoặc chia thành nhiều yêu cầu.",
        en="The window is longer than the {hours} hours this class of account allows. "
        "Shorten it or file several requests.",
    ),
    "request.window_passed": Message(
        vi="Khoảng thời gian xin đã qua. Lập yêu cầu mới nếu vẫn cần.",
        en="The window asked for has passed. File a new request if it is still needed.",
    ),
    "review.already_decided": Message(
        vi="Quyền này đã được quyết định hoặc đợt rà soát đã khép. Xem kết quả ở trang của đợt.",
        en="This right was decided already, or the campaign is closed. See the result on the campaign's page.",
    ),
    "review.days": Message(
        vi="Nhập số ngày từ 1 đến {most}.",
        en="Enter a number of days from 1 to {most}.",
    ),
    "review.no_kinds": Message(
        vi="Chọn ít nhất một loại quyền có trong phạm vi này. Vai trò và khoá không thuộc một chủ hay một loại.",
        en="Choose at least one kind of right this scope has. Roles and connection keys have no owner and no class.",
    ),
    "review.not_reviewer": Message(
        vi="Quyền này do người khác rà soát. Chỉ người được giao mới quyết định.",
        en="Somebody else reviews this right. Only the person it was given to decides.",
    ),
    "review.nothing": Message(
        vi="Không có quyền nào trong phạm vi này. Không mở đợt rà soát và không báo ai.",
        en="There is no right in this scope. No campaign is opened and nobody is told.",
    ),
    "review.open_already": Message(
        vi="Một đợt rà soát cùng phạm vi, cùng loại quyền đang mở. Hoàn thành đợt đó trước.",
        en="A campaign of the same scope and kinds is open. Finish that one first.",
    ),
    "review.own": Message(
        vi="Không ai tự rà soát quyền của mình. Người khác sẽ quyết định.",
        en="Nobody reviews a right of their own. Somebody else decides.",
    ),
}
