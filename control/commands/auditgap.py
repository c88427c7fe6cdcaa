"""`vonglau audit gap list|explain`: numbers that a killed or robbed writer left, and their explanation by document.

Not for: the page of a finding, where people say who they are. Here two people are named by whoever may use the shell
of the machine, and the entry says so: it is `system:audit-gap` that wrote it. Invariant: only numbers that are missing
now are explained, by two different active people, the second of whom may close findings.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from control.actions import Action
from control.commands.auditaround import Around, around
from control.commands.auditquery import AuditError
from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from audit.counters import Gap
    from control.people.models import Person

SEEN_SECONDS, LOOK_SECONDS = 5.0, 0.1
DATE_FORMS = ("%d/%m/%Y", "%Y-%m-%d")


@click.group()
def gap() -> None:
    """Khoảng trống của bộ đếm / gaps of the writers' counters."""


@gap.command(name="list")
@pass_speech
def list_gaps(speech: Speech) -> None:
    """Liệt kê số bị thiếu, theo tiến trình / list missing numbers, by process."""
    with around(speech, "audit-gap") as held:
        found = _gaps(held)
    lines = [f"#{one.sequence} {one.boot}: {one.written}" for one in found]
    none = speech.pick("Không có khoảng trống.", "There is no gap.")
    speech.say({"gaps": [_as_json(one) for one in found]}, text="\n".join(lines) or none)


@gap.command()
@click.argument("boot", metavar="PROCESS")
@click.argument("numbers", required=False)
@click.option("--document", required=True, help="số văn bản giải trình / number of the explaining document")
@click.option("--dated", required=True, help="ngày của văn bản / its date: 25/11/2026")
@click.option("--by", "explainer", required=True, help="người giải trình, tên đăng nhập / who explains, sign-in name")
@click.option("--confirmed-by", "confirmer", required=True, help="người thứ hai / the second person")
@click.option("--text", default="", help="nội dung văn bản / what it says")
@pass_speech
def explain(
    speech: Speech,
    *,
    boot: str,
    numbers: str | None,
    document: str,
    dated: str,
    explainer: str,
    confirmer: str,
    text: str,
) -> None:
    """Giải thích số bị thiếu bằng văn bản, hai người / explain missing numbers by a document, two people."""
    from control.assurance.findings.domain import Explanation
    from control.assurance.findings.service import settle_gap

    day, number = _day(dated), document.strip()
    if not number or len(number) > 100:  # as on the page
        raise _bad("gap.document", vi="Nhập số văn bản, không quá 100 ký tự.", en="Give the document's number.")
    with around(speech, "audit-gap") as held:
        missing = _missing(held, boot=boot, numbers=numbers)
        explanation = Explanation(document_number=number, document_date=day, text=text.strip() or number)
        with held.database.unit_of_work() as session:
            first, second = (_person(session, login) for login in (explainer, confirmer))
            fault = _fault(session, first, second, law_roles=_roles())
            if fault is None:
                settle_gap(
                    session, missing, explanation=explanation, explained_by=first.id, confirmed_by=second.id,
                    act=held.act,
                )  # fmt: skip
            else:
                _refuse(session, held, missing, reason=fault.code)
        if fault is not None:
            raise fault
        is_seen = _wait_until_settled(held, missing)
    answer = {**_as_json(missing), "document": number, "explained": True, "seen_by_verify": is_seen}
    speech.say(answer, text=_said(speech, missing, number, is_seen=is_seen))


def _said(speech: Speech, gap: Gap, number: str, *, is_seen: bool) -> str:
    done = speech.pick(
        f"Đã giải thích {gap.boot}: {gap.written} bằng {number}.", f"{gap.boot}: {gap.written} explained by {number}."
    )
    later = speech.pick(
        " Kiểm chứng sẽ thấy khi mục này được đánh số.", " Verification will see it once the entry is numbered."
    )
    return done + ("" if is_seen else later)


def _gaps(held: Around) -> list[Gap]:
    from audit.counters import find_gaps

    with held.database.engine.connect() as connection:
        return find_gaps(connection)


def _missing(held: Around, *, boot: str, numbers: str | None) -> Gap:
    """Return what is to be explained. Raises AuditError for numbers that are none, or are not missing."""
    from audit.counters import Gap, numbers_in

    found = next((one for one in _gaps(held) if one.boot == boot), None)
    wanted = None if numbers is None else numbers_in(numbers)
    if numbers is not None and wanted is None:
        raise _bad("gap.numbers", vi="Ghi các số như 3-5,9.", en="Write the numbers like 3-5,9.")
    if found is None or not set(wanted or found.numbers) <= set(found.numbers):
        raise _bad(
            "gap.none",
            vi="Các số này không thiếu; xem `vonglau audit gap list`.",
            en="These numbers are not missing; see `vonglau audit gap list`.",
        )
    return Gap(boot=boot, numbers=tuple(wanted or found.numbers), sequence=found.sequence)


def _day(text: str) -> date:
    for form in DATE_FORMS:
        try:
            day = datetime.strptime(text.strip(), form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
        if day <= datetime.now(UTC).date():
            return day
    raise _bad(
        "gap.dated", vi="Nhập ngày của văn bản, không ở tương lai.", en="Give the document's date, not a future one."
    )


def _person(session: Session, login: str) -> Person:
    from sqlalchemy import select

    from control.people.models import Person

    found = session.scalars(select(Person).where(Person.login == login, Person.state == "active")).one_or_none()
    if found is None:
        raise _bad("gap.person", vi=f"Không có người đang hoạt động tên {login}.", en=f"No active person {login}.")
    return found


def _roles() -> Any:
    import policies

    return policies.load_roles()


def _fault(session: Session, first: Person, second: Person, *, law_roles: Any) -> AuditError | None:
    """Say why these two may not; nobody explains alone, and the second must be one who may close findings."""
    from control.people import roles_of
    from control.permissions import Permission

    if first.id == second.id:
        return AuditError(
            "gap.alone", vi="Cần hai người khác nhau: giải trình và xác nhận.", en="Two different people are needed."
        )
    held = roles_of(session, person_id=second.id)
    rights = {name for role in held if role in law_roles for name in law_roles[role].permissions}
    if Permission.ASSURANCE_FINDING_CLOSE not in rights:
        return AuditError(
            "gap.not_allowed",
            vi=f"{second.login} không có quyền đóng phát hiện.",
            en=f"{second.login} may not close findings.",
        )
    return None


def _refuse(session: Session, held: Around, gap: Gap, *, reason: str) -> None:
    from control.decisions import Deny

    held.act.refuse(
        session,
        Action.AUDIT_GAP_EXPLAIN,
        Deny(rule="finding.four_eyes", reason=reason),
        details={"writer": gap.boot, "missing": gap.written},
    )


def _wait_until_settled(held: Around, gap: Gap) -> bool:
    """Wait a moment for the entry to be numbered; it holds whether we see that or not."""
    deadline = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < deadline:
        left = {number for one in _gaps(held) if one.boot == gap.boot for number in one.numbers}
        if not left & set(gap.numbers):
            return True
        time.sleep(LOOK_SECONDS)
    return False


def _bad(code: str, *, vi: str, en: str) -> AuditError:
    return AuditError(code, vi=vi, en=en, exit_status=2)


def _as_json(gap: Gap) -> dict[str, object]:
    return {"boot": gap.boot, "numbers": gap.written, "count": len(gap.numbers), "sequence": gap.sequence}
