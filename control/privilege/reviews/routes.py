"""Pages of access reviews: campaigns, one with its items, what I have to decide, deciding, opening, evidence."""

from __future__ import annotations

import json
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from control.access import audited, not_audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Allow, Deny
from control.errors import InvalidInput
from control.frame.tables import ListingRules, csv_response
from control.people.models import Person
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.answers import faults_of, named, refused_page
from control.privilege.fields import Fields
from control.privilege.reviews import service
from control.privilege.reviews.deciding import decide_item
from control.privilege.reviews.domain import KINDS_OF, ItemFacts, Kind, Rules, Scope, Verdict, may_decide
from control.privilege.reviews.evidence import export_evidence
from control.privilege.reviews.models import AccessReviewItem
from control.services import services
from policies import RULES_ZONE

blueprint = Blueprint("privilege_reviews", __name__, url_prefix="/privilege/reviews", template_folder="templates")
LISTING = ListingRules(sorts={"code": "-"}, default="-code", filters=("state",))
ITEMS = ListingRules(sorts={"item": "+"}, default="item", filters=("kind", "decision"))
MINE = ListingRules(sorts={"item": "+"}, default="item", filters=("kind",))
OWN = "a reviewer sees what they have to decide; all of it needs privilege:review:read, on the object"
NO_NAMES = "codes of rights and officers who answer for them; each decision is an entry"
REASON_CHARACTERS = 500
MOST_DAYS = 90


