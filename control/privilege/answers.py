"""How this wing answers a person whose act was refused or whose form was faulty.

Not for: deciding. Invariant: the refusal is committed before the page that tells of it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import make_response, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed
from control.frame.forms import sentences
from control.frame.i18n import language
from control.requests import wants_json
from control.services import services

Way = tuple[str, str]


def faults_of(faults: Sequence[InvalidInput]) -> dict[str, str]:
    """Return field → sentence in the reader's language."""
    return sentences(InvalidForm(tuple(faults)), messages=services().messages, language=language())


def named(faults: Mapping[str, str]) -> dict[str, str]:
    """Return the same faults for the summary above a form, each with the name of its field in front."""
    labels = {
        "account": gettext("Account"),
        "document": gettext("Authorising document"),
        "expires_on": gettext("Last day"),
        "focal_contact": gettext("Contact of the focal unit"),
        "focal_unit": gettext("Focal unit"),
        "ends_at": gettext("Until"),
        "file": gettext("Signed PDF"),
        "holder": gettext("Holder"),
        "holder_unit": gettext("Holder"),
        "issuing_unit": gettext("Issuing unit"),
        "number": gettext("Document number"),
        "purpose": gettext("Purpose"),
        "quota_per_minute": gettext("Calls a minute"),
        "ranges": gettext("From the addresses"),
        "happened_from": gettext("Opened at"),
        "happened_to": gettext("Closed at"),
        "reason": gettext("Reason"),
        "reference": gettext("Document or incident"),
        "address": gettext("From the address"),
        "at": gettext("Moment"),
        "days": gettext("Days to decide"),
        "kinds": gettext("Kinds of rights"),
        "owner": gettext("Owner"),
        "ref": gettext("The server's own reference of the login"),
        "requester": gettext("Asked for by"),
        "scope": gettext("About what"),
        "unit": gettext("Unit"),
        "scopes": gettext("May read"),
        "signed_on": gettext("Signed on"),
        "signer": gettext("Signer"),
        "source": gettext("From the address"),
        "user": gettext("Used by"),
        "starts_at": gettext("From"),
        "why": gettext("What makes you think so"),
        "subject": gettext("Subject"),
        "system": gettext("System"),
        "valid_from": gettext("Valid from"),
        "valid_to": gettext("Valid to"),
    }
    return {name: f"{labels[name]}: {text}" if name in labels else text for name, text in faults.items()}


def sentence_of(decision: Deny) -> str:
    """Return the sentence of a refusal in the reader's language."""
    return services().messages.render(decision.reason, language(), **decision.params)


def refused_page(decision: Deny, *, title: str, ways: Sequence[Way]) -> ResponseReturnValue:
    """Show what was refused, by which rule, and what can be done; a program gets JSON. Raises NotAllowed for it."""
    if wants_json():
        raise NotAllowed(decision)
    page = render_template(
        "requests/refused.html", title=title, why=sentence_of(decision), decision=decision, ways=list(ways)
    )
    return make_response(page, HTTPStatus.FORBIDDEN)
