"""What the columns and fields of a request are called to a person, and how a fault in a row is named."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask_babel import gettext

_ROW = re.compile(r"line-(\d+)-([a-z_]+)")


def column_labels() -> dict[str, str]:
    """Return column → what it is called."""
    return {
        "account": gettext("Account"),
        "login": gettext("Login name"),
        "person_name": gettext("Full name"),
        "title": gettext("Title"),
        "unit": gettext("Unit"),
        "rights": gettext("Rights"),
        "wanted_at": gettext("Wanted time"),
        "reason": gettext("Reason"),
    }


def named_faults(faults: Mapping[str, str]) -> dict[str, str]:
    """Return the same faults for the summary, each with the row and the name of its field in front."""
    labels = column_labels() | {
        "notice_mail": gettext("Mail for the notice"),
        "asset": gettext("System"),
        "pasted": gettext("CSV"),
        "form": gettext("Form"),
        "number": gettext("Document number"),
        "signed_on": gettext("Signed on"),
        "signer": gettext("Signer"),
        "file": gettext("Signed PDF"),
        "received_at": gettext("Received at"),
        "accounts": gettext("Accounts"),
        "incident": gettext("Incident number"),
        "caller": gettext("Who called"),
        "channel": gettext("Channel"),
        "steps": gettext("Steps"),
        "code": gettext("Code"),
        "document": gettext("Authorising document"),
    }
    told = {}
    for name, text in faults.items():
        row = _ROW.fullmatch(name)
        label = labels.get(row[2] if row else name.partition("-")[0], "")
        where = gettext("Line %(line)s", line=row[1]) if row else ""
        front = ", ".join(part for part in (where, label) if part)
        told[name] = f"{front}: {text}" if front else text
    return told
