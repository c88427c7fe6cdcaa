"""`python -m tests.simulators.identity_provider --port N --redirect-uri URL`: serves until it is told to end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from .service import MODES, IdentityProvider


def main() -> int:
    parser = argparse.ArgumentParser(prog="identity_provider", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redirect-uri", action="append", required=True)
    parser.add_argument("--client-id", default="vonglau")
    parser.add_argument("--mode", choices=MODES, default="normal")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    provider = IdentityProvider(
        port=chosen.port,
        client_id=chosen.client_id,
        client_secret=os.environ["IDENTITY_KEY"],  # not in the arguments, which every account may read
        redirect_uris=tuple(chosen.redirect_uri),
    )
    with provider:
        provider.mode = chosen.mode
        print(f"identity provider (simulated) at {provider.issuer}", flush=True)
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
