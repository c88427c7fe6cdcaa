"""`python -m tests.simulators.time_stamp --port N --folder DIR`: its certificates are made in DIR, once."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.simulators.peer import arguments, serve

from .service import TimeStampAuthority


def main() -> int:
    parser = arguments(TimeStampAuthority, description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args()
    authority = TimeStampAuthority(chosen.folder, port=chosen.port)
    print(f"its certificate: {authority.ca_file}", flush=True)
    return serve(authority, mode=chosen.mode)


if __name__ == "__main__":
    sys.exit(main())
