"""Sentences about requests for accounts, notices, processes and personnel: what is wrong, what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "account_rules.decided": Message(
        vi="Phiên bản này đã được quyết định.",
        en="This version was decided already.",
    ),
    "account_rules.one_waits": Message(
        vi="Đã có một đề xuất đang chờ duyệt. Chờ quyết định rồi đề xuất tiếp.",
        en="One proposal waits already. Wait until it is decided.",
    ),
    "account_rules.own_proposal": Message(
        vi="Bạn đã đề xuất phiên bản này nên không được tự duyệt. Cần một người khác.",
        en="You proposed this version, so you may not approve it yourself. Another person must.",
    ),
    "account_rules.too_long": Message(
        vi="Nhiều nhất {maximum} ngày theo quy định. Nhập số nhỏ hơn.",
        en="At most {maximum} days by the rule. Enter a smaller number.",
    ),
    "account_rules.warn_late": Message(
        vi="Phải nhắc trước khi khoá: nhập số từ 1 đến dưới {inactive} ngày.",
        en="The warning comes before the lock: enter 1 to fewer than {inactive} days.",
    ),
    "lifecycle.account_exists": Message(
        vi="Cán bộ này đã có tài khoản {account} trên hệ thống đó. Xin đổi quyền thay vì cấp mới.",
        en="This officer has account {account} on that system already. Ask for a change of rights instead.",
    ),
    "lifecycle.account_not_there": Message(
        vi="Không có tài khoản {account}. Kiểm tra mã tài khoản.",
        en="There is no account {account}. Check the code.",
    ),
    "lifecycle.account_state": Message(
        vi="Tài khoản {account} đang ở trạng thái {state} nên không làm được việc này.",
        en="Account {account} is {state}, so this cannot be done to it.",
    ),
    "lifecycle.account_unknown": Message(
        vi="Không có tài khoản {account} của {unit}. Chọn trong danh sách tài khoản của đơn vị.",
        en="There is no account {account} of {unit}. Choose one of the unit's accounts.",
    ),
    "lifecycle.asked_already": Message(
        vi="Yêu cầu {request} đang mở đã có tài khoản này. Chờ yêu cầu đó xong hoặc rút lại.",
        en="Open request {request} names this account already. Wait for it or withdraw it.",
    ),
    "lifecycle.csv.columns": Message(
        vi="Dòng đầu thiếu cột: {missing}. Tải mẫu CSV và giữ nguyên dòng đầu.",
        en="The first row lacks the columns: {missing}. Take the CSV template and keep its first row.",
    ),
    "lifecycle.csv.too_long": Message(
        vi="Nội dung dán dài quá {maximum} ký tự. Chia thành nhiều yêu cầu.",
        en="What was pasted is longer than {maximum} characters. Split it into several requests.",
    ),
    "lifecycle.csv.unreadable": Message(
        vi="Không đọc được nội dung CSV: có dấu nháy kép chưa đóng. Xuất lại từ bảng tính.",
        en="The CSV cannot be read: a quotation mark is open. Export it again from the spreadsheet.",
    ),
    "lifecycle.extra_not_approved": Message(
        vi="Dòng {line} có quyền không thuộc quy trình nào của đơn vị và chưa được duyệt. Chờ người có thẩm "
        "quyền duyệt.",
        en="Line {line} has a right that no process of the unit gives and nobody has approved. Wait for the approval.",
    ),
    "lifecycle.form_not_of_kind": Message(
        vi="Biểu mẫu {form} không thuộc loại yêu cầu này.",
        en="Form {form} does not belong to this kind of request.",
    ),
    "lifecycle.forms_missing": Message(
        vi="Chưa gắn đủ biểu mẫu đã ký: {forms}. In từ trang này, ký rồi gắn vào.",
        en="Signed forms are missing: {forms}. Print them from this page, sign and attach them.",
    ),
    "lifecycle.line_twice": Message(
        vi="Tài khoản này đã có ở dòng trên.",
        en="This account stands in a line above already.",
    ),
    "lifecycle.lines.none": Message(
        vi="Nhập ít nhất một tài khoản vào bảng hoặc dán từ CSV.",
        en="Enter at least one account in the table or paste it from CSV.",
    ),
    "lifecycle.lines.too_many": Message(
        vi="Một yêu cầu nhiều nhất {maximum} tài khoản. Chia thành nhiều yêu cầu.",
        en="One request holds at most {maximum} accounts. Split it into several.",
    ),
    "lifecycle.mail_unreadable": Message(
        vi="Không phải một địa chỉ thư. Ghi như vanthu@donvi.gov.vn.",
        en="This is not one mail address. Write it as office@unit.gov.vn.",
    ),
    "lifecycle.more_than_asked": Message(
        vi="Dòng {line}: không cho được quyền mà đơn vị không xin.",
        en="Line {line}: a right the unit did not ask for cannot be granted.",
    ),
    "lifecycle.no_assignment": Message(
        vi="Dòng {line}: cán bộ không được phân công vai trò nào trong quy trình đã ban hành nên không có tài khoản.",
        en="Line {line}: the officer has no role in an issued process, so gets no account.",
    ),
    "lifecycle.not_committed": Message(
        vi="Chưa có bản cam kết đã ký (Mẫu số 05) cho tài khoản này nên không kích hoạt được. Gắn bản cam kết "
        "vào yêu cầu.",
        en="There is no signed commitment (form 05) for this account, so it cannot be activated. Attach it to "
        "the request.",
    ),
    "lifecycle.not_holder": Message(
        vi="Chỉ cán bộ được giao tài khoản xác nhận đã nhận.",
        en="Only the officer an account was handed to confirms the receipt.",
    ),
    "lifecycle.not_your_unit": Message(
        vi="Bạn chỉ lập yêu cầu cho đơn vị mình ({unit}).",
        en="You draw up requests for your own unit only ({unit}).",
    ),
    "lifecycle.not_yours": Message(
        vi="Chỉ người đề nghị hoặc người lập được làm việc này.",
        en="Only who asked or who filed may do this.",
    ),
    "lifecycle.nothing_extra": Message(
        vi="Dòng này không có quyền ngoài quy trình.",
        en="This line has no right beyond the processes.",
    ),
    "lifecycle.nothing_to_confirm": Message(
        vi="Tài khoản không chờ xác nhận.",
        en="The account does not wait for a confirmation.",
    ),
    "lifecycle.one_unit_at_once": Message(
        vi="Các tài khoản thuộc nhiều đơn vị. Khoá từng đơn vị để thông báo đúng nơi.",
        en="The accounts belong to several units. Lock one unit at a time, so that each is told.",
    ),
    "lifecycle.own_request": Message(
        vi="Bạn là người đề nghị hoặc người lập nên không được tiếp nhận, quyết định hay thực hiện. Cần một "
        "người khác.",
        en="You asked for this or filed it, so you may not take it up, decide it or carry it out. Another person must.",
    ),
    "lifecycle.password_not_changed": Message(
        vi="Danh bạ chưa ghi nhận mật khẩu mới từ khi bàn giao. Đổi mật khẩu mặc định, đăng nhập lại rồi xác nhận.",
        en="The directory shows no new password since the handover. Change the default one, sign in again, then "
        "confirm.",
    ),
    "lifecycle.person_unknown": Message(
        vi="Danh bạ không có cán bộ {login} đang làm việc. Kiểm tra tên đăng nhập.",
        en="The directory has no officer {login} at work. Check the login name.",
    ),
    "lifecycle.reason_missing": Message(
        vi="Dòng {line}: cho ít hơn đề nghị thì phải ghi lý do.",
        en="Line {line}: granting less than was asked needs a reason.",
    ),
    "lifecycle.received_in_future": Message(
        vi="Thời điểm nhận văn bản ở tương lai. Nhập thời điểm không sau bây giờ.",
        en="The letter was received in the future. Enter a moment not later than now.",
    ),
    "lifecycle.rights.unreadable": Message(
        vi="Quyền là mã vai trò viết thường, cách nhau bằng dấu cách, ví dụ tiep-nhan tham-dinh.",
        en="Rights are role codes in small letters with spaces between, for example tiep-nhan tham-dinh.",
    ),
    "lifecycle.signature_missing": Message(
        vi="Biểu mẫu {form} không có chữ ký số hợp lệ. Ký số, hoặc đánh dấu là bản sao điện tử của bản ký giấy.",
        en="Form {form} has no valid digital signature. Sign it, or mark it as the electronic copy of a signed paper.",
    ),
    "lifecycle.signature_unsound": Message(
        vi="Chữ ký số trên biểu mẫu {form} không còn đúng: tệp đã bị đổi hoặc chứng thư hết hiệu lực. Ký lại.",
        en="The digital signature on form {form} does not hold: the file was changed or the certificate ended. "
        "Sign again.",
    ),
    "lifecycle.verdict_does_not_fit": Message(
        vi="Dòng {line}: quyết định không khớp với các quyền đã chọn.",
        en="Line {line}: the decision does not fit the rights chosen.",
    ),
    "lifecycle.wrong_state": Message(
        vi="Yêu cầu đang ở trạng thái {state} nên không làm được bước này. Mở lại trang để xem.",
        en="The request is {state}, so this step cannot be done. Open the page again.",
    ),
    "notice.told_already": Message(
        vi="Thông báo {code} đã được ghi nhận rồi.",
        en="Notice {code} is told already.",
    ),
    "process.code_invalid": Message(
        vi="Mã quy trình gồm chữ hoa, số, dấu chấm hoặc gạch ngang, ví dụ QT-CAP-PHEP.",
        en="A process code has capitals, digits, dots or dashes, for example QT-CAP-PHEP.",
    ),
    "process.code_taken": Message(
        vi="Mã quy trình {taken} đã có.",
        en="Process code {taken} is taken.",
    ),
    "process.step_vacant": Message(
        vi="Chưa kích hoạt được: các bước chưa có cán bộ nào với tài khoản đang hoạt động: {steps}.",
        en="Not yet: these steps have no officer with an active account: {steps}.",
    ),
    "process.steps.invalid": Message(
        vi="Dòng {line} của danh sách bước không đúng dạng: tên bước; mã vai trò; đơn vị.",
        en="Line {line} of the steps is not of the form: title; role code; unit.",
    ),
    "process.wrong_state": Message(
        vi="Quy trình đang ở trạng thái {state}.",
        en="The process is {state}.",
    ),
}
