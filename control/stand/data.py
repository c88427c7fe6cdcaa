"""Where the embedded product keeps its data, and which process of it reads which file of settings.

Not for: starting anything. A data directory must be passable for the accounts of the servers: where the checkout
is closed to them (a home folder with mode 700), another folder is used and named.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from control.stand.accounts import is_passable, separation_is_on
from control.stand.cache import state_folder

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_NAME = ".vonglau"


def checkout() -> Path:
    """Return the checkout the person works in, also where the code runs from a passable copy of it."""
    return Path(os.environ.get("VONGLAU_CHECKOUT") or CHECKOUT)


def default_data_dir() -> Path:
    """Return the data directory of `bin/up`: in the checkout, or where service accounts may pass."""
    here = checkout() / DEFAULT_NAME
    if not separation_is_on() or is_passable(checkout()):
        return here
    digest = hashlib.sha256(str(checkout()).encode()).hexdigest()[:12]
    return state_folder() / f"checkout-{digest}"
