"""How a process of ours gets its writer of the trail: with the master key of persons and the classes of the law.

Not for: writing entries (acts.py). Invariant: in production no writer exists that would leave a person's key unwrapped.
"""

from __future__ import annotations

import os
import secrets
import time

import audit
from control.settings import Settings, SettingsError
from policies import Policies


def make_writer(settings: Settings, law: Policies) -> audit.Writer:
    """Return a writer for this start of this process. Raises SettingsError in production without a master key."""
    return audit.Writer(
        boot=f"{os.getpid()}-{secrets.token_hex(6)}",
        monotonic_ns=time.monotonic_ns,
        keys=subject_keys(settings),
        retention_of=law.retention.class_of,
    )


def impersonal_writer(law: Policies) -> audit.Writer:
    """Return the writer of a process that tells of itself alone: it has nobody's key and needs none."""
    return audit.Writer(
        boot=f"{os.getpid()}-{secrets.token_hex(6)}",
        monotonic_ns=time.monotonic_ns,
        retention_of=law.retention.class_of,
    )


def subject_keys(settings: Settings) -> audit.SubjectKeys:
    """Return what opens and wraps the keys of persons. Raises SettingsError in production without a master key."""
    if settings.is_production and not settings.subject_key:
        raise SettingsError(
            ("VONGLAU_SUBJECT_KEY: bắt buộc với tiến trình ghi nhật ký / required for a process that writes the trail",)
        )
    return audit.SubjectKeys(master_key=settings.subject_key or None, former=settings.subject_key_former or None)