@blueprint.get("")
@signed_in(because=OWN)
@not_audited(because=NO_NAMES)
def index() -> ResponseReturnValue:
    """List the campaigns."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_reviews(session, listing=listing, act=g.act)
        progress = service.progress_of(session, review_ids=[row.id for row in page.rows])
        mine = service.list_items(session, listing=MINE.read({}), act=g.act)
        following = service.next_due(session, rules=_rules())
    if listing.wants_csv:
        header = ("code", "scope", "value", "kinds", "opened_at", "due_at", "closed_at", "items", "decided", "overdue")
        rows = (
            (r.code, r.scope, r.scope_value, r.kinds, r.opened_at, r.due_at, r.closed_at, r.items,
             progress[r.id].decided, progress[r.id].overdue)
            for r in page.rows
        )  # fmt: skip
        return csv_response("reviews.csv", header, rows)
    return render_template(
        "reviews/list.html", page=page, listing=listing, progress=progress, mine=mine, following=following
    )


@blueprint.get("/new")
@requires(Permission.PRIVILEGE_REVIEW_OPEN)
@not_audited(because="an empty form")
def new() -> ResponseReturnValue:
    """Show the form of a campaign."""
    return _form_page({"scope": "unit", "kinds": [kind.value for kind in Kind], "days": str(_rules().days)}, faults={})


@blueprint.post("")
@requires(Permission.PRIVILEGE_REVIEW_OPEN)
@audited(Action.PRIVILEGE_REVIEW_OPEN)
def create() -> ResponseReturnValue:
    """Open a campaign."""
    fields = Fields(request.form)
    scope = fields.choice("scope", among=tuple(Scope))
    value = fields.text(scope, is_required=False) if scope and scope != Scope.ALL else ""
    kinds = frozenset(Kind(kind) for kind in request.form.getlist("kinds") if kind in set(Kind))
    days = fields.number("days")
    if scope and scope != Scope.ALL and not value:
        fields.faults.append(InvalidInput("input.required", field=scope))
    if scope and not kinds & KINDS_OF[Scope(scope)]:
        fields.faults.append(InvalidInput("review.no_kinds", field="kinds"))
    if days is not None and not 1 <= days <= MOST_DAYS:
        fields.faults.append(InvalidInput("review.days", field="days", most=MOST_DAYS))
    if fields.faults or days is None:
        return _faulty(fields.faults)
    wanted = service.Wanted(scope=Scope(scope), value=value, kinds=kinds, days=days)
    with unit_of_work() as session:
        opened = service.open_review(session, wanted=wanted, act=g.act)
    if isinstance(opened, Deny):
        return _faulty([InvalidInput(opened.reason, field="scope")])
    flash(gettext("%(code)s is open: %(num)s rights are asked about.", code=opened.code, num=opened.items), "ok")
    return redirect(url_for(".show", code=opened.code), HTTPStatus.SEE_OTHER)


@blueprint.get("/mine")
@signed_in(because=OWN)
@not_audited(because=NO_NAMES)
def mine() -> ResponseReturnValue:
    """List what the acting person has to decide."""
    listing = MINE.read(request.args)
    with unit_of_work() as session:
        page = service.list_items(session, listing=listing, act=g.act)
    if listing.wants_csv:
        return _items_csv("my-reviews.csv", page.rows)
    return render_template("reviews/mine.html", page=page, listing=listing, facts_of=_facts)


@blueprint.get("/<code>")
@signed_in(because=OWN)
@not_audited(because=NO_NAMES)
def show(code: str) -> ResponseReturnValue:
    """Show one campaign with its items."""
    listing = ITEMS.read(request.args)
    with unit_of_work() as session:
        review = service.load_review(session, code=code, viewer=g.actor)
        page = service.list_items(session, listing=listing, act=g.act, review_id=review.id)
        progress = service.progress_of(session, review_ids=[review.id])[review.id]
    if listing.wants_csv:
        return _items_csv(f"{review.code}.csv", page.rows)
    return render_template(
        "reviews/show.html", review=review, page=page, listing=listing, progress=progress, facts_of=_facts
    )


@blueprint.get("/<code>/items/<int:item_id>")
@signed_in(because=OWN)
@not_audited(because=NO_NAMES)
def item(code: str, item_id: int) -> ResponseReturnValue:
    """Show one right that is asked about, and the form of its reviewer."""
    return _item_page(code, item_id, faults={})


@blueprint.post("/<code>/items/<int:item_id>")
@signed_in(because="the reviewer of the item alone decides it; anybody else is refused on the object")
@audited(Action.PRIVILEGE_REVIEW_DECIDE)
@steps_up
def decide(code: str, item_id: int) -> ResponseReturnValue:
    """Keep, have changed, or take away one right; what ends it, or opens it again, takes a second factor."""
    fields = Fields(request.form)
    verdict = fields.choice("verdict", among=tuple(Verdict))
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    if fields.faults:
        page = _item_page(code, item_id, faults=faults_of(fields.faults))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    said = Verdict(verdict)
    with unit_of_work() as session:
        row = service.load_item(session, code=code, item_id=_within(item_id), viewer=g.actor)
        allowed = may_decide(_item_facts(row), actor_id=g.actor.id)
        opens_again = said is Verdict.KEEP and row.was_suspended
        asks = (said is Verdict.REMOVE or opens_again) and isinstance(allowed, Allow)
        matter = _deciding(row, said, reason=reason)
        proof = demand(session, matter) if asks else None
        if not isinstance(proof, Ask):
            decision = decide_item(
                session,
                code=code,
                item_id=row.id,
                verdict=said,
                reason=reason,
                act=proof.act if proof else g.act,
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("Nothing was decided"),
            ways=[(gettext("Back to what I have to decide"), url_for(".mine"))],
        )
    flash(gettext("Decided."), "ok")
    return redirect(url_for(".mine"), HTTPStatus.SEE_OTHER)


def _deciding(row: AccessReviewItem, said: Verdict, *, reason: str) -> Matter:
    if said is Verdict.REMOVE:
        decision, title = gettext("take away"), gettext("Take away %(what)s", what=row.subject)
    else:
        decision, title = gettext("keep"), gettext("Open %(what)s again", what=row.subject)
    return Matter(
        action=Action.PRIVILEGE_REVIEW_DECIDE,
        binds={"review": row.review.code, "item": str(row.id), "verdict": said.value, "reason": reason},
        lines=(
            (gettext("Campaign"), row.review.code),
            (gettext("Right"), row.subject),
            (gettext("Concerns"), row.person.display_name if row.person else "–"),
            (gettext("Decision"), decision),
            (gettext("Reason"), reason),
        ),
        title=title,
        back=url_for(".item", code=row.review.code, item_id=row.id),
    )


def _item_facts(row: AccessReviewItem) -> ItemFacts:
    return ItemFacts(
        reviewer_id=row.reviewer_id,
        person_id=row.person_id,
        decision=row.decision,
        is_open=row.review.closed_at is None,
    )


@blueprint.post("/<code>/evidence")
@requires(Permission.PRIVILEGE_REVIEW_EXPORT)
@audited(Action.PRIVILEGE_REVIEW_EXPORT)
@steps_up
def evidence(code: str) -> ResponseReturnValue:
    """Hand out the evidence of a campaign, confirmed with a second factor."""
    with unit_of_work() as session:
        review = service.load_review(session, code=code, viewer=g.actor)
        matter = Matter(
            action=Action.PRIVILEGE_REVIEW_EXPORT,
            binds={"review": review.code},
            lines=((gettext("Campaign"), review.code), (gettext("Items"), str(review.items))),
            title=gettext("Hand out the evidence of %(code)s", code=review.code),
            back=url_for(".show", code=review.code),
        )
        proof = demand(session, matter)
        content = b""
        if not isinstance(proof, Ask):
            organisation = services().settings.organisation
            content = export_evidence(session, review=review, organisation=organisation, act=proof.act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    answer = Response(content, content_type="application/zip")
    answer.headers.set("Content-Disposition", "attachment", filename=f"{review.code}.zip")
    return answer


def _rules() -> Rules:
    return Rules.of(services().policies)


def _within(number: int) -> int:
    return number if number < 2**63 else 0


def _facts(row: AccessReviewItem) -> dict[str, str]:
    """Return what stood there when the campaign opened, without what every item has."""
    found = json.loads(row.body)
    kept = {name: value for name, value in found.items() if name not in {"schema", "kind", "subject"} and value}
    return {name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in kept.items()}


def _item_page(code: str, item_id: int, *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        row = service.load_item(session, code=code, item_id=_within(item_id), viewer=g.actor)
    return render_template(
        "reviews/item.html",
        row=row,
        facts=_facts(row),
        faults=faults,
        form={"verdict": request.form.get("verdict", ""), "reason": request.form.get("reason", "")},
        may_decide=isinstance(may_decide(_item_facts(row), actor_id=g.actor.id), Allow),
    )


def _items_csv(name: str, rows: tuple[AccessReviewItem, ...]) -> ResponseReturnValue:
    header = (
        "review",
        "item",
        "kind",
        "subject",
        "concerns",
        "reviewer",
        "due_at",
        "decision",
        "decided_at",
        "outcome",
    )
    return csv_response(
        name,
        header,
        (
            (r.review.code, r.id, r.kind, r.subject, r.person.login if r.person else "",
             r.reviewer.login if r.reviewer else "", r.review.due_at, r.decision or "", r.decided_at, r.outcome or "")
            for r in rows
        ),
    )  # fmt: skip


def _faulty(faults: list[InvalidInput]) -> ResponseReturnValue:
    kept = {name: request.form.get(name, "") for name in ("scope", "unit", "owner", "class", "days")}
    page = _form_page({**kept, "kinds": request.form.getlist("kinds")}, faults=faults_of(faults))
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


def _form_page(form: dict[str, object], *, faults: dict[str, str]) -> str:
    now: datetime = g.now
    with unit_of_work() as session:
        choices = _choices(session)
    return render_template(
        "reviews/form.html",
        form=form,
        faults=faults,
        summary=named(faults),
        today=now.astimezone(RULES_ZONE).date(),
        **choices,
    )


def _choices(session: Session) -> dict[str, list[tuple[str, str]]]:
    choose = ("", gettext("Choose…"))
    units = session.scalars(
        select(Person.unit).where(Person.state == "active", Person.unit != "").distinct().order_by(Person.unit)
    )
    owners = session.execute(
        select(Person.login, Person.display_name)
        .where(Person.id.in_(select(PrivilegedAccount.owner_id)))
        .order_by(Person.sort_key, Person.id)
        .limit(500)
    )
    return {
        "units": [choose, *((unit, unit) for unit in units)],
        "owners": [choose, *((row.login, f"{row.display_name} ({row.login})") for row in owners)],
    }
