"""Register, confirm by a code, and become an account that waits for its check.

Invariants: nothing becomes an account before its code came back; a number that has an account already is registered to
nobody a second time, and the page reads the same; each wrong code counts, and a few end it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.levels import Level
from control.people.boxes import NONCE_BYTES, BoxKeys, open_box, seal_box, token_of
from control.people.citizens.domain import Identity, Way
from control.people.citizens.models import ENDED, CitizenAccount, CitizenRegistration
from control.people.directory.models import Person
from control.people.factors.models import Factor
from control.people.local.models import LocalPassword
from control.people.local.service import create_local_person
from control.people.outbox.service import Text, post_message
from control.people.sessions.domain import TOKEN_FORM, digest

TRIES = 5
CODE_DIGITS = 6
RULE = "citizens.confirm"
REFUSED = "citizen.code_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRules:
    """What registering needs: keys, how long a code lives, the clock of the check, the level the way gives."""

    keys: BoxKeys = field(repr=False)
    code_life: timedelta
    check_by: Callable[[datetime], datetime]  # from the moment of confirmation, by the working calendar
    level: Level


def bound_to(person_id: int) -> str:
    """Return what the box of an account is bound to."""
    return f"citizen {person_id}"


def pack(identity: Identity) -> str:
    """Return what is sealed of an identity."""
    return json.dumps(asdict(identity), ensure_ascii=False, sort_keys=True)


def unpack(text: str) -> Identity:
    """Return the identity of what was sealed."""
    return Identity(**json.loads(text))


def code_of(random: bytes) -> str:
    """Return six digits of eight random bytes."""
    return f"{int.from_bytes(random[:8], 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def code_digest(code: str, *, use: str, key: bytes) -> bytes:
    """Return what is stored of a code: nothing without the key, and nothing for another use."""
    return hmac.digest(key, f"{use}\0{code}".encode(), sha256)


def account_by_number(session: Session, *, number: str, keys: BoxKeys) -> CitizenAccount | None:
    """Return the living account of an identity or tax number."""
    return session.scalar(
        select(CitizenAccount).where(
            CitizenAccount.number_token == token_of(number, use="number", key=keys.token),
            CitizenAccount.state.not_in(ENDED),
        )
    )


def login_of_number(session: Session, *, number: str, keys: BoxKeys) -> str | None:
    """Return the sign-in name behind a number somebody typed, None when nobody has it; one look-up, always."""
    return session.scalar(
        select(Person.login)
        .join(CitizenAccount, CitizenAccount.person_id == Person.id)
        .where(
            CitizenAccount.number_token == token_of(number, use="number", key=keys.token),
            CitizenAccount.state.not_in(ENDED),
        )
    )


def wait_for_number(session: Session, number_token: bytes) -> None:
    """Wait for whoever makes an account of the same number at this moment; what they stored is read after it."""
    key = int.from_bytes(number_token[:8], "big", signed=True)
    session.execute(select(func.pg_advisory_xact_lock(key)))


def begin_registration(
    session: Session,
    *,
    identity: Identity,
    kind: str,
    way: Way,
    password_hash: str,
    channel: str,
    token: str,
    random: bytes,
    words: tuple[str, str, str, str],
    is_elsewhere: bool,
    rules: RegistrationRules,
    act: Act,
) -> str:
    """Keep what somebody said until their code comes back, and write the message that carries it; return its key.

    `random` is 64 fresh bytes; `words` are the subject, the text with `{code}`, the text for whoever has the number
    already and should know that somebody tried, and the text when its holder came by electronic identity
    (`is_elsewhere`): one number is one person here.
    """
    keys = rules.keys
    held = account_by_number(session, number=identity.number, keys=keys)
    code = code_of(random)
    row = CitizenRegistration(
        token_digest=digest(token),
        kind=kind,
        way=way,
        channel=channel,
        number_token=token_of(identity.number, use="number", key=keys.token),
        sealed=seal_box(pack(identity), key=keys.seal, bound_to=f"registration {token}", nonce=random[8:20]),
        password_hash=password_hash,
        code_digest=code_digest(code, use=f"registration {token}", key=keys.code),
        is_decoy=held is not None or is_elsewhere,
        created_at=act.now,
        expires_at=act.now + rules.code_life,
    )
    session.add(row)
    session.flush()
    reached, body = identity, words[3] if is_elsewhere else words[1].format(code=code)
    if held is not None:
        known = open_box(held.sealed, key=keys.seal, bound_to=bound_to(held.person_id))
        reached, body = unpack(known), words[2]
    to = reached.phone if channel == "sms" or not reached.email else reached.email
    key = post_message(
        session,
        text=Text(channel="sms" if to == reached.phone else "mail", to=to, subject=words[0], body=body),
        purpose="taken-number" if row.is_decoy else "confirmation-code",
        person_id=held.person_id if held is not None else None,
        life=rules.code_life,
        random=random[20:52],
        seal_key=keys.seal,
        act=act,
    )
    act.record(
        session,
        Action.PEOPLE_APPLICANT_REGISTER,
        about=audit.About(person_id=f"person:{held.person_id}" if held is not None else None),
        details={"registration": row.id, "way": way, "kind": kind, "channel": channel},
    )
    return key


def open_registration(session: Session, *, token: str, act: Act) -> CitizenRegistration | None:
    """Return the registration that `token` opens now, locked; None when it is over or its time is."""
    if not TOKEN_FORM.fullmatch(token):
        return None
    row = session.scalar(
        select(CitizenRegistration)
        .where(CitizenRegistration.token_digest == digest(token), CitizenRegistration.ended_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is not None and act.now >= row.expires_at:
        end_registration(session, row, reason="expired", act=act)
        return None
    return row


def end_registration(session: Session, row: CitizenRegistration, *, reason: str, act: Act) -> None:
    """End a registration; nothing personal of it stays."""
    row.ended_at, row.ended_reason = act.now, reason
    row.sealed = row.password_hash = row.code_digest = None
    session.flush()


def confirm_registration(
    session: Session,
    *,
    token: str,
    text: str,
    random: bytes,
    is_elsewhere: Callable[[Session, str], bool],
    rules: RegistrationRules,
    act: Act,
) -> Person | Deny:
    """Take the code: make the account, which waits for its check, or refuse and count. `random` is 32 fresh bytes.

    `is_elsewhere` tells whether the number's holder came by electronic identity in the meantime.
    """
    row = open_registration(session, token=token, act=act)
    if row is None:
        return _refuse(session, Deny(rule=RULE, reason="citizen.code_over"), act=act)
    row.tries += 1
    given = code_digest(text.strip()[:16], use=f"registration {token}", key=rules.keys.code)
    is_right = hmac.compare_digest(given, row.code_digest or b"") and not row.is_decoy
    if not is_right:
        tries = row.tries
        if tries >= TRIES:
            end_registration(session, row, reason="tries", act=act)
        session.flush()
        return _refuse(session, Deny(rule=RULE, reason=REFUSED), act=act, tries=tries)
    identity = unpack(open_box(row.sealed or b"", key=rules.keys.seal, bound_to=f"registration {token}"))
    wait_for_number(session, row.number_token)
    is_taken = account_by_number(session, number=identity.number, keys=rules.keys) is not None
    if is_taken or (row.kind == "citizen" and is_elsewhere(session, identity.number)):
        end_registration(session, row, reason="replaced", act=act)  # another registration was faster
        return _refuse(session, Deny(rule=RULE, reason=REFUSED), act=act)
    person = make_account(
        session,
        identity=identity,
        kind=row.kind,
        way=Way(row.way),
        password_hash=row.password_hash or "",
        has_phone=row.channel == "sms",
        random=random,
        rules=rules,
        act=act,
    )
    end_registration(session, row, reason="confirmed", act=act)
    return person


def make_account(
    session: Session,
    *,
    identity: Identity,
    kind: str,
    way: Way,
    password_hash: str,
    has_phone: bool,
    random: bytes,
    rules: RegistrationRules,
    act: Act,
) -> Person:
    """Store the account of somebody whose contact was proved; a proved phone is a second factor (S4-10.1)."""
    login = f"{'cd' if kind == 'citizen' else 'tc'}-{random[:5].hex()}"
    title = "Công dân" if kind == "citizen" else "Tổ chức"
    person = create_local_person(session, login=login, name=f"{title} {login[3:].upper()}", kind=kind, act=act)
    session.add(
        LocalPassword(person_id=person.id, person_kind=kind, hash=password_hash, set_at=act.now, must_change=False)
    )
    person.password_changed_at = act.now
    if has_phone:
        session.add(Factor(person_id=person.id, kind="sms", state="active", created_at=act.now, confirmed_at=act.now))
    check_by = rules.check_by(act.now)
    session.add(
        CitizenAccount(
            person_id=person.id,
            person_kind=kind,
            way=way,
            level=rules.level,
            number_token=token_of(identity.number, use="number", key=rules.keys.token),
            sealed=seal_box(
                pack(identity),
                key=rules.keys.seal,
                bound_to=bound_to(person.id),
                nonce=random[5 : 5 + NONCE_BYTES],
            ),
            registered_at=act.now,
            check_by=check_by,
        )
    )
    session.flush()
    act.record(
        session,
        Action.PEOPLE_APPLICANT_CONFIRM,
        about=audit.About(person_id=f"person:{person.id}"),
        details={"way": way, "kind": kind, "level": str(rules.level), "check_by": check_by.isoformat()},
    )
    return person


def refuse_way(session: Session, decision: Deny, *, way: str, kind: str, act: Act) -> None:
    """Write that a closed way was tried."""
    act.refuse(session, Action.PEOPLE_APPLICANT_REGISTER, decision, details={"way": way[:40], "kind": kind[:40]})


def _refuse(session: Session, decision: Deny, *, act: Act, tries: int = 0) -> Deny:
    act.refuse(session, Action.PEOPLE_APPLICANT_CONFIRM, decision, details={"tries": tries} if tries else None)
    return decision


def count_waiting(session: Session) -> int:
    """Return how many accounts wait for their check."""
    return (
        session.scalar(select(func.count()).select_from(CitizenAccount).where(CitizenAccount.state == "registered"))
        or 0
    )


def judge_identity(*, is_vouched: bool | None, way: Way) -> Decision:
    """Decide by what the desk said: the subscriber or the number must be the person's own; no answer is no."""
    if is_vouched:
        return Allow(rule="citizens.vouched")
    reason = "citizen.desk_silent" if is_vouched is None else "citizen.not_vouched"
    return Deny(rule="citizens.vouched", reason=reason, params={"way": way})
