"""`python -m tests.simulators.sms --port N [--key-file FILE]`; the key may also stand in SMS_KEY or VONGLAU_SMS_KEY."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from .service import MODES, SmsGateway


def main() -> int:
    parser = argparse.ArgumentParser(prog="sms", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key-file", type=Path)
    parser.add_argument("--mode", choices=MODES, default="normal")
    chosen = parser.parse_args()
    key = chosen.key_file.read_text(encoding="utf-8").strip() if chosen.key_file else ""
    key = key or os.environ.get("SMS_KEY", "") or os.environ.get("VONGLAU_SMS_KEY", "")
    if not key:
        parser.error("the shared key is missing: give --key-file, SMS_KEY or VONGLAU_SMS_KEY")
    gateway = SmsGateway(key=key, port=chosen.port)
    gateway.state.mode = chosen.mode
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"sms gateway (simulated) at {gateway.url}", flush=True)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
