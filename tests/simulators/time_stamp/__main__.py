"""`python -m tests.simulators.time_stamp --port N --folder DIR`: its certificates are made in DIR, once."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from .service import MODES, TimeStampAuthority


def main() -> int:
    parser = argparse.ArgumentParser(prog="time_stamp", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--mode", choices=MODES, default="normal")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with TimeStampAuthority(chosen.folder, port=chosen.port) as authority:
        authority.mode = chosen.mode
        print(f"time stamping authority (simulated) at {authority.url}, {authority.ca_file}", flush=True)
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
