"""What each action of the trail is called, in Vietnamese and in English.

The title is drawn when an entry is read, and its words are searched but not hashed: a better title never touches an
entry. Invariant: every action has one.
"""

from __future__ import annotations

from collections.abc import Mapping

from control.actions import Action
from control.messages import Message
from control.permissions import Permission

ACTION_TITLES: Mapping[Action, Message] = {
    Action.ACCESS_API_CALL: Message(vi="Gọi giao diện lập trình", en="Call the API"),
    Action.ACCESS_KEY_CALL: Message(vi="Gọi bằng khoá kết nối", en="Call with a connection key"),
    Action.ACCESS_FILE_EXPORT: Message(vi="Tải một danh sách hoặc tệp", en="Take a list or file away"),
    Action.ACCESS_ROUTE_ENTER: Message(vi="Vào một trang", en="Enter a page"),
    Action.ACCESS_ROUTE_SILENT: Message(vi="Trang không ghi việc đã khai", en="A page recorded nothing"),
    Action.AUDIT_CLOCK_DIFFER: Message(vi="Hai đồng hồ lệch nhau", en="Two clocks disagree"),
    Action.AUDIT_CLOCK_REGRESS: Message(vi="Đồng hồ lùi lại", en="The clock went back"),
    Action.AUDIT_DISK_FILL: Message(vi="Ổ đĩa nhật ký đã đầy", en="The disk of the trail is full"),
    Action.AUDIT_DISK_RECOVER: Message(vi="Ổ đĩa nhật ký có chỗ trở lại", en="The disk of the trail has room again"),
    Action.AUDIT_DISK_REFUSE: Message(
        vi="Ổ đĩa nhật ký gần đầy, từ chối việc đặc quyền", en="The disk of the trail is nearly full"
    ),
    Action.AUDIT_DISK_WARN: Message(vi="Ổ đĩa nhật ký sắp đầy", en="The disk of the trail is filling"),
    Action.AUDIT_SEGMENT_LOSE: Message(vi="Mất tệp đoạn nhật ký", en="A segment file was lost"),
    Action.AUDIT_SEGMENT_REPLAY: Message(vi="Phát lại nhật ký từ tệp đoạn", en="Replay the trail from segment files"),
    Action.AUDIT_SEGMENT_RESUME: Message(vi="Ghi tiếp tệp đoạn", en="Segment files are written again"),
    Action.AUDIT_SEGMENT_STALL: Message(vi="Không ghi được tệp đoạn", en="Segment files cannot be written"),
    Action.AUDIT_SEGMENT_UNLINK: Message(
        vi="Tệp đoạn bị xoá khi đang ghi", en="A segment file was unlinked while open"
    ),
    Action.AUDIT_ANCHOR_REFUSE: Message(vi="Người làm chứng không nhận nhật ký", en="A witness refuses the trail"),
    Action.AUDIT_ANCHOR_RESUME: Message(
        vi="Làm chứng hoặc dấu thời gian hoạt động lại", en="A witness or time stamp is back"
    ),
    Action.AUDIT_ANCHOR_STALL: Message(
        vi="Làm chứng hoặc dấu thời gian không trả lời", en="A witness or time stamp does not answer"
    ),
    Action.AUDIT_KEY_ROTATE: Message(vi="Thay khoá ký nhật ký", en="Change the key that signs the trail"),
    Action.AUDIT_BUNDLE_EXPORT: Message(vi="Xuất gói bằng chứng", en="Export an evidence bundle"),
    Action.ASSURANCE_CHECK_RUN: Message(vi="Chạy phép kiểm", en="Run a check"),
    Action.ASSURANCE_EVIDENCE_READ: Message(vi="Xem bằng chứng", en="Read evidence"),
    Action.ASSURANCE_FINDING_ASSIGN: Message(vi="Giao phát hiện", en="Assign a finding"),
    Action.ASSURANCE_FINDING_CLOSE: Message(vi="Đóng phát hiện", en="Close a finding"),
    Action.ASSURANCE_FINDING_ESCALATE: Message(vi="Phát hiện quá hạn", en="A finding is overdue"),
    Action.ASSURANCE_FINDING_EXPLAIN: Message(vi="Giải trình phát hiện", en="Explain a finding"),
    Action.ASSURANCE_FINDING_EXPORT: Message(vi="Xuất danh sách phát hiện", en="Export the findings"),
    Action.ASSURANCE_FINDING_EXTEND: Message(vi="Phát hiện lặp lại", en="A finding happened again"),
    Action.ASSURANCE_FINDING_LIST: Message(vi="Xem danh sách phát hiện", en="List the findings"),
    Action.ASSURANCE_FINDING_RAISE: Message(vi="Nêu phát hiện", en="Raise a finding"),
    Action.ASSURANCE_FINDING_READ: Message(vi="Xem một phát hiện", en="Read a finding"),
    Action.ASSURANCE_FINDING_REOPEN: Message(vi="Mở lại phát hiện", en="Reopen a finding"),
    Action.AUDIT_REPORT_EXPORT: Message(vi="Tải báo cáo truy cập", en="Download an access report"),
    Action.AUDIT_REPORT_MAKE: Message(vi="Lập xong báo cáo truy cập", en="An access report was made"),
    Action.AUDIT_REPORT_READ: Message(vi="Xem báo cáo truy cập", en="Read an access report"),
    Action.AUDIT_REPORT_REQUEST: Message(vi="Yêu cầu lập báo cáo truy cập", en="Ask for an access report"),
    Action.AUDIT_SEARCH_DELETE: Message(vi="Xoá một phép tìm đã lưu", en="Remove a saved search"),
    Action.AUDIT_SEARCH_RENAME: Message(vi="Đổi tên một phép tìm đã lưu", en="Rename a saved search"),
    Action.AUDIT_SEARCH_SAVE: Message(vi="Lưu một phép tìm", en="Save a search"),
    Action.AUDIT_TEMPLATE_PUT: Message(vi="Đặt khuôn chỉ mục", en="Put the index template in place"),
    Action.ASSURANCE_INTEGRITY_ASK: Message(vi="Yêu cầu kiểm chứng toàn vẹn", en="Ask for a check of integrity"),
    Action.AUDIT_TRAIL_EXPORT: Message(vi="Xuất dấu vết ra CSV", en="Export the trail as CSV"),
    Action.AUDIT_ENTRY_EXPORT: Message(vi="Tải một mục dấu vết", en="Download an entry of the trail"),
    Action.AUDIT_ENTRY_VERIFY: Message(vi="Kiểm chứng một mục dấu vết", en="Verify an entry of the trail"),
    Action.AUDIT_ENTRY_READ: Message(vi="Xem một mục dấu vết", en="Read an entry of the trail"),
    Action.AUDIT_GAP_EXPLAIN: Message(vi="Giải thích khoảng trống", en="Explain a gap"),
    Action.AUDIT_TRAIL_FOLLOW: Message(vi="Theo dấu một đối tượng", en="Follow one thing through the trail"),
    Action.AUDIT_TRAIL_SEARCH: Message(vi="Tìm trong dấu vết", en="Search the trail"),
    Action.AUDIT_INDEX_REBUILD: Message(vi="Dựng lại bản sao của nhật ký", en="Rebuild a copy of the trail"),
    Action.AUDIT_INDEX_RECONCILE: Message(vi="Đối chiếu bản sao với nhật ký", en="Compare a copy with the trail"),
    Action.AUDIT_INDEX_SHIP: Message(vi="Gửi nhật ký sang bản sao", en="Send the trail to a copy"),
    Action.AUDIT_HOLD_LIST: Message(vi="Liệt kê lệnh giữ", en="List legal holds"),
    Action.AUDIT_HOLD_PLACE: Message(vi="Đặt lệnh giữ", en="Place a legal hold"),
    Action.AUDIT_HOLD_RELEASE: Message(vi="Gỡ lệnh giữ", en="Release a legal hold"),
    Action.AUDIT_INDEX_DROP: Message(vi="Xoá tháng hết hạn ở bản tìm kiếm", en="Drop a spent month of the search copy"),
    Action.AUDIT_JOURNAL_PRUNE: Message(vi="Xoá nội dung hết hạn lưu", en="Prune bodies past their retention"),
    Action.AUDIT_KEEPING_DECIDE: Message(vi="Quyết định đề xuất lưu giữ", en="Decide a keeping proposal"),
    Action.AUDIT_KEEPING_PROPOSE: Message(vi="Đề xuất về lưu giữ", en="Propose a change of keeping"),
    Action.AUDIT_KEEPING_WITHDRAW: Message(vi="Rút đề xuất lưu giữ", en="Withdraw a keeping proposal"),
    Action.AUDIT_RETENTION_CHANGE: Message(vi="Đổi thời hạn lưu", en="Change a time of retention"),
    Action.AUDIT_SUBJECT_ERASE: Message(vi="Xoá dữ liệu cá nhân của một người", en="Erase a person's values"),
    Action.AUDIT_SUBJECT_REWRAP: Message(vi="Bọc lại khoá của từng người", en="Wrap the keys of persons anew"),
    Action.AUDIT_JOURNAL_VERIFY: Message(vi="Kiểm chứng dấu vết", en="Verify the trail"),
    Action.AUDIT_WRITER_VOID: Message(
        vi="Khai số bị huỷ do giao dịch lùi", en="Declare numbers of undone transactions"
    ),
    Action.CASES_APPLICANT_NAME: Message(vi="Ghi người đứng tên hồ sơ", en="Name the applicant of a case"),
    Action.CASES_ASSIGNMENT_END: Message(vi="Kết thúc phân công hồ sơ", en="End the assignment of a case"),
    Action.CASES_ASSIGNMENT_MAKE: Message(vi="Phân công hồ sơ", en="Assign a case"),
    Action.CASES_FILE_OPEN: Message(vi="Mở hồ sơ, xem dữ liệu cá nhân", en="Open a case file, see personal data"),
    Action.CASES_FILE_SEED: Message(vi="Tạo hồ sơ minh hoạ", en="Create a demonstration case"),
    Action.ERROR_REQUEST_FAIL: Message(vi="Yêu cầu bị lỗi", en="A request failed"),
    Action.FACTOR_TOTP_ENROL: Message(vi="Ghi danh mã một lần", en="Enrol one-time codes"),
    Action.FACTOR_TOTP_FORGET: Message(vi="Bỏ mã một lần của người minh hoạ", en="Forget a demonstration factor"),
    Action.OPERATIONS_ALERT_ACKNOWLEDGE: Message(vi="Nhận xử lý cảnh báo", en="Take an alert"),
    Action.OPERATIONS_ALERT_CLOSE: Message(vi="Đóng cảnh báo", en="Close an alert"),
    Action.OPERATIONS_ALERT_RECEIVE: Message(vi="Nhận cảnh báo", en="Receive an alert"),
    Action.OPERATIONS_ALERT_RESOLVE: Message(vi="Cảnh báo hết", en="An alert is over"),
    Action.OPERATIONS_JOB_INTERRUPT: Message(vi="Việc nền bị gián đoạn", en="A job was interrupted"),
    Action.OPERATIONS_RESULT_DOWNLOAD: Message(vi="Tải kết quả lượt chạy", en="Download the result of a run"),
    Action.OPERATIONS_RUN_CANCEL: Message(vi="Dừng lượt chạy sổ tay", en="Stop a playbook run"),
    Action.OPERATIONS_RUN_END: Message(vi="Kết thúc lượt chạy sổ tay", en="A playbook run ended"),
    Action.OPERATIONS_RUN_INTERRUPT: Message(vi="Lượt chạy bị gián đoạn", en="A run was interrupted"),
    Action.OPERATIONS_RUN_REQUEST: Message(vi="Yêu cầu chạy sổ tay", en="Ask for a playbook run"),
    Action.OPERATIONS_RUN_START: Message(vi="Bắt đầu lượt chạy sổ tay", en="A playbook run started"),
    Action.OPERATIONS_SCHEDULE_MISS: Message(vi="Lịch bị lỡ", en="A schedule was missed"),
    Action.PEOPLE_APPLICANT_CANCEL: Message(vi="Huỷ tài khoản của mình", en="Cancel one's own account"),
    Action.PEOPLE_APPLICANT_CONFIRM: Message(vi="Xác nhận đăng ký tài khoản", en="Confirm a registration"),
    Action.PEOPLE_APPLICANT_CORRECT: Message(vi="Sửa thông tin đăng ký", en="Correct a registration"),
    Action.PEOPLE_APPLICANT_DECIDE: Message(vi="Duyệt, trả lại hoặc từ chối đăng ký", en="Decide on a registration"),
    Action.PEOPLE_APPLICANT_ESCALATE: Message(vi="Báo đăng ký quá hạn duyệt", en="Escalate an unchecked registration"),
    Action.PEOPLE_APPLICANT_LIST: Message(vi="Xem danh sách tài khoản người nộp hồ sơ", en="List applicants' accounts"),
    Action.PEOPLE_APPLICANT_REGISTER: Message(vi="Đăng ký tài khoản", en="Register an account"),
    Action.PEOPLE_APPLICANT_SHOW: Message(vi="Xem tài khoản người nộp hồ sơ", en="Show an applicant's account"),
    Action.PEOPLE_APPLICANT_WARN: Message(vi="Nhắc tài khoản lâu không dùng", en="Warn about a sleeping account"),
    Action.PEOPLE_DIRECTORY_SYNC: Message(vi="Đồng bộ danh bạ", en="Synchronise the directory"),
    Action.PEOPLE_IDENTITY_OPEN: Message(vi="Mở thông tin định danh", en="Open identity data"),
    Action.PEOPLE_ISSUE_ACCEPT: Message(vi="Thụ lý khiếu nại tài khoản", en="Accept a complaint about an account"),
    Action.PEOPLE_ISSUE_ACKNOWLEDGE: Message(vi="Báo đã nhận khiếu nại tài khoản", en="Acknowledge a complaint"),
    Action.PEOPLE_ISSUE_ESCALATE: Message(vi="Báo khiếu nại tài khoản quá hạn", en="Escalate a late complaint"),
    Action.PEOPLE_ISSUE_EXPORT: Message(vi="Xuất danh sách khiếu nại tài khoản", en="Export the complaints"),
    Action.PEOPLE_ISSUE_OPEN: Message(vi="Mở nội dung khiếu nại tài khoản", en="Open what a complaint says"),
    Action.PEOPLE_ISSUE_REPORT: Message(vi="Nhận khiếu nại tài khoản", en="Take a complaint about an account"),
    Action.PEOPLE_ISSUE_SETTLE: Message(vi="Báo kết quả khiếu nại tài khoản", en="Settle a complaint"),
    Action.PEOPLE_MESSAGE_SEND: Message(vi="Gửi tin nhắn hoặc thư", en="Send a message"),
    Action.PEOPLE_PASSWORD_FORGET: Message(vi="Xin đặt lại mật khẩu đã quên", en="Ask to replace a forgotten password"),
    Action.PEOPLE_PASSWORD_PROVE: Message(
        vi="Chứng minh để đặt lại mật khẩu", en="Prove who one is to replace a password"
    ),
    Action.PEOPLE_PASSWORD_SET: Message(vi="Đặt mật khẩu tại chỗ", en="Set a local password"),
    Action.PEOPLE_PERSON_CREATE: Message(vi="Tạo danh tính tại chỗ", en="Create a local identity"),
    Action.PEOPLE_PERSON_EXPORT: Message(vi="Xuất danh sách người dùng", en="Export the list of people"),
    Action.PEOPLE_PERSON_LIST: Message(vi="Xem danh sách người dùng", en="List people"),
    Action.PEOPLE_PERSON_LOCK: Message(vi="Khoá một người", en="Lock a person"),
    Action.PEOPLE_PERSON_RELEASE: Message(vi="Gỡ khoá một người", en="Lift a lock on a person"),
    Action.PEOPLE_PERSON_SHOW: Message(vi="Xem một người dùng", en="Show a person"),
    Action.PEOPLE_PERSON_UNLOCK: Message(vi="Mở khoá người dùng", en="Unlock a person"),
    Action.PEOPLE_ROLE_CHANGE: Message(vi="Đổi vai trò", en="Change roles"),
    Action.PEOPLE_ROLE_EXPORT: Message(vi="Xuất ma trận quyền", en="Export the rights matrix"),
    Action.PORTAL_LINK_CHANGE: Message(vi="Liên thông với Cổng thay đổi", en="The link to the portal changed"),
    Action.PORTAL_MESSAGE_SETTLE: Message(vi="Trao đổi với Cổng xong", en="A message to the portal was settled"),
    Action.PRIVILEGE_ACCOUNT_ACTIVATE: Message(vi="Kích hoạt tài khoản", en="Activate an account"),
    Action.PRIVILEGE_ACCOUNT_CREATE: Message(vi="Tạo tài khoản", en="Create an account"),
    Action.PRIVILEGE_ACCOUNT_CHECK: Message(vi="Kiểm tệp tài khoản", en="Check a file of accounts"),
    Action.PRIVILEGE_ACCOUNT_EDIT: Message(vi="Đổi chủ, việc, mức của tài khoản", en="Change an account by document"),
    Action.PRIVILEGE_ACCOUNT_FLAG: Message(
        vi="Người quản trị không đứng tên tài khoản nào", en="An administrator no account names"
    ),
    Action.PRIVILEGE_ACCOUNT_IMPORT: Message(vi="Nhập tệp tài khoản", en="Import a file of accounts"),
    Action.PRIVILEGE_ACCOUNT_LOCK: Message(vi="Khoá tài khoản", en="Lock an account"),
    Action.PRIVILEGE_ACCOUNT_PROPOSE: Message(
        vi="Đề nghị đổi tài khoản mức cao", en="Propose a change of an account of class high"
    ),
    Action.PRIVILEGE_ACCOUNT_REJECT: Message(vi="Bác việc đổi tài khoản", en="Reject a change of an account"),
    Action.PRIVILEGE_ACCOUNT_RECORD: Message(vi="Ghi nhận tài khoản từ tệp", en="Record an account from a file"),
    Action.PRIVILEGE_ACCOUNT_RETIRE: Message(vi="Thu hồi tài khoản", en="Retire an account"),
    Action.PRIVILEGE_ACCOUNT_SEED: Message(vi="Tạo tài khoản minh hoạ", en="Create a demonstration account"),
    Action.PRIVILEGE_ASSET_CHANGE: Message(vi="Đổi thông tin tài sản", en="Change an asset"),
    Action.PRIVILEGE_ASSET_RECORD: Message(vi="Ghi nhận tài sản", en="Record an asset"),
    Action.PRIVILEGE_ACCOUNT_SUSPEND: Message(vi="Tạm dừng tài khoản", en="Suspend an account"),
    Action.PRIVILEGE_AGREEMENT_END: Message(
        vi="Chấm dứt thoả thuận với nhà cung cấp định danh", en="End an agreement with an identity provider"
    ),
    Action.PRIVILEGE_AGREEMENT_RECORD: Message(
        vi="Ghi thoả thuận với nhà cung cấp định danh", en="Record an agreement with an identity provider"
    ),
    Action.PRIVILEGE_BREAKGLASS_ASK: Message(vi="Xin phá niêm khẩn cấp", en="Ask for a break-glass opening"),
    Action.PRIVILEGE_BREAKGLASS_CLOSE: Message(vi="Đóng lần phá niêm khẩn cấp", en="Close a break-glass opening"),
    Action.PRIVILEGE_BREAKGLASS_MISUSE: Message(
        vi="Dùng tài khoản phá niêm trái lần mở", en="Use of a break-glass account outside its opening"
    ),
    Action.PRIVILEGE_BREAKGLASS_OPEN: Message(vi="Phá niêm khẩn cấp", en="Open a break-glass account"),
    Action.PRIVILEGE_BREAKGLASS_PREPARE: Message(vi="Nhận nửa đầu của niêm phong", en="Take the first half of a seal"),
    Action.PRIVILEGE_BREAKGLASS_RECONCILE: Message(
        vi="Đối chiếu lần phá niêm với các lần dùng", en="Reconcile a break-glass opening with its uses"
    ),
    Action.PRIVILEGE_BREAKGLASS_REGISTER: Message(
        vi="Lập tài khoản phá niêm khẩn cấp", en="Register a break-glass account"
    ),
    Action.PRIVILEGE_BREAKGLASS_REPORT: Message(
        vi="Ghi nhận lần dùng tài khoản phá niêm", en="Report a use of a break-glass account"
    ),
    Action.PRIVILEGE_BREAKGLASS_REVIEW: Message(vi="Xem xét lần phá niêm khẩn cấp", en="Review a break-glass opening"),
    Action.PRIVILEGE_BREAKGLASS_SEAL: Message(
        vi="Niêm phong tài khoản phá niêm khẩn cấp", en="Seal a break-glass account"
    ),
    Action.PRIVILEGE_BREAKGLASS_UNEXPLAINED: Message(
        vi="Lần dùng tài khoản phá niêm không có lần mở", en="A use of a break-glass account no opening explains"
    ),
    Action.PRIVILEGE_BREAKGLASS_USE: Message(vi="Dùng tài khoản phá niêm khẩn cấp", en="Use a break-glass account"),
    Action.PRIVILEGE_DOCUMENT_CARRY_OUT: Message(
        vi="Chấm dứt quyền dựa trên văn bản bị thu hồi", en="End what rested on a withdrawn document"
    ),
    Action.PRIVILEGE_DOCUMENT_DOWNLOAD: Message(vi="Tải văn bản", en="Download a document"),
    Action.PRIVILEGE_DOCUMENT_FILE: Message(vi="Nộp văn bản cho phép", en="File an authorising document"),
    Action.PRIVILEGE_DOCUMENT_JUDGE: Message(vi="Kiểm chữ ký số của văn bản", en="Check the signatures of a document"),
    Action.PRIVILEGE_DOCUMENT_WITHDRAW: Message(vi="Thu hồi văn bản cho phép", en="Withdraw an authorising document"),
    Action.PRIVILEGE_GRANT_CREATE: Message(vi="Cấp quyền", en="Grant a privilege"),
    Action.PRIVILEGE_GRANT_END: Message(vi="Cấp quyền hết hạn", en="A grant ended"),
    Action.PRIVILEGE_GRANT_RESUME: Message(vi="Khôi phục cấp quyền", en="Resume a grant"),
    Action.PRIVILEGE_GRANT_REVOKE: Message(vi="Thu hồi cấp quyền", en="Revoke a grant"),
    Action.PRIVILEGE_GRANT_START: Message(vi="Cấp quyền bắt đầu", en="A grant started"),
    Action.PRIVILEGE_GRANT_SUSPEND: Message(vi="Tạm ngừng cấp quyền", en="Suspend a grant"),
    Action.PRIVILEGE_GRANT_WITHHOLD: Message(
        vi="Giữ lại cấp quyền vì người duyệt không còn thẩm quyền", en="Withhold a grant whose approver lost the role"
    ),
    Action.PRIVILEGE_KEY_BLOCK: Message(vi="Chặn khoá kết nối", en="Block a connection key"),
    Action.PRIVILEGE_KEY_ISSUE: Message(vi="Cấp khoá kết nối", en="Issue a connection key"),
    Action.PRIVILEGE_KEY_REVOKE: Message(vi="Thu hồi khoá kết nối", en="Revoke a connection key"),
    Action.PRIVILEGE_KEY_ROTATE: Message(vi="Thay khoá kết nối", en="Replace a connection key"),
    Action.PRIVILEGE_KEY_UNBLOCK: Message(vi="Bỏ chặn khoá kết nối", en="Unblock a connection key"),
    Action.PRIVILEGE_KEY_FLAG: Message(vi="Khoá kết nối có dấu hiệu lạ", en="A connection key is used unusually"),
    Action.PRIVILEGE_LIFECYCLE_APPROVE: Message(
        vi="Duyệt quyền ngoài quy trình", en="Approve a right beyond the processes"
    ),
    Action.PRIVILEGE_LIFECYCLE_ATTACH: Message(vi="Gắn biểu mẫu đã ký", en="Attach a signed form"),
    Action.PRIVILEGE_LIFECYCLE_CONFIRM: Message(
        vi="Xác nhận đã nhận tài khoản", en="Confirm the receipt of an account"
    ),
    Action.PRIVILEGE_LIFECYCLE_ESCALATE: Message(
        vi="Yêu cầu tài khoản hoặc thông báo quá hạn", en="An account request or notice is overdue"
    ),
    Action.PRIVILEGE_LIFECYCLE_EXECUTE: Message(
        vi="Thực hiện yêu cầu tài khoản", en="Carry out a request about an account"
    ),
    Action.PRIVILEGE_LIFECYCLE_FILE: Message(vi="Lập yêu cầu tài khoản", en="Draw up a request about accounts"),
    Action.PRIVILEGE_LIFECYCLE_FINISH: Message(vi="Xong yêu cầu tài khoản", en="A request about accounts is done"),
    Action.PRIVILEGE_LIFECYCLE_HAND: Message(vi="Bàn giao tài khoản", en="Hand over an account"),
    Action.PRIVILEGE_LIFECYCLE_LOCK: Message(vi="Khoá ngay tài khoản", en="Lock accounts at once"),
    Action.PRIVILEGE_LIFECYCLE_PRINT: Message(vi="In giấy tờ tài khoản", en="Print the papers of an account request"),
    Action.PRIVILEGE_LIFECYCLE_RULE: Message(vi="Quyết định yêu cầu tài khoản", en="Decide a request about accounts"),
    Action.PRIVILEGE_LIFECYCLE_SUBMIT: Message(vi="Gửi yêu cầu tài khoản", en="Send a request about accounts"),
    Action.PRIVILEGE_LIFECYCLE_TAKE: Message(vi="Tiếp nhận yêu cầu tài khoản", en="Take up a request about accounts"),
    Action.PRIVILEGE_LIFECYCLE_WITHDRAW: Message(vi="Rút yêu cầu tài khoản", en="Withdraw a request about accounts"),
    Action.PRIVILEGE_LIFECYCLE_WARN: Message(vi="Nhắc tài khoản không sử dụng", en="Warn of an idle account"),
    Action.PRIVILEGE_NOTICE_SEND: Message(vi="Gửi thông báo bằng thư", en="Send a notice by mail"),
    Action.PRIVILEGE_NOTICE_TELL: Message(vi="Ghi nhận đã thông báo", en="Take down that somebody was told"),
    Action.PRIVILEGE_PERSONNEL_NOTICE: Message(vi="Danh bạ đổi nhân sự", en="The directory changed an officer"),
    Action.PRIVILEGE_PROCESS_ACTIVATE: Message(vi="Kích hoạt quy trình", en="Activate a process"),
    Action.PRIVILEGE_PROCESS_FILE: Message(vi="Nhập quy trình đã ban hành", en="File an issued process"),
    Action.PRIVILEGE_RIGHT_END: Message(vi="Thôi quyền của tài khoản", en="End a right of an account"),
    Action.PRIVILEGE_RIGHT_GIVE: Message(vi="Trao quyền cho tài khoản", en="Give an account a right"),
    Action.PRIVILEGE_RULESET_APPROVE: Message(vi="Duyệt bộ quy tắc tài khoản", en="Approve the account rules"),
    Action.PRIVILEGE_RULESET_PROPOSE: Message(vi="Đề xuất đổi bộ quy tắc tài khoản", en="Propose other account rules"),
    Action.PRIVILEGE_RULESET_REFUSE: Message(vi="Bác đề xuất đổi quy tắc tài khoản", en="Refuse other account rules"),
    Action.PRIVILEGE_ROTATION_ASK: Message(vi="Yêu cầu thay bí mật", en="Ask for a secret to be changed"),
    Action.PRIVILEGE_VAULT_DEPOSIT: Message(vi="Gửi bí mật vào kho", en="Deposit a secret"),
    Action.PRIVILEGE_VAULT_LOSE: Message(vi="Không còn biết bí mật nào đúng", en="No kept secret works any more"),
    Action.PRIVILEGE_VAULT_RELEASE: Message(
        vi="Bộ ký mở khoá của một bí mật", en="The signer opened the key of a secret"
    ),
    Action.PRIVILEGE_VAULT_RETURN: Message(vi="Trả bí mật", en="Give a secret back"),
    Action.PRIVILEGE_VAULT_REWRAP: Message(vi="Bọc lại khoá của kho bí mật", en="Wrap the keys of the vault anew"),
    Action.PRIVILEGE_VAULT_ROTATE: Message(vi="Thay bí mật trên máy đích", en="Change a secret on its target"),
    Action.PRIVILEGE_VAULT_SHOW: Message(vi="Hiện bí mật một lần", en="Show a secret, once"),
    Action.PRIVILEGE_VAULT_SUSPECT: Message(vi="Báo bí mật có thể đã bị lấy", en="Report a secret as perhaps taken"),
    Action.PRIVILEGE_VAULT_TAKE: Message(vi="Mượn bí mật", en="Check out a secret"),
    Action.PRIVILEGE_POPULATION_ANSWER: Message(vi="Câu trả lời tra cứu dân cư", en="Answer of a population look-up"),
    Action.PRIVILEGE_POPULATION_APPOINT: Message(
        vi="Giao giữ tài khoản quản trị dân cư", en="Appoint the custodian for population data"
    ),
    Action.PRIVILEGE_POPULATION_ASK: Message(
        vi="Tra cứu cơ sở dữ liệu dân cư", en="Look somebody up in the population database"
    ),
    Action.PRIVILEGE_POPULATION_CHECK: Message(
        vi="Kiểm tra điều kiện kết nối dân cư", en="Check the conditions of the population link"
    ),
    Action.PRIVILEGE_POPULATION_CLOSE: Message(
        vi="Kết luận báo cáo lộ thông tin dân cư", en="Settle a report of a population leak"
    ),
    Action.PRIVILEGE_POPULATION_COLLIDE: Message(
        vi="Phiên tra cứu dân cư thứ hai bị chặn", en="A second population session was refused"
    ),
    Action.PRIVILEGE_POPULATION_COMPARE: Message(
        vi="Đối chiếu quyền dân cư với danh sách", en="Compare population rights with the lists"
    ),
    Action.PRIVILEGE_POPULATION_CONFIRM: Message(
        vi="Xác nhận nhu cầu tra cứu dân cư", en="Confirm the need of a population right"
    ),
    Action.PRIVILEGE_POPULATION_DIFFER: Message(
        vi="Quyền dân cư khác danh sách", en="A population right differs from the list"
    ),
    Action.PRIVILEGE_POPULATION_DISMISS: Message(
        vi="Thôi giao giữ tài khoản dân cư", en="End the custody of population data"
    ),
    Action.PRIVILEGE_POPULATION_DOWNLOAD: Message(vi="Tải giấy tờ đăng ký dân cư", en="Download a population paper"),
    Action.PRIVILEGE_POPULATION_FILE: Message(vi="Nộp giấy tờ đăng ký dân cư", en="File a population paper"),
    Action.PRIVILEGE_POPULATION_GRANT: Message(vi="Cấp quyền tra cứu dân cư", en="Grant a population right"),
    Action.PRIVILEGE_POPULATION_LEAK: Message(
        vi="Báo lộ thông tin dân cư và khoá tài khoản", en="Report a population leak and lock accounts"
    ),
    Action.PRIVILEGE_POPULATION_LINK: Message(vi="Ghi hồ sơ kết nối dân cư", en="Record the population link"),
    Action.PRIVILEGE_POPULATION_MISMATCH: Message(
        vi="Lượt tra cứu dân cư không khớp hồ sơ", en="A population look-up does not fit its case"
    ),
    Action.PRIVILEGE_POPULATION_RECEIVE: Message(
        vi="Ghi nhận đăng ký dân cư", en="Record the receipt of a population registration"
    ),
    Action.PRIVILEGE_POPULATION_REGISTER: Message(
        vi="Lập đăng ký khai thác dân cư của đơn vị", en="File a unit's population registration"
    ),
    Action.PRIVILEGE_POPULATION_RELEASE: Message(vi="Rời màn hình tra cứu dân cư", en="Leave the population screen"),
    Action.PRIVILEGE_POPULATION_RESUME: Message(vi="Cho dùng lại quyền tra cứu dân cư", en="Resume a population right"),
    Action.PRIVILEGE_POPULATION_SAMPLE: Message(
        vi="Đối chiếu lượt tra cứu dân cư với hồ sơ", en="Compare population look-ups with case files"
    ),
    Action.PRIVILEGE_POPULATION_SEED: Message(
        vi="Tạo dữ liệu minh hoạ về dân cư", en="Create demonstration data on population access"
    ),
    Action.PRIVILEGE_POPULATION_SENSE: Message(
        vi="Kết nối dân cư thay đổi tình trạng", en="The population link changed"
    ),
    Action.PRIVILEGE_POPULATION_SUSPECT: Message(
        vi="Dấu hiệu dùng chung tài khoản dân cư", en="A sign of a shared population account"
    ),
    Action.PRIVILEGE_POPULATION_SUSPEND: Message(vi="Tạm ngừng quyền tra cứu dân cư", en="Suspend a population right"),
    Action.PRIVILEGE_POPULATION_WITHDRAW: Message(vi="Thu hồi quyền tra cứu dân cư", en="Withdraw a population right"),
    Action.PRIVILEGE_PROMISE_VERIFY: Message(
        vi="Kiểm các bất biến của đặc quyền", en="Verify the promises of privilege"
    ),
    Action.PRIVILEGE_REQUEST_AMEND: Message(vi="Sửa yêu cầu", en="Amend a request"),
    Action.PRIVILEGE_REQUEST_APPROVE: Message(vi="Phê duyệt yêu cầu", en="Approve a request"),
    Action.PRIVILEGE_REQUEST_EXPIRE: Message(vi="Yêu cầu quá hạn duyệt", en="A request expired"),
    Action.PRIVILEGE_REQUEST_FILE: Message(vi="Nộp yêu cầu cấp quyền", en="File a request for a privilege"),
    Action.PRIVILEGE_REQUEST_REJECT: Message(vi="Bác yêu cầu", en="Reject a request"),
    Action.PRIVILEGE_REQUEST_WITHDRAW: Message(vi="Rút yêu cầu", en="Withdraw a request"),
    Action.PRIVILEGE_REVIEW_CLOSE: Message(vi="Khép đợt rà soát quyền", en="Close an access review"),
    Action.PRIVILEGE_REVIEW_DECIDE: Message(vi="Quyết định một quyền được rà soát", en="Decide a reviewed right"),
    Action.PRIVILEGE_REVIEW_EXPORT: Message(
        vi="Xuất bằng chứng rà soát quyền", en="Export evidence of an access review"
    ),
    Action.PRIVILEGE_REVIEW_LAPSE: Message(vi="Quyền quá hạn rà soát", en="The review of a right is overdue"),
    Action.PRIVILEGE_REVIEW_OPEN: Message(vi="Mở đợt rà soát quyền", en="Open an access review"),
    Action.PRIVILEGE_REVIEW_REASSIGN: Message(vi="Giao người khác rà soát", en="Give a review to somebody else"),
    Action.PRIVILEGE_REVIEW_REMIND: Message(vi="Nhắc người rà soát", en="Remind a reviewer"),
    Action.SESSION_BROWSER_DOUBLE: Message(vi="Cán bộ ở hai nơi cùng lúc", en="An officer signed in from two places"),
    Action.SESSION_BROWSER_END: Message(vi="Kết thúc phiên", en="End a session"),
    Action.SESSION_BROWSER_START: Message(vi="Mở phiên", en="Start a session"),
    Action.SESSION_LEVEL_RAISE: Message(vi="Nâng mức bảo đảm của phiên", en="Raise the level of a session"),
    Action.SIGN_IN_SIGNING_ASK: Message(vi="Yêu cầu ký số trên điện thoại", en="Ask a phone for a signature"),
    Action.SIGN_IN_SIGNING_CHECK: Message(vi="Nhận chữ ký số từ điện thoại", en="Take a signature from a phone"),
    Action.SIGN_IN_SMS_CHECK: Message(vi="Kiểm tra mã tin nhắn", en="Check a code by short message"),
    Action.SIGN_IN_SMS_SEND: Message(vi="Gửi mã đăng nhập qua tin nhắn", en="Send a sign-in code by short message"),
    Action.SIGN_IN_CODE_CHECK: Message(vi="Đăng nhập, bước mã một lần", en="Sign in, one-time code"),
    Action.SIGN_IN_SEALED_REFUSE: Message(
        vi="Từ chối đăng nhập bằng mật khẩu còn niêm phong", en="Refuse a sign-in with a sealed password"
    ),
    Action.TRAIL_PERSONAL_REVEAL: Message(
        vi="Mở giá trị cá nhân trong dấu vết", en="Open personal values of the trail"
    ),
    Action.SIGN_IN_PASSWORD_CHECK: Message(vi="Đăng nhập, bước mật khẩu", en="Sign in, password"),
    Action.FACTOR_CERTIFICATE_CONFIRM: Message(
        vi="Người thứ hai xác nhận chứng thư số", en="Second officer confirms a certificate"
    ),
    Action.FACTOR_CERTIFICATE_REFUSE: Message(vi="Không nhận chứng thư số", en="Refuse a certificate"),
    Action.FACTOR_CERTIFICATE_REGISTER: Message(vi="Đăng ký bằng chứng thư số", en="Register by a certificate"),
    Action.FACTOR_CERTIFICATE_REQUEST: Message(
        vi="Ghi nhận chứng thư số cho một người", en="Record a certificate for a person"
    ),
    Action.FACTOR_CERTIFICATE_REVOKE: Message(vi="Thu hồi chứng thư số", en="Take a certificate away"),
    Action.PEOPLE_RIGHT_END: Message(
        vi="Chấm dứt quyền do tài khoản cấp cao cấp", en="End a right of a senior account"
    ),
    Action.PEOPLE_RIGHT_GRANT: Message(vi="Tài khoản cấp cao cấp quyền", en="A senior account grants a right"),
    Action.PEOPLE_SENIOR_CONFIRM: Message(vi="Xác nhận tài khoản cấp cao", en="Confirm a senior account"),
    Action.PEOPLE_SENIOR_END: Message(vi="Chấm dứt tài khoản cấp cao", en="End a senior account"),
    Action.PEOPLE_SENIOR_OVERDUE: Message(
        vi="Tài khoản cấp cao quá hạn rà soát", en="A senior account was not reviewed in time"
    ),
    Action.PEOPLE_SENIOR_PROPOSE: Message(vi="Đề nghị tài khoản cấp cao", en="Ask for a senior account"),
    Action.PEOPLE_SENIOR_REVIEW: Message(vi="Rà soát tài khoản cấp cao", en="Review a senior account"),
    Action.PEOPLE_SENIOR_SUSPEND: Message(vi="Tạm ngừng tài khoản cấp cao", en="Suspend a senior account"),
    Action.SIGN_IN_CERTIFICATE_CHECK: Message(vi="Đăng nhập bằng chứng thư số", en="Sign in by certificate"),
    Action.FACTOR_CODE_ISSUE: Message(vi="Cấp mã ghi danh", en="Hand out an enrolment code"),
    Action.FACTOR_CODE_REVOKE: Message(vi="Huỷ mã ghi danh", en="Revoke an enrolment code"),
    Action.FACTOR_KEY_ENROL: Message(vi="Ghi danh khoá bảo mật", en="Enrol a security key"),
    Action.FACTOR_KEY_REMOVE: Message(vi="Bỏ khoá bảo mật", en="Remove a security key"),
    Action.FACTOR_RECOVERY_MAKE: Message(vi="Tạo bộ mã khôi phục", en="Make recovery codes"),
    Action.FACTOR_RESET_CONFIRM: Message(
        vi="Người thứ hai xác nhận đặt lại yếu tố", en="Second person confirms a factor reset"
    ),
    Action.FACTOR_RESET_REQUEST: Message(vi="Đề nghị đặt lại yếu tố thứ hai", en="Ask for a factor reset"),
    Action.FACTOR_RESET_WITHDRAW: Message(vi="Rút đề nghị đặt lại yếu tố", en="Withdraw a factor reset"),
    Action.PEOPLE_IDENTITY_LINK: Message(vi="Liên kết định danh điện tử", en="Link an identity elsewhere"),
    Action.PEOPLE_IDENTITY_UNLINK: Message(vi="Bỏ liên kết định danh điện tử", en="End the link of an identity"),
    Action.PEOPLE_NOTICE_READ: Message(
        vi="Đọc thông báo về đăng nhập của mình", en="Read a notice on one's own sign-in"
    ),
    Action.SIGN_IN_ENROLMENT_CHECK: Message(vi="Đăng nhập, bước mã ghi danh", en="Sign in, enrolment code"),
    Action.SIGN_IN_KEY_CHECK: Message(vi="Đăng nhập, bước khoá bảo mật", en="Sign in, security key"),
    Action.SIGN_IN_PROVIDER_ASK: Message(vi="Sang nhà cung cấp định danh", en="Go to an identity provider"),
    Action.SIGN_IN_PROVIDER_CHECK: Message(
        vi="Trở về từ nhà cung cấp định danh", en="Come back from an identity provider"
    ),
    Action.SIGN_IN_RECOVERY_CHECK: Message(vi="Đăng nhập bằng mã khôi phục", en="Sign in, recovery code"),
    Action.STEP_UP_PROOF_CHECK: Message(
        vi="Xác nhận một việc bằng yếu tố thứ hai", en="Confirm one act with the second factor"
    ),
}
# Actions that the trail writes about itself; they are no acts of the application and so not in Action.
TRAIL_TITLES: Mapping[str, Message] = {
    "audit:entry:unreadable": Message(vi="Mục không đọc được", en="An entry that cannot be read"),
}

