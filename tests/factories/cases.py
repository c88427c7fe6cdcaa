"""Case files for tests: valid by default, each test states only what matters to it."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from control.cases.files.models import CaseApplicant, CaseFile, Procedure
from control.people import unit_for
from control.text import fold
from tests.factories.privilege import NOON

SERIAL = itertools.count(1)
APPLICANT = {
    "name": "Trần Thị Ẩn Danh",
    "address": "Số 1, Phố Giả Định",
    "personal_number": "999000000001",
    "phone": "0000000001",
}


def make_case(session: Session, **changes: Any) -> CaseFile:
    """A case received yesterday, with an applicant nobody is."""
    number = next(SERIAL)
    procedure = Procedure(
        code=f"9.{number:06d}", title="Cấp giấy phép thử", title_en="Grant of a test permit", working_days=5
    )
    session.add(procedure)
    session.flush()
    code = f"G98-261122-{number:04d}"
    values: dict[str, Any] = {
        "state": "appraising", "channel": "online", "unit": "Phòng Thẩm định",
        "received_at": NOON - timedelta(days=1),
    } | changes  # fmt: skip
    values.setdefault("unit_id", unit_for(session, key="", title=values["unit"], now=NOON))
    case = CaseFile(code=code, procedure_id=procedure.id, search_text=fold(f"{code} {procedure.title}"), **values)
    session.add(case)
    session.flush()
    session.add(CaseApplicant(case_file_id=case.id, **APPLICANT))
    session.flush()
    return case
