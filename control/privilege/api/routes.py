"""/api/v1: what the pages of this wing do, for programs.

A system comes with its connection key and may read within its scopes; a person's program comes with the person's
session, the form token of the pages as `X-CSRFToken`, and may do what the person may. Acts that need a fresh second
factor answer 401 with the question; the answer to it comes with the same call again (`step_up`, `step_up_code`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from flask import jsonify
from flask.typing import ResponseReturnValue

from control.access import not_audited, public
from control.privilege.api import accounts, grants, keys, requests
from control.privilege.api.calls import blueprint

__all__ = ["accounts", "blueprint", "document", "grants", "keys", "requests"]
DESCRIPTION = Path(__file__).with_name("openapi")
RESOURCES = ("accounts", "requests", "grants", "keys")
READING, CHANGING = (400, 401, 403, 404, 422, 429, 503), (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


@blueprint.get("/openapi.json")
@public(because="the description of the interface holds nothing of anyone")
@not_audited(because="the same file for everyone")
def describe() -> ResponseReturnValue:
    """Return the OpenAPI document."""
    return jsonify(document())


def document() -> Mapping[str, Any]:
    """Return the description of the interface, joined from the files beside this module.

    What every call can answer when it is refused is added here, once, instead of standing under each.
    """
    whole: dict[str, Any] = _read("base")
    for name in RESOURCES:
        part = _read(name)
        whole["paths"] |= part["paths"]
        whole["components"]["schemas"] |= part["schemas"]
    for item in whole["paths"].values():
        for method, operation in item.items():
            if method == "parameters" or operation.get("security") == []:
                continue
            for status in READING if method == "get" else CHANGING:
                problem = {"$ref": f"#/components/responses/Problem{status}"}
                operation["responses"].setdefault(str(status), problem)
    return whole


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DESCRIPTION / f"{name}.yaml").read_text(encoding="utf-8"))
    return found
