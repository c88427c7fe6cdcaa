"""What a form shows again after it was refused: one sentence beside each field.

Not for: checking input (each capability's forms.py) and not for the sentences themselves (the messages).
"""

from __future__ import annotations

from collections.abc import Mapping

from control.errors import InvalidForm, InvalidInput
from control.messages import Messages


def sentences(error: InvalidInput, *, messages: Messages, language: str) -> dict[str, str]:
    """Return field → sentence in the order of the form; a fault of no field stands under the empty name."""
    faults = error.faults if isinstance(error, InvalidForm) else (error,)
    found: dict[str, str] = {}
    for fault in faults:
        found.setdefault(fault.field or "", messages.render(fault.code, language, **fault.context))
    return found


def kept(form: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return what was typed, by field, so that nothing has to be typed twice."""
    return {name: form.get(name, "") for name in names}
