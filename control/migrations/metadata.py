"""All tables of the product in one place, for migrations and their test."""

from __future__ import annotations

from importlib import import_module

from sqlalchemy import MetaData

import audit
from control.db import Base

MODEL_MODULES = (
    "control.people.models",
    "control.privilege.models",
    "control.cases.models",
    "control.portal.models",
    "control.operations.models",
    "control.assurance.models",
)


def target_metadata() -> list[MetaData]:
    """Return the metadata of the application and of the trail, with every model imported."""
    for module in MODEL_MODULES:
        import_module(module)
    return [Base.metadata, audit.metadata]
