"""Demonstration cases, plainly invented: every name, number and address is one nobody has.

Not for: production (the stand calls it in demonstration mode only). Safe to run again: what is there stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control.actions import Action
from control.acts import Act
from control.cases.files.domain import CLOSED_STATES, STATES
from control.cases.files.models import CaseApplicant, CaseFile, Procedure
from control.cases.files.naming import name_applicant
from control.people import NumberBook, unit_for
from control.text import fold
from policies import RULES_ZONE

COUNT = 36
PROCEDURES = (
    ("9.000123", "Cấp giấy phép hoạt động minh hoạ", "Grant of a demonstration operating permit", 15),
    ("9.000124", "Gia hạn giấy phép hoạt động minh hoạ", "Extension of a demonstration operating permit", 7),
    ("9.000125", "Cấp lại giấy phép bị hỏng", "Replacement of a damaged permit", 5),
    ("9.000126", "Đổi tên cơ sở minh hoạ", "Renaming of a demonstration establishment", 10),
)
FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ")
MIDDLE = ("Thị Ví", "Văn Thử", "Thị Minh", "Đức Giả", "Thị Mô", "Văn Nháp")
GIVEN = ("Dụ", "Nghiệm", "Hoạ", "Định", "Phỏng", "Ảo", "Ước", "Đặt")
STREETS = ("Phố Giả Định", "Đường Minh Hoạ", "Ngõ Thử Nghiệm", "Phố Tưởng Tượng", "Đường Ví Dụ")
WARDS = ("phường Bản Nháp", "phường Mô Phỏng", "xã Chưa Có Thật", "xã Dữ Liệu Mẫu")
UNITS = ("Bộ phận Một cửa", "Bộ phận Một cửa", "Phòng Cấp phép")
KNOWN = {7: "Trần Thị Công Dân"}  # the invented citizen who has an account; the others nobody knows here yet
CHANNELS = ("online", "online", "counter", "post")


def seed_demonstration(session: Session, act: Act, *, book: NumberBook | None = None) -> int:
    """Add the invented procedures and cases where there are none; return how many cases were added.

    `book` finds the invented applicants who are known already, as an intake would.
    """
    if session.scalar(select(func.count()).select_from(CaseFile)):
        return 0
    procedures = [
        Procedure(code=code, title=title, title_en=title_en, working_days=days)
        for code, title, title_en, days in PROCEDURES
    ]
    session.add_all(procedures)
    session.flush()
    unit_ids = {title: unit_for(session, key="", title=title, now=act.now) for title in dict.fromkeys(UNITS)}
    files = [_case(number, procedures, unit_ids=unit_ids, now=act.now) for number in range(1, COUNT + 1)]
    session.add_all(files)
    session.flush()
    applicants = [_applicant(number, case_id=case.id) for number, case in enumerate(files, start=1)]
    session.add_all(applicants)
    session.flush()
    if book is not None:
        for case, applicant in zip(files, applicants, strict=True):
            name_applicant(session, case, applicant, book=book, act=act)
    act.record(session, Action.CASES_FILE_SEED, details={"cases": COUNT, "procedures": len(procedures)})
    return COUNT


def _case(number: int, procedures: list[Procedure], *, unit_ids: Mapping[str, int | None], now: datetime) -> CaseFile:
    """One case received on one of the last thirty days; the older, the likelier it is closed."""
    procedure = procedures[number % len(procedures)]
    local = now.astimezone(RULES_ZONE).replace(hour=8, minute=0, second=0, microsecond=0)
    received_at = local - timedelta(days=1 + number * 30 // COUNT, minutes=-(number * 37 % 480))
    state = STATES[number % len(STATES)]
    closed_at = min(received_at + timedelta(days=4, hours=3), now) if state in CLOSED_STATES else None
    unit = UNITS[number % len(UNITS)]
    code = f"G99-{received_at:%y%m%d}-{number:04d}"
    return CaseFile(
        code=code,
        procedure_id=procedure.id,
        state=state,
        channel=CHANNELS[number % len(CHANNELS)],
        unit=unit,
        unit_id=unit_ids[unit],
        received_at=received_at,
        closed_at=closed_at,
        search_text=fold(f"{code} {procedure.code} {procedure.title}"),
    )


def _applicant(number: int, *, case_id: int) -> CaseApplicant:
    """A person nobody is: personal numbers begin with 999, which no province has; telephones with 0000."""
    name = KNOWN.get(number, f"{FAMILY[number % 9]} {MIDDLE[number % 6]} {GIVEN[number % 8]}")
    return CaseApplicant(
        case_file_id=case_id,
        name=name,
        address=f"Số {number * 3}, {STREETS[number % 5]}, {WARDS[number % 4]}",
        personal_number=f"999{number:09d}",
        phone=f"0000{number * 7919 % 1_000_000:06d}",
    )
