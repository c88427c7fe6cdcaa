"""How the pages of keeping answer a person whose act was refused or whose form was faulty.

Not for: deciding. Invariant: the refusal is committed before the page that tells of it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import make_response, render_template
from flask.typing import ResponseReturnValue

from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed
from control.frame.forms import sentences
from control.frame.i18n import language
from control.requests import wants_json
from control.services import services


def faults_of(faults: Sequence[InvalidInput]) -> dict[str, str]:
    """Return field → sentence in the reader's language."""
    return sentences(InvalidForm(tuple(faults)), messages=services().messages, language=language())


def sentence_of(decision: Deny) -> str:
    """Return the sentence of a refusal in the reader's language."""
    return services().messages.render(decision.reason, language(), **decision.params)


def refused_page(decision: Deny, *, title: str, ways: Sequence[tuple[str, str]]) -> ResponseReturnValue:
    """Show what was refused, by which rule, and what can be done; a program gets JSON. Raises NotAllowed for it."""
    if wants_json():
        raise NotAllowed(decision)
    page = render_template(
        "keeping/refused.html", title=title, why=sentence_of(decision), decision=decision, ways=list(ways)
    )
    return make_response(page, HTTPStatus.FORBIDDEN)
