"""Sentences of imports: what is wrong with a file or a row, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

IMPORT_MESSAGES: Mapping[str, Message] = {
    "account.edit_decided": Message(vi="Thay đổi này đã được quyết định.", en="This change was decided already."),
    "account.edit_own": Message(
        vi="Người đề nghị, hoặc người sẽ chịu trách nhiệm, không tự xác nhận. Cần một người khác.",
        en="Who proposed it, or would own the account, does not confirm it. Another person must.",
    ),
    "account.edit_waits": Message(
        vi="Tài khoản đang có một thay đổi chờ người thứ hai. Xác nhận hoặc bác thay đổi đó trước.",
        en="A change of this account waits for a second person. Confirm or reject that one first.",
    ),
    "account.nothing_changed": Message(vi="Không có gì khác với hiện tại.", en="Nothing differs from what stands now."),
    "asset.code_form": Message(
        vi="Mã chỉ gồm chữ thường không dấu, số, dấu chấm và gạch nối, bắt đầu bằng chữ hoặc số.",
        en="A code has small letters, digits, dots and hyphens, and begins with a letter or digit.",
    ),
    "asset.code_taken": Message(vi="Mã {asset} đã có. Chọn mã khác.", en="Code {asset} is taken. Choose another."),
    "import.changed_meanwhile": Message(
        vi="Dữ liệu đã đổi từ khi tệp được kiểm, kết quả không còn như bạn đã đọc. Xem lại kết quả mới rồi xác nhận.",
        en="What is here changed since the file was checked, so the result is not what you read. Look at it again.",
    ),
    "import.columns_unknown": Message(
        vi="Tệp có cột lạ hoặc lặp: {columns}. Chỉ dùng các cột của tệp mẫu.",
        en="The file has unknown or repeated columns: {columns}. Use the columns of the template only.",
    ),
    "import.empty": Message(
        vi="Tệp không có dòng nào. Điền ít nhất một tài khoản dưới dòng tiêu đề.",
        en="The file has no rows. Enter at least one account below the header.",
    ),
    "import.encoding": Message(
        vi="Tệp không phải văn bản UTF-8. Trong phần mềm bảng tính, lưu lại dạng CSV UTF-8.",
        en="The file is not UTF-8 text. Save it as CSV UTF-8 in the spreadsheet program.",
    ),
    "import.file_required": Message(vi="Chọn tệp CSV.", en="Choose the CSV file."),
    "import.header": Message(
        vi="Dòng đầu phải có các cột: {columns}. Tải tệp mẫu và điền vào đó.",
        en="The first line needs the columns {columns}. Download the template and fill it in.",
    ),
    "import.malformed": Message(
        vi="Tệp CSV hỏng: có dấu ngoặc kép không đóng hoặc ô quá lớn. Lưu lại từ phần mềm bảng tính.",
        en="The CSV file is broken: an open quote or a huge cell. Save it again from the spreadsheet program.",
    ),
    "import.other_file": Message(
        vi="Tệp xác nhận không phải tệp đã kiểm. Kiểm lại từ đầu.",
        en="The file confirmed is not the one that was checked. Start again.",
    ),
    "import.row.asset_unknown": Message(vi="tài sản chưa có trong danh mục", en="the asset is not in the register"),
    "import.row.category": Message(vi="loại tài khoản không hợp lệ", en="not a category"),
    "import.row.cells": Message(vi="số ô khác dòng tiêu đề", en="another number of cells than the header"),
    "import.row.change_without_document": Message(
        vi="đổi tài khoản đã có phải có văn bản", en="changing an account needs a document"
    ),
    "import.row.characters": Message(vi="có ký tự điều khiển", en="holds control characters"),
    "import.row.class": Message(vi="mức phải là normal hoặc high", en="the class is normal or high"),
    "import.row.document_unknown": Message(
        vi="văn bản chưa nộp, hết hiệu lực hoặc trùng số", en="the document is not filed, not in force, or not unique"
    ),
    "import.row.fixed": Message(
        vi="không đổi loại, kiểu hay người dùng của tài khoản đã có",
        en="category, kind and user of an account that is here do not change",
    ),
    "import.row.formula": Message(vi="có ô là công thức", en="a cell is a formula"),
    "import.row.incomplete": Message(vi="thiếu ô bắt buộc", en="a required cell is empty"),
    "import.row.kind": Message(vi="kiểu tài khoản không hợp lệ", en="not a kind of account"),
    "import.row.name": Message(vi="tên tài khoản không hợp lệ", en="not a name of an account"),
    "import.row.officer": Message(
        vi="tài khoản cán bộ phải có người dùng, tài khoản khác thì không",
        en="an officer's account names its user, another account does not",
    ),
    "import.row.orphan": Message(
        vi="chưa có văn bản: ghi nhận nhưng chưa dùng được", en="no document: recorded, but nobody can use it"
    ),
    "import.row.owner_missing": Message(vi="có văn bản thì phải có chủ", en="with a document there is an owner"),
    "import.row.owner_unknown": Message(
        vi="chủ không có trong danh bạ hoặc đã nghỉ", en="the owner is not in the directory or has left"
    ),
    "import.row.person_unknown": Message(
        vi="người dùng không có trong danh bạ hoặc đã nghỉ", en="the user is not in the directory or has left"
    ),
    "import.row.retired": Message(vi="tài khoản đã thu hồi", en="the account is retired"),
    "import.row.too_long": Message(vi="có ô quá dài", en="a cell is too long"),
    "import.row.twice": Message(vi="tài khoản lặp lại trong tệp", en="the account stands in the file twice"),
    "import.row.two_persons": Message(
        vi="tài khoản mức cao chỉ đổi bằng văn bản và hai người",
        en="class high changes by document and two persons only",
    ),
    "import.taken_already": Message(vi="Tệp {file} đã được nhập rồi.", en="File {file} has been taken already."),
    "import.too_large": Message(
        vi="Tệp lớn hơn {maximum_mib} MiB. Chia thành nhiều tệp.",
        en="The file is larger than {maximum_mib} MiB. Split it.",
    ),
    "import.too_many_rows": Message(
        vi="Tệp có hơn {maximum} dòng. Chia thành nhiều tệp.", en="The file has more than {maximum} rows. Split it."
    ),
}
