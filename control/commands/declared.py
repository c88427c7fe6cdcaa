"""What every command records in the trail, or why it records nothing; a command that is not in this list fails a test.

Not for: routes, which carry their mark themselves. Commands are loaded only when they are called, so their
declarations stand together here, where a reviewer reads them in one look.
"""

from __future__ import annotations

from collections.abc import Mapping

from control.actions import Action
from control.traces import Trace


def _records(action: Action) -> Trace:
    return Trace(action=action)


def _silent(because: str) -> Trace:
    return Trace(action=None, because=because)


_PURE = "pure: reads the law as data and a file of the caller, never the product"
_PUBLIC = "public by nature: what anybody may hold against us"
_LISTS = "codes, states and moments for whoever may use the machine's shell; each change of them is an entry"
_PROCESS = "starts a process; what the process does is recorded act by act"

COMMANDS: Mapping[str, Trace] = {
    "accounts import": _records(Action.PRIVILEGE_ACCOUNT_IMPORT),
    "accounts lock": _records(Action.PRIVILEGE_LIFECYCLE_LOCK),
    "audit body": _records(Action.AUDIT_ENTRY_READ),
    "audit export": _records(Action.AUDIT_BUNDLE_EXPORT),
    "audit gap explain": _records(Action.AUDIT_GAP_EXPLAIN),
    "audit gap list": _silent("numbers only; explaining one is an entry"),
    "audit head": _silent(_PUBLIC),
    "audit hold": _records(Action.AUDIT_HOLD_LIST),
    "audit hold place": _records(Action.AUDIT_KEEPING_PROPOSE),
    "audit hold release": _records(Action.AUDIT_KEEPING_PROPOSE),
    "audit keep": _silent(_PROCESS),
    "audit key": _silent(_PUBLIC),
    "audit key rotate": _records(Action.AUDIT_KEY_ROTATE),
    "audit line": _silent(_PUBLIC),
    "audit proof": _silent(_PUBLIC),
    "audit prune": _records(Action.AUDIT_JOURNAL_PRUNE),
    "audit reconcile": _records(Action.AUDIT_INDEX_RECONCILE),
    "audit replay": _records(Action.AUDIT_SEGMENT_REPLAY),
    "audit rewrap": _records(Action.AUDIT_SUBJECT_REWRAP),
    "audit run": _silent(_PROCESS),
    "audit search": _records(Action.AUDIT_TRAIL_SEARCH),
    "audit segments": _silent("compares files with the journal where both are; reads no body to anybody"),
    "audit ship": _records(Action.AUDIT_INDEX_SHIP),
    "audit template": _records(Action.AUDIT_TEMPLATE_PUT),
    "audit verify": _records(Action.AUDIT_JOURNAL_VERIFY),
    "case clock": _silent(_PURE),
    "compliance check": _records(Action.ASSURANCE_CHECK_RUN),
    "compliance posture": _silent("figures about the system, nothing of anyone"),
    "db check": _silent("tells whether the schema is the release's; reads no rows"),
    "db upgrade": _silent("runs as the owner, before there may be a journal; the schema itself tells of it"),
    "demo": _silent("walks the pages as people do; each page records"),
    "law coverage": _silent(_PURE),
    "law map": _silent(_PURE),
    "law show": _silent(_PURE),
    "monitor": _silent(_PROCESS),
    "notice earliest": _silent(_PURE),
    "notice latest": _silent(_PURE),
    "operations alerts list": _silent(_LISTS),
    "operations jobs list": _silent(_LISTS),
    "operations playbooks check": _silent("compares playbooks with their fixed digests; changes nothing"),
    "operations portal status": _silent(_LISTS),
    "operations runs list": _silent(_LISTS),
    "operations runs sweep": _records(Action.OPERATIONS_RUN_INTERRUPT),
    "operations schedules list": _silent(_LISTS),
    "people check": _silent("asks the directory whether it answers"),
    "people sync": _records(Action.PEOPLE_DIRECTORY_SYNC),
    "privilege verify": _records(Action.PRIVILEGE_PROMISE_VERIFY),
    "serve": _silent(_PROCESS),
    "signer": _silent(_PROCESS),
    "time add": _silent(_PURE),
    "time between": _silent(_PURE),
    "up": _silent(_PROCESS),
    "vault key list": _silent("names of keys, which tell nothing of them"),
    "vault key rotate": _records(Action.PRIVILEGE_VAULT_REWRAP),
    "witness": _silent("stands outside: it keeps every note it cosigned or refused in files of its own"),
    "worker": _silent(_PROCESS),
}
