"""Sentences of access to the population database: what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "population.after-closing": Message(
        vi="Lượt tra cứu diễn ra sau khi hồ sơ đã đóng.", en="The look-up came after the case was closed."
    ),
    "population.appoints_self": Message(
        vi="Không ai tự giao cho mình giữ tài khoản quản trị cao nhất. Nhờ người khác giao.",
        en="Nobody appoints themselves to keep the top account. Ask another person to appoint.",
    ),
    "population.bad-signature": Message(
        vi="Câu trả lời của cơ sở dữ liệu dân cư không có chữ ký đúng; không tin và không hiện gì.",
        en="The answer of the population database is not rightly signed; it is not believed and nothing is shown.",
    ),
    "population.before-receipt": Message(
        vi="Lượt tra cứu diễn ra trước khi hồ sơ được tiếp nhận.",
        en="The look-up came before the case was received.",
    ),
    "population.cannot_resume": Message(
        vi="Chỉ quyền đang tạm ngừng vì báo lộ mới cho dùng lại ở đây; quyền quá hạn rà soát thì xác nhận nhu cầu.",
        en="Only a right stopped for a leak is resumed here; one whose check is overdue needs its need confirmed.",
    ),
    "population.case.form": Message(
        vi="Nhập mã hồ sơ như trên danh sách, ví dụ G99-261122-0001.",
        en="Enter the code of the case as the list has it, for example G99-261122-0001.",
    ),
    "population.case_closed": Message(
        vi="Hồ sơ đã đóng nên không còn căn cứ để tra cứu.", en="The case is closed, so it no longer carries a look-up."
    ),
    "population.check.day": Message(
        vi="Ngày kiểm tra phải từ ngày ghi hồ sơ kết nối đến hôm nay.",
        en="The day of the check lies between the day of the record and today.",
    ),
    "population.document_not_in_force": Message(
        vi="Văn bản không có hiệu lực hôm nay. Chọn văn bản còn hiệu lực.",
        en="The document is not in force today. Choose one that is.",
    ),
    "population.excess": Message(
        vi="Câu trả lời có trường dữ liệu không được hỏi; không hiện gì và phải báo đầu mối công an.",
        en="The answer holds fields nobody asked for; nothing is shown and the police contact has to be told.",
    ),
    "population.granted-not-listed": Message(
        vi="Có quyền nhưng không có trong danh sách đã duyệt.", en="Has the right, but stands on no approved list."
    ),
    "population.interrupted": Message(
        vi="Lượt tra cứu bị ngắt trước khi có câu trả lời được ghi.",
        en="The look-up was cut off before an answer was written.",
    ),
    "population.leak.accounts": Message(
        vi="Chọn ít nhất một quyền còn hiệu lực để khoá.", en="Choose at least one right that stands, to be locked."
    ),
    "population.leak_open": Message(
        vi="Báo cáo lộ thông tin về quyền này chưa kết luận.",
        en="The report of a leak about this right is not settled.",
    ),
    "population.leak_own": Message(
        vi="Người báo hoặc người liên quan không tự kết luận. Nhờ người khác.",
        en="Who reported it, or whom it concerns, does not settle it. Ask another person.",
    ),
    "population.leak_settled": Message(vi="Báo cáo này đã kết luận rồi.", en="This report is settled already."),
    "population.left_unit": Message(
        vi="Người này không còn ở đơn vị đã đăng ký, nên quyền không còn hiệu lực.",
        en="The person is no longer in the unit that registered, so the right no longer holds.",
    ),
    "population.list.unit": Message(
        vi="Chọn danh sách (mẫu 08) của chính đơn vị {unit}.", en="Choose the list (form 08) of unit {unit} itself."
    ),
    "population.listed-not-granted": Message(
        vi="Có trong danh sách đã duyệt nhưng không có quyền.", en="Stands on the approved list, but has no right."
    ),
    "population.need_overdue": Message(
        vi="Quyền quá hạn rà soát nhu cầu. Đề nghị người giữ quyền xác nhận nhu cầu.",
        en="The need of the right was not checked in time. Ask the keeper to confirm the need.",
    ),
    "population.no-case": Message(
        vi="Lượt tra cứu nêu một hồ sơ không có.", en="The look-up named a case that does not exist."
    ),
    "population.no_case": Message(
        vi="Không có hồ sơ này trong phần việc của bạn. Tra cứu phải gắn với một hồ sơ bạn được xem.",
        en="There is no such case in your work. A look-up rests on a case that is yours to see.",
    ),
    "population.no_commitment": Message(
        vi="Chưa có bản cam kết cá nhân (mẫu 06) của người này. Nộp bản ký số trước.",
        en="There is no individual commitment (form 06) of this person. File the signed one first.",
    ),
    "population.no_custodian": Message(
        vi="Chưa ai được giao giữ tài khoản quản trị cao nhất về dân cư, nên không cấp hay thu hồi quyền được.",
        en="Nobody is appointed to keep the top account for population data, so no right is given or withdrawn.",
    ),
    "population.no_registration": Message(
        vi="Đơn vị {unit} chưa có đăng ký (mẫu 07 và 08). Lập đăng ký trước.",
        en="Unit {unit} has no registration (forms 07 and 08). File it first.",
    ),
    "population.no_right": Message(
        vi="Bạn không có quyền tra cứu dân cư. Quyền được cấp theo văn bản đề xuất của đơn vị.",
        en="You have no right to look people up. It is given by a written proposal of the unit.",
    ),
    "population.not_connected": Message(
        vi="Chưa khai địa chỉ cơ sở dữ liệu dân cư; không gửi gì đi.",
        en="No population database is set up; nothing was sent.",
    ),
    "population.not_custodian": Message(
        vi="Chỉ người được giao giữ tài khoản quản trị cao nhất mới làm được việc này.",
        en="Only the named custodian of the top account can do this.",
    ),
    "population.not_in_unit_commitment": Message(
        vi="Bản cam kết của đơn vị {unit} (mẫu 07) không có người này.",
        en="The commitment of unit {unit} (form 07) does not name this person.",
    ),
    "population.not_on_list": Message(
        vi="Danh sách của đơn vị {unit} (mẫu 08) không có người này.",
        en="The list of unit {unit} (form 08) does not name this person.",
    ),
    "population.number.form": Message(vi="Số định danh cá nhân gồm 12 chữ số.", en="A personal number has 12 digits."),
    "population.other-person": Message(
        vi="Người được tra cứu không phải người nộp hồ sơ.", en="The person looked up is not the applicant of the case."
    ),
    "population.other_unit": Message(
        vi="Người này thuộc đơn vị khác với đơn vị đăng ký.",
        en="The person is of another unit than the one registered.",
    ),
    "population.own_proposal": Message(
        vi="Người nộp văn bản đề xuất không tự cấp quyền theo văn bản đó.",
        en="Who filed the proposal does not grant by it.",
    ),
    "population.own_right": Message(
        vi="Người giữ tài khoản quản trị không tự cấp quyền cho mình.",
        en="The custodian does not grant to themselves.",
    ),
    "population.paper.duplicate": Message(vi="Tệp này đã được nộp rồi.", en="This file has been filed already."),
    "population.people.unknown": Message(
        vi="Có người không có trong danh bạ: {logins}. Ghi tên đăng nhập, mỗi dòng một người.",
        en="The directory does not know: {logins}. Write login names, one a line.",
    ),
    "population.person_away": Message(
        vi="Người này đã nghỉ hoặc bị tạm ngừng.", en="The person has left or is suspended."
    ),
    "population.proposal_over": Message(
        vi="Văn bản đề xuất đã hết hiệu lực.", en="The proposal is no longer in force."
    ),
    "population.quota_person": Message(
        vi="Bạn đã dùng hết {quota} lượt trong {minutes} phút này. Thử lại ở khoảng sau.",
        en="You have used the {quota} look-ups of these {minutes} minutes. Try again in the next.",
    ),
    "population.quota_unit": Message(
        vi="Đơn vị đã dùng hết {quota} lượt trong {minutes} phút này. Thử lại ở khoảng sau.",
        en="Your unit has used the {quota} look-ups of these {minutes} minutes. Try again in the next.",
    ),
    "population.receipt_exists": Message(
        vi="Đăng ký này đã được ghi nhận ở nơi đó rồi.", en="That office's receipt is on record already."
    ),
    "population.refused": Message(
        vi="Cơ sở dữ liệu dân cư từ chối lượt này. Hỏi người giữ quyền khai thác dân cư.",
        en="The population database refused this look-up. Ask the keeper of population rights.",
    ),
    "population.right_exists": Message(
        vi="Người này đã có quyền. Mỗi người một tài khoản, không dùng chung.",
        en="The person has the right already. One account a person, never shared.",
    ),
    "population.right_over": Message(vi="Quyền này đã thu hồi.", en="This right was withdrawn."),
    "population.right_pending": Message(
        vi="Quyền chưa có hiệu lực: đăng ký của đơn vị chưa được cả Trung tâm và công an ghi nhận.",
        en="The right does not hold yet: the centre and the police have not both taken the unit's registration.",
    ),
    "population.right_suspended": Message(
        vi="Quyền đang tạm ngừng. Hỏi người giữ quyền khai thác dân cư.",
        en="The right is suspended. Ask the keeper of population rights.",
    ),
    "population.second_session": Message(
        vi="Tài khoản này đang tra cứu ở một phiên khác. Rời màn hình ở phiên kia rồi thử lại; việc này đã được ghi.",
        en="This account looks people up in another session. Leave the screen there first; this was recorded.",
    ),
    "population.unanswered": Message(
        vi="Cơ sở dữ liệu dân cư không trả lời trong thời hạn. Thử lại sau; lượt này vẫn được ghi.",
        en="The population database did not answer in time. Try again later; this look-up stays on record.",
    ),
    "population.unavailable": Message(
        vi="Cơ sở dữ liệu dân cư báo đang không phục vụ được. Thử lại sau; lượt này vẫn được ghi.",
        en="The population database says it cannot serve now. Try again later; this look-up stays on record.",
    ),
    "population.unreadable": Message(
        vi="Câu trả lời của cơ sở dữ liệu dân cư không đúng dạng hoặc không phải cho câu hỏi này; không hiện gì.",
        en="The answer is not of the agreed form or not to this question; nothing is shown.",
    ),
}
