"""Sentences of the vault: what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

VAULT_MESSAGES: Mapping[str, Message] = {
    "vault.account_not_active": Message(
        vi="Tài khoản này đang không dùng được nên không mượn được bí mật. Hỏi người chịu trách nhiệm tài khoản.",
        en="This account is not in use, so its secret cannot be taken. Ask whoever answers for the account.",
    ),
    "vault.already_yours": Message(
        vi="Bạn đang mượn bí mật này, đến {until}. Bí mật chỉ hiện một lần; nếu đã mất, trả lại rồi mượn "
        "lần mới sau khi được thay.",
        en="You have this secret already, until {until}. It is shown once; if you lost it, give it back and"
        " take it anew after it was changed.",
    ),
    "vault.changed_by_hand": Message(
        vi="Bí mật này được đổi bằng tay trên máy đích. Đổi ở đó, rồi gửi bí mật mới vào kho.",
        en="This secret is changed by hand on its target. Change it there, then deposit the new one.",
    ),
    "vault.document_not_in_force": Message(
        vi="Chọn một văn bản đang có hiệu lực hôm nay.",
        en="Choose a document that is in force today.",
    ),
    "vault.host_invalid": Message(
        vi="Nhập tên máy hoặc địa chỉ, không có khoảng trắng hay đường dẫn.",
        en="Enter a host name or address, without spaces or a path.",
    ),
    "vault.kind_not_kept": Message(
        vi="Kho chỉ giữ bí mật của tài khoản dùng chung, dịch vụ và quản trị cục bộ.",
        en="The vault keeps secrets of shared, service and local administrator accounts only.",
    ),
    "vault.no_grant": Message(
        vi="Hiện không có cấp quyền nào của bạn trên tài khoản này. Lập yêu cầu cấp quyền kèm văn bản.",
        en="No grant of yours on this account holds now. File a request with its document.",
    ),
    "vault.not_kept": Message(
        vi="Kho chưa giữ bí mật của tài khoản này. Người chịu trách nhiệm tài khoản gửi bí mật vào kho trước.",
        en="The vault does not keep the secret of this account yet. Whoever answers for the account deposits it first.",
    ),
    "vault.not_owner": Message(
        vi="Chỉ người chịu trách nhiệm tài khoản được gửi bí mật của nó vào kho.",
        en="Only whoever answers for the account deposits its secret.",
    ),
    "vault.not_yours": Message(
        vi="Lần mượn này là của người khác.",
        en="This check-out is somebody else's.",
    ),
    "vault.port_invalid": Message(
        vi="Nhập cổng từ 1 đến 65535.",
        en="Enter a port from 1 to 65535.",
    ),
    "vault.release_refused": Message(
        vi="Bộ ký không mở khoá cho lần mượn này: lần mượn đã đóng, đã được mở, hoặc cấp quyền không còn. "
        "Không có gì được hiện.",
        en="The signer did not open the key for this check-out: it is over, was opened before, or the grant"
        " holds no more. Nothing was shown.",
    ),
    "vault.returned_already": Message(
        vi="Lần mượn này đã được trả.",
        en="This check-out was given back before.",
    ),
    "vault.rotating": Message(
        vi="Bí mật đang được thay. Thử lại sau ít phút.",
        en="The secret is being changed. Try again in a few minutes.",
    ),
    "vault.rotation_interrupted": Message(
        vi="Lượt chạy đứt giữa chừng; đang kiểm tra bí mật nào đúng.",
        en="The run was cut short; which secret works is being looked at.",
    ),
    "vault.rotation_kept": Message(
        vi="Bí mật mới chưa được chứng minh; bí mật hiện tại vẫn dùng được.",
        en="The new secret was not proven; the present one still works.",
    ),
    "vault.rotation_not_prepared": Message(
        vi="Chưa chạm tới máy đích; không có gì thay đổi.",
        en="The target was not reached; nothing has changed.",
    ),
    "vault.rotation_restored": Message(
        vi="Một bí mật trước đó đang đúng và được dùng lại.",
        en="An earlier secret works and is the present one again.",
    ),
    "vault.not_to_report": Message(
        vi="Chỉ người chịu trách nhiệm tài khoản hoặc người được yêu cầu thay bí mật mới đánh dấu được. Hãy báo họ.",
        en="Whoever answers for the account, or may have its secret changed, marks it. Tell them.",
    ),
    "vault.reported_already": Message(
        vi="Bí mật này đã được đánh dấu và đang chờ thay.",
        en="This secret is marked already and waits to be changed.",
    ),
    "vault.rotation_taken": Message(
        vi="Lần thay bí mật này đã có một lượt chạy.",
        en="This rotation has a run already.",
    ),
    "vault.rotation_unknown": Message(
        vi="Không bí mật nào đang giữ còn dùng được. Tất cả vẫn được giữ; cần người xử lý.",
        en="None of the kept secrets works. All are kept; somebody has to look.",
    ),
    "vault.secret_too_long": Message(
        vi="Bí mật dài quá {maximum} ký tự hoặc có ký tự rỗng.",
        en="The secret is longer than {maximum} characters or holds a zero character.",
    ),
    "vault.secret_unknown": Message(
        vi="Không rõ bí mật nào của tài khoản này còn đúng. Người chịu trách nhiệm tài khoản xử lý theo sổ "
        "tay secret-unknown.",
        en="Which secret of this account works is not known. Whoever answers for the account follows the "
        "runbook secret-unknown.",
    ),
    "vault.signer_gone": Message(
        vi="Bộ ký giữ khoá của kho không trả lời. Không có gì thay đổi; thử lại sau ít phút.",
        en="The signer that keeps the vault's keys does not answer. Nothing has changed; try again in a few minutes.",
    ),
    "vault.taken": Message(
        vi="Đang có người mượn bí mật này, đến {until}. Mỗi lúc chỉ một người được mượn.",
        en="Somebody has this secret until {until}. One person at a time may have it.",
    ),
    "vault.version_moved": Message(
        vi="Bí mật vừa được thay trong lúc bạn xác nhận. Gửi lại.",
        en="The secret was changed while you were confirming. Deposit it again.",
    ),
}