# What a permission lets somebody do, as the rights matrix says it.
PERMISSION_TITLES: Mapping[Permission, Message] = {
    Permission.ASSURANCE_CHECK_RUN: Message(vi="Chạy phép kiểm tuân thủ", en="Run compliance checks"),
    Permission.ASSURANCE_EVIDENCE_EXPORT: Message(vi="Xuất gói bằng chứng", en="Export evidence bundles"),
    Permission.ASSURANCE_EVIDENCE_READ: Message(vi="Xem bằng chứng", en="Read evidence"),
    Permission.ASSURANCE_FINDING_ASSIGN: Message(vi="Giao phát hiện", en="Assign findings"),
    Permission.ASSURANCE_FINDING_CLOSE: Message(vi="Đóng phát hiện", en="Close findings"),
    Permission.ASSURANCE_FINDING_EXPLAIN: Message(vi="Giải trình mọi phát hiện", en="Explain any finding"),
    Permission.ASSURANCE_FINDING_READ: Message(vi="Xem mọi phát hiện", en="Read all findings"),
    Permission.ASSURANCE_KEEPING_DECIDE: Message(
        vi="Quyết định việc xoá, giữ nhật ký do người khác đề xuất", en="Decide what others propose to prune or hold"
    ),
    Permission.ASSURANCE_KEEPING_PROPOSE: Message(
        vi="Đề xuất xoá, giữ nhật ký, đổi thời hạn lưu", en="Propose to prune, hold or erase, change retention"
    ),
    Permission.ASSURANCE_KEEPING_READ: Message(vi="Xem việc lưu giữ nhật ký", en="Read how the trail is kept"),
    Permission.ASSURANCE_PERSONAL_REVEAL: Message(
        vi="Mở giá trị cá nhân niêm cạnh dấu vết", en="Open personal values sealed beside the trail"
    ),
    Permission.ASSURANCE_POSTURE_READ: Message(vi="Xem tình trạng tuân thủ", en="Read the compliance posture"),
    Permission.ASSURANCE_REPORT_MAKE: Message(vi="Lập báo cáo truy cập", en="Make access reports"),
    Permission.ASSURANCE_SEARCH_SAVE: Message(vi="Lưu phép tìm trong dấu vết", en="Save searches of the trail"),
    Permission.ASSURANCE_TRAIL_READ: Message(vi="Đọc dấu vết", en="Read the trail"),
    Permission.ASSURANCE_TRAIL_VERIFY: Message(vi="Kiểm chứng dấu vết", en="Verify the trail"),
    Permission.CASES_FILE_ASSIGN: Message(
        vi="Phân công hồ sơ cho người đơn vị khác", en="Assign a case to another unit"
    ),
    Permission.CASES_FILE_OPEN: Message(vi="Mở hồ sơ, xem dữ liệu cá nhân", en="Open a case file, see personal data"),
    Permission.CASES_FILE_READ: Message(vi="Xem danh sách hồ sơ", en="List case files"),
    Permission.INTERNAL_COMPONENTS_READ: Message(vi="Xem trang thành phần giao diện", en="See the component page"),
    Permission.OPERATIONS_ALERT_ACKNOWLEDGE: Message(vi="Nhận và đóng cảnh báo", en="Take and close alerts"),
    Permission.OPERATIONS_ALERT_READ: Message(vi="Xem cảnh báo", en="Read alerts"),
    Permission.OPERATIONS_RUNBOOK_READ: Message(vi="Đọc sổ tay", en="Read runbooks"),
    Permission.OPERATIONS_RUN_CANCEL: Message(vi="Dừng lượt chạy", en="Stop a run"),
    Permission.OPERATIONS_RUN_READ: Message(vi="Xem lượt chạy", en="Read runs"),
    Permission.OPERATIONS_RUN_START: Message(vi="Cho chạy sổ tay", en="Start a playbook run"),
    Permission.PEOPLE_APPLICANT_CHECK: Message(vi="Duyệt đăng ký tài khoản", en="Check registrations"),
    Permission.PEOPLE_APPLICANT_READ: Message(vi="Xem tài khoản người nộp hồ sơ", en="Read applicants' accounts"),
    Permission.PEOPLE_FACTOR_CONFIRM: Message(vi="Xác nhận đặt lại yếu tố", en="Confirm factor resets"),
    Permission.PEOPLE_FACTOR_READ: Message(vi="Xem yếu tố thứ hai của người khác", en="Read the factors of others"),
    Permission.PEOPLE_FACTOR_RESET: Message(
        vi="Đề nghị đặt lại yếu tố, cấp mã ghi danh", en="Ask for factor resets, hand out codes"
    ),
    Permission.PEOPLE_ISSUE_HANDLE: Message(vi="Giải quyết khiếu nại tài khoản", en="Handle complaints about accounts"),
    Permission.PEOPLE_ISSUE_READ: Message(vi="Xem khiếu nại tài khoản", en="Read complaints about accounts"),
    Permission.PEOPLE_LOCK_LIFT: Message(vi="Gỡ khoá một người", en="Lift locks on people"),
    Permission.PEOPLE_LOCK_PLACE: Message(vi="Khoá một người theo giấy báo", en="Lock people by notice"),
    Permission.PEOPLE_PERSON_READ: Message(vi="Xem người dùng", en="Read people"),
    Permission.PEOPLE_PERSON_UNLOCK: Message(vi="Mở khoá đăng nhập", en="Release a locked sign-in"),
    Permission.PEOPLE_ROLE_READ: Message(vi="Xem vai trò và ma trận quyền", en="Read roles and the rights matrix"),
    Permission.PEOPLE_SENIOR_CONFIRM: Message(
        vi="Xác nhận, rà soát tài khoản cấp cao", en="Confirm and review senior accounts"
    ),
    Permission.PEOPLE_SENIOR_PROPOSE: Message(
        vi="Đề nghị, chấm dứt tài khoản cấp cao", en="Ask for and end senior accounts"
    ),
    Permission.PEOPLE_SENIOR_READ: Message(vi="Xem tài khoản cấp cao", en="Read senior accounts"),
    Permission.PRIVILEGE_ACCOUNT_MANAGE: Message(
        vi="Nhập, sửa tài khoản và tài sản", en="Import and edit accounts and assets"
    ),
    Permission.PRIVILEGE_ACCOUNT_READ: Message(vi="Xem tài khoản đặc quyền", en="Read privileged accounts"),
    Permission.PRIVILEGE_AGREEMENT_MANAGE: Message(
        vi="Ghi, chấm dứt thoả thuận với nhà cung cấp định danh", en="Manage agreements with identity providers"
    ),
    Permission.PRIVILEGE_BREAKGLASS_OPEN: Message(
        vi="Niêm phong và phá niêm khẩn cấp", en="Seal and open break-glass accounts"
    ),
    Permission.PRIVILEGE_BREAKGLASS_READ: Message(vi="Xem phá niêm khẩn cấp", en="Read break-glass openings"),
    Permission.PRIVILEGE_BREAKGLASS_REPORT: Message(
        vi="Ghi nhận lần dùng tài khoản phá niêm", en="Report uses of break-glass accounts"
    ),
    Permission.PRIVILEGE_BREAKGLASS_REVIEW: Message(
        vi="Xem xét lần phá niêm khẩn cấp", en="Review break-glass openings"
    ),
    Permission.PRIVILEGE_DOCUMENT_FILE: Message(vi="Nộp văn bản cho phép", en="File authorising documents"),
    Permission.PRIVILEGE_DOCUMENT_READ: Message(vi="Xem văn bản cho phép", en="Read authorising documents"),
    Permission.PRIVILEGE_DOCUMENT_WITHDRAW: Message(vi="Thu hồi văn bản cho phép", en="Withdraw authorising documents"),
    Permission.PRIVILEGE_GRANT_READ: Message(vi="Xem cấp quyền", en="Read grants"),
    Permission.PRIVILEGE_GRANT_REVOKE: Message(vi="Tạm ngừng, thu hồi cấp quyền", en="Suspend and revoke grants"),
    Permission.PRIVILEGE_KEY_BLOCK: Message(vi="Chặn khoá kết nối", en="Block connection keys"),
    Permission.PRIVILEGE_KEY_MANAGE: Message(vi="Cấp, thay, thu hồi khoá kết nối", en="Issue, replace and revoke keys"),
    Permission.PRIVILEGE_KEY_READ: Message(vi="Xem khoá kết nối", en="Read connection keys"),
    Permission.PRIVILEGE_LIFECYCLE_APPROVE: Message(
        vi="Duyệt quyền ngoài quy trình, đổi bộ quy tắc tài khoản", en="Approve extra rights and account rules"
    ),
    Permission.PRIVILEGE_LIFECYCLE_EXECUTE: Message(
        vi="Quyết định, thực hiện yêu cầu tài khoản", en="Decide and carry out account requests"
    ),
    Permission.PRIVILEGE_LIFECYCLE_FILE: Message(
        vi="Lập yêu cầu tài khoản cho đơn vị", en="Draw up account requests for a unit"
    ),
    Permission.PRIVILEGE_LIFECYCLE_LOCK: Message(vi="Khoá ngay tài khoản", en="Lock accounts at once"),
    Permission.PRIVILEGE_LIFECYCLE_READ: Message(vi="Xem mọi yêu cầu tài khoản", en="Read all account requests"),
    Permission.PRIVILEGE_PROCESS_MANAGE: Message(vi="Nhập và kích hoạt quy trình", en="File and activate processes"),
    Permission.PRIVILEGE_POPULATION_APPOINT: Message(
        vi="Giao người giữ tài khoản quản trị dân cư", en="Appoint the custodian for population data"
    ),
    Permission.PRIVILEGE_POPULATION_INSPECT: Message(
        vi="Xem báo cáo sử dụng dữ liệu dân cư theo đơn vị", en="Read the population usage report by unit"
    ),
    Permission.PRIVILEGE_POPULATION_LOOKUP: Message(
        vi="Tra cứu cơ sở dữ liệu dân cư cho hồ sơ", en="Look people up for a case"
    ),
    Permission.PRIVILEGE_POPULATION_MANAGE: Message(
        vi="Đăng ký, cấp, thu hồi quyền tra cứu dân cư", en="Register, grant and withdraw population rights"
    ),
    Permission.PRIVILEGE_POPULATION_READ: Message(
        vi="Xem quyền và đối chiếu dữ liệu dân cư", en="Read population rights and comparisons"
    ),
    Permission.PRIVILEGE_POPULATION_REVOKE: Message(
        vi="Báo lộ và khoá quyền tra cứu dân cư", en="Report leaks and lock population rights"
    ),
    Permission.PRIVILEGE_REQUEST_APPROVE: Message(vi="Duyệt hoặc bác yêu cầu", en="Approve or reject requests"),
    Permission.PRIVILEGE_REQUEST_FILE: Message(vi="Nộp yêu cầu cấp quyền", en="File requests"),
    Permission.PRIVILEGE_REQUEST_READ: Message(vi="Xem yêu cầu cấp quyền", en="Read requests"),
    Permission.PRIVILEGE_REVIEW_EXPORT: Message(
        vi="Xuất bằng chứng rà soát quyền", en="Export evidence of access reviews"
    ),
    Permission.PRIVILEGE_REVIEW_OPEN: Message(vi="Mở đợt rà soát quyền", en="Open access reviews"),
    Permission.PRIVILEGE_REVIEW_READ: Message(vi="Xem mọi đợt rà soát quyền", en="Read all access reviews"),
    Permission.PRIVILEGE_ROTATION_ASK: Message(vi="Yêu cầu thay bí mật ngay", en="Have a secret changed now"),
    Permission.PRIVILEGE_VAULT_READ: Message(
        vi="Xem kho bí mật: ai mượn, thay khi nào (không thấy bí mật)",
        en="Read the vault: who has what, changed when (never a secret)",
    ),
}


def title_of_permission(permission: str, language: str) -> str:
    """Return what a permission lets somebody do, or its code when it is not of this release."""
    message = PERMISSION_TITLES.get(Permission(permission)) if permission in set(Permission) else None
    if message is None:
        return permission
    return message.en if language == "en" else message.vi


def title_of(action: str, language: str) -> str:
    """Return the title of an action, or its code when it is not of this release."""
    message = TRAIL_TITLES.get(action)
    if message is None and action in set(Action):
        message = ACTION_TITLES.get(Action(action))
    if message is None:
        return action
    return message.en if language == "en" else message.vi


def words_of(action: Action) -> tuple[str, ...]:
    """Return what an entry of this action is found by: its titles in both languages."""
    message = ACTION_TITLES.get(action)
    return () if message is None else (message.vi, message.en)
