"""`python -m tests.simulators.national_portal --port N [--key-file FILE]`.

The shared key comes from the file, or from PORTAL_KEY or VONGLAU_PORTAL_KEY in the environment.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from .service import MODES, NationalPortal, wait_until_killed


def main() -> int:
    parser = argparse.ArgumentParser(prog="national_portal", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key-file", type=Path)
    parser.add_argument("--mode", choices=MODES, default="normal")
    chosen = parser.parse_args()
    key = chosen.key_file.read_text(encoding="utf-8").strip() if chosen.key_file else ""
    key = key or os.environ.get("PORTAL_KEY", "") or os.environ.get("VONGLAU_PORTAL_KEY", "")
    if not key:
        parser.error("the shared key is missing: give --key-file, PORTAL_KEY or VONGLAU_PORTAL_KEY")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    portal = NationalPortal(key=key, port=chosen.port)
    portal.state.mode = chosen.mode
    print(f"national portal (simulated) at {portal.url}", flush=True)
    wait_until_killed(portal)
    return 0


if __name__ == "__main__":
    sys.exit(main())
