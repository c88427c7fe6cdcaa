"""The sentence of every refusal of this package, in Vietnamese and in English, with its exit status.

Not for: texts of pages. Placeholders are named; `refusal` fills them and refuses to build an error without them.
"""

from __future__ import annotations

from typing import NamedTuple

from policies.errors import PolicyError

MISUSED = 2


class Sentence(NamedTuple):
    """What is wrong and what would be right, once per language."""

    vi: str
    en: str
    exit_status: int = MISUSED


SENTENCES: dict[str, Sentence] = {
    "clock.apology_late": Sentence(
        "Văn bản xin lỗi phải gửi chậm nhất {latest}; không được gia hạn.",
        "The apology had to be sent by {latest}; the extension is refused.",
    ),
    "clock.apology_missing": Sentence(
        "Chưa có văn bản xin lỗi; gửi chậm nhất {latest} rồi mới gia hạn.",
        "No apology was sent; send it by {latest}, then extend.",
    ),
    "clock.extension_after_due": Sentence(
        "Đã quá hạn lúc {due}; chỉ được gia hạn trước khi hết hạn.",
        "The case was due at {due}; it can be extended only before that.",
    ),
    "clock.extension_count": Sentence(
        "Chỉ được gia hạn {limit} lần.", "The return date may be moved {limit} time(s) only."
    ),
    "clock.extension_fraction": Sentence(
        "Gia hạn tối đa {limit_minutes} phút ({fraction} tổng thời gian); đề nghị {asked_minutes} phút.",
        "At most {limit_minutes} minutes may be added ({fraction} of the total time); {asked_minutes} were asked.",
    ),
    "clock.extension_unit": Sentence(
        "Gia hạn {amount} không cùng loại đơn vị với thời hạn {time_limit}.",
        "The extension {amount} is not measured like the time limit {time_limit}.",
    ),
    "clock.file_invalid": Sentence(
        "{file}, dòng {line}: {problem_vi}",
        "{file}, line {line}: {problem_en}",
    ),
    "clock.impossible": Sentence(
        "Không thể ghi “{kind}” khi hồ sơ đang ở trạng thái “{state}”.",
        "“{kind}” is impossible while the case is “{state}”.",
    ),
    "clock.out_of_order": Sentence(
        "Sự kiện lúc {at} xảy ra trước sự kiện liền trước ({previous}).",
        "The event at {at} is earlier than the one before it ({previous}).",
    ),
    "clock.supplement_count": Sentence(
        "Chỉ được yêu cầu bổ sung {limit} lần trong giai đoạn này.",
        "A supplement may be asked {limit} time(s) only at this stage.",
    ),
    "law.broken_source": Sentence(
        "{file}, dòng {line}: không phải mã Python đúng cú pháp.", "{file}, line {line}: not valid Python."
    ),
    "law.silent": Sentence(
        "Quy chế “{profile}” không quy định “{name}” cho ngày này và không có quy định chung của quốc gia.",
        "Profile “{profile}” sets no “{name}” for that date, and no national rule applies.",
    ),
    "law.unknown_id": Sentence(
        "{file}, dòng {line}: mã yêu cầu “{id}” không có trong sổ yêu cầu.",
        "{file}, line {line}: requirement id “{id}” stands in no register.",
    ),
    "law.map_outdated": Sentence(
        "{files} không còn khớp với mã nguồn; chạy `vonglau law map --write`.",
        "{files} no longer match the source; run `vonglau law map --write`.",
        1,
    ),
    "law.no_source": Sentence(
        "Không tìm thấy mã nguồn tại {folder}; lệnh này chạy trong thư mục mã nguồn.",
        "No source tree at {folder}; this command runs in a checkout.",
    ),
    "law.unknown_parameter": Sentence(
        "Không có tham số “{name}”. Gần giống: {near}.", "There is no parameter “{name}”. Close to it: {near}."
    ),
    "law.unknown_profile": Sentence(
        "Không có quy chế “{profile}”. Hiện có: {known}.", "There is no profile “{profile}”. Known: {known}."
    ),
    "policy.alias": Sentence(
        "{file}, dòng {line}: không dùng neo và tham chiếu YAML.",
        "{file}, line {line}: YAML anchors and aliases are not accepted.",
    ),
    "policy.broken_yaml": Sentence(
        "{file}, dòng {line}: YAML sai cú pháp ({problem}).", "{file}, line {line}: broken YAML ({problem})."
    ),
    "policy.conflict": Sentence("{file}, dòng {line}: {problem_vi}", "{file}, line {line}: {problem_en}"),
    "policy.duplicate_id": Sentence(
        "{file}, dòng {line}: “{id}” đã có ở dòng {first_line}.",
        "{file}, line {line}: “{id}” already stands on line {first_line}.",
    ),
    "policy.duplicate_key": Sentence(
        "{file}, dòng {line}: khóa “{key}” lặp lại.", "{file}, line {line}: key “{key}” is repeated."
    ),
    "policy.empty_file": Sentence("{file}: tệp rỗng.", "{file}: the file is empty."),
    "policy.empty_list": Sentence(
        "{file}, dòng {line}: “{path}” không được rỗng.", "{file}, line {line}: “{path}” must not be empty."
    ),
    "policy.encoding": Sentence(
        "{file}: tệp phải là UTF-8 (byte {offset} sai).", "{file}: the file must be UTF-8 (byte {offset} is not)."
    ),
    "policy.missing_citation": Sentence(
        "{file}, dòng {line}: “{path}” thiếu căn cứ (“{key}”).",
        "{file}, line {line}: “{path}” cites no source (“{key}”).",
    ),
    "policy.missing_key": Sentence(
        "{file}, dòng {line}: “{path}” thiếu khóa “{key}”.", "{file}, line {line}: “{path}” lacks the key “{key}”."
    ),
    "policy.not_separated": Sentence(
        "{file}, dòng {line}: {roles} giữ cả hai quyền mà “{separation}” bắt phải tách.",
        "{file}, line {line}: {roles} holds both permissions that “{separation}” keeps apart.",
    ),
    "policy.too_deep": Sentence("{file}, dòng {line}: lồng quá sâu.", "{file}, line {line}: nested too deeply."),
    "policy.too_large": Sentence(
        "{file}: tệp dài {size} byte, tối đa {limit}.", "{file}: the file has {size} bytes, at most {limit} are read."
    ),
    "policy.unknown_check": Sentence(
        "Không có phép kiểm “{check}”. Hiện có: {known}.", "There is no check “{check}”. Known: {known}."
    ),
    "policy.unknown_key": Sentence(
        "{file}, dòng {line}: không có khóa “{key}”. Được dùng: {known}.",
        "{file}, line {line}: unknown key “{key}”. Known: {known}.",
    ),
    "policy.unknown_reference": Sentence(
        "{file}, dòng {line}: “{reference}” không tồn tại.", "{file}, line {line}: “{reference}” does not exist."
    ),
    "policy.unknown_regime": Sentence(
        "Không có bộ yêu cầu “{regime}”. Hiện có: {known}.", "There is no regime “{regime}”. Known: {known}."
    ),
    "policy.unreadable": Sentence("Không đọc được {file}: {problem}.", "Cannot read {file}: {problem}."),
    "policy.wrong_value": Sentence(
        "{file}, dòng {line}: giá trị của “{path}” không hợp lệ ({problem}).",
        "{file}, line {line}: the value of “{path}” is not accepted ({problem}).",
    ),
    "time.amount": Sentence(
        "“{amount}” không phải khoảng thời gian. Ví dụ: 15wd, 48wh, 90wm, 5d, 24h.",
        "“{amount}” is not an amount of time. Examples: 15wd, 48wh, 90wm, 5d, 24h.",
    ),
    "time.before_calendar": Sentence(
        "Ngày {date} trước lịch làm việc đầu tiên đã nhập ({first}).",
        "{date} lies before the first working calendar entered ({first}).",
    ),
    "time.calendar_gap": Sentence(
        "Các lịch làm việc phải liền năm, không trùng; đang có {years}.",
        "Working calendars must follow year by year without repeats; found {years}.",
    ),
    "time.moment": Sentence(
        "“{value}” không phải thời điểm ISO 8601. Ví dụ: 2026-11-23T08:00 hoặc 2026-11-23T08:00+07:00.",
        "“{value}” is not an ISO 8601 time. Examples: 2026-11-23T08:00 or 2026-11-23T08:00+07:00.",
    ),
    "time.past_horizon": Sentence(
        "Kết quả vượt quá lịch làm việc đã công bố (đến {last}). Nhập lịch năm sau trước.",
        "The result lies past the published working calendar (up to {last}). Enter the next year first.",
    ),
    "time.reversed": Sentence(
        "Thời điểm cuối {end} trước thời điểm đầu {start}.", "The end {end} lies before the start {start}."
    ),
}


def refusal(code: str, *, citation: str | None = None, **details: object) -> PolicyError:
    """Build the error of `code` with its sentences filled from `details`. Raises KeyError on an unknown code."""
    sentence = SENTENCES[code]
    return PolicyError(
        code,
        message_vi=sentence.vi.format_map(details),
        message_en=sentence.en.format_map(details),
        citation=citation,
        details=details,
        exit_status=sentence.exit_status,
    )
