"""A worker with the tasks of the tests beside the product's: `python worker.py TASK_FILE`.

Started as a process of its own, so that a test can kill it. Settings come from the environment.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from control.operations.jobs import JobContext
from control.operations.jobs import worker as product
from control.settings import Settings

NOTES = Path(sys.argv[1])


def note(_context: JobContext, *, number: int, **_rest: Any) -> None:
    with NOTES.open("a", encoding="utf-8") as stream:
        stream.write(f"{number} {os.getpid()}\n")


def hang(_context: JobContext, *, number: int, **_rest: Any) -> None:
    note(_context, number=number)
    time.sleep(3600)


def main() -> None:
    original = product._ports
    product._ports = lambda: {
        **{name: port for name, port in original().items() if not name.startswith("schedule:")},
        "job:note": note,
        "job:hang": hang,
    }
    product.run(Settings.from_env(os.environ))


main()
