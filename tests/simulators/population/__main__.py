"""`python -m tests.simulators.population --port N [--key-file FILE]`.

The shared key comes from the file, or from POPULATION_KEY or VONGLAU_POPULATION_KEY in the environment.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from .service import MODES, PopulationDatabase, wait_until_killed


def main() -> int:
    parser = argparse.ArgumentParser(prog="population", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key-file", type=Path)
    parser.add_argument("--mode", choices=MODES, default="normal")
    chosen = parser.parse_args()
    key = chosen.key_file.read_text(encoding="utf-8").strip() if chosen.key_file else ""
    key = key or os.environ.get("POPULATION_KEY", "") or os.environ.get("VONGLAU_POPULATION_KEY", "")
    if not key:
        parser.error("the shared key is missing: give --key-file, POPULATION_KEY or VONGLAU_POPULATION_KEY")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    database = PopulationDatabase(key=key, port=chosen.port)
    database.state.mode = chosen.mode
    print(f"population database (simulated) at {database.url}", flush=True)
    wait_until_killed(database)
    return 0


if __name__ == "__main__":
    sys.exit(main())
