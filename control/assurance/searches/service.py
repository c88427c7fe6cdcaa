"""Keep, share, rename and remove saved searches.

Invariants: every change and every refusal is an entry; an entry names the search by its number, never by its words,
which are a person's own and may name somebody.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from control.actions import Action
from control.acts import Act, Actor
from control.assurance.searches.domain import Wanted, clean_name, key_of, may_add, may_change, may_share
from control.assurance.searches.models import TrailSearch
from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotFound
from control.people.models import Person

SHOWN = 200


def visible(session: Session, *, actor: Actor) -> Sequence[TrailSearch]:
    """Return the actor's own searches and those shared with a role they hold: own first, then by name."""
    table = TrailSearch
    return session.scalars(
        select(table)
        .options(joinedload(table.owner))
        .where(or_(table.owner_id == actor.id, table.role.in_(sorted(actor.roles))))
        .order_by((table.owner_id == actor.id).desc(), table.name_key, table.id)
        .limit(SHOWN)
    ).all()


def save(session: Session, *, wanted: Wanted, act: Act) -> TrailSearch | Deny:
    """Keep one more search of the actor, or refuse and say why; recorded in both cases. Raises InvalidForm."""
    actor = act.actor
    _lock(session, actor)
    count = session.scalar(select(func.count()).select_from(TrailSearch).where(TrailSearch.owner_id == actor.id)) or 0
    for decision in (may_share(wanted.role, held=actor.roles), may_add(count=count)):
        if isinstance(decision, Deny):
            act.refuse(session, Action.AUDIT_SEARCH_SAVE, decision)
            return decision
    _refuse_taken(session, owner_id=actor.id, key=wanted.key)
    row = TrailSearch(
        owner_id=actor.id,
        name=wanted.name,
        name_key=wanted.key,
        state=wanted.state,
        role=wanted.role or None,
        created_at=act.now,
        changed_at=act.now,
    )
    session.add(row)
    session.flush()
    act.record(session, Action.AUDIT_SEARCH_SAVE, details={"search": row.id, "role": wanted.role})
    return row


def rename(session: Session, *, search_id: int, name: str, act: Act) -> TrailSearch | Deny:
    """Give a search another name, or refuse; recorded in both cases. Raises NotFound, InvalidForm."""
    row = _visible_one(session, search_id=search_id, actor=act.actor)
    decision = may_change(owner_id=row.owner_id, actor_id=act.actor.id)
    if isinstance(decision, Deny):
        act.refuse(session, Action.AUDIT_SEARCH_RENAME, decision, details={"search": search_id})
        return decision
    wanted = Wanted(name=clean_name(name), state=row.state)
    if wanted.key != row.name_key:
        _refuse_taken(session, owner_id=row.owner_id, key=wanted.key)
    row.name, row.name_key, row.changed_at = wanted.name, key_of(wanted.name), act.now
    session.flush()
    act.record(session, Action.AUDIT_SEARCH_RENAME, details={"search": search_id})
    return row


def remove(session: Session, *, search_id: int, act: Act) -> Deny | None:
    """Take a search away, or refuse; recorded in both cases. Raises NotFound."""
    row = _visible_one(session, search_id=search_id, actor=act.actor)
    decision = may_change(owner_id=row.owner_id, actor_id=act.actor.id)
    if isinstance(decision, Deny):
        act.refuse(session, Action.AUDIT_SEARCH_DELETE, decision, details={"search": search_id})
        return decision
    session.delete(row)
    session.flush()
    act.record(session, Action.AUDIT_SEARCH_DELETE, details={"search": search_id})
    return None


def _visible_one(session: Session, *, search_id: int, actor: Actor) -> TrailSearch:
    """A search that is neither one's own nor shared with one's role does not exist for the person."""
    _lock(session, actor)
    row = session.get(TrailSearch, search_id) if search_id < 2**63 else None
    if row is None or (row.owner_id != actor.id and row.role not in actor.roles):
        raise NotFound("search", search_id)
    return row


def _lock(session: Session, actor: Actor) -> None:
    """One change at a time for each person, so that two at once cannot pass the limit or take one name twice."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("trail_search"), actor.id % 2**31)))


def _refuse_taken(session: Session, *, owner_id: int, key: str) -> None:
    table = TrailSearch
    if session.scalar(select(table.id).where(table.owner_id == owner_id, table.name_key == key)) is not None:
        raise InvalidForm((InvalidInput("search.name.taken", field="name"),))


def owner_name(row: TrailSearch) -> str:
    """Return whose search it is."""
    owner: Person = row.owner
    return owner.display_name
