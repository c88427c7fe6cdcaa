"""`python -m tests.simulators.identity_provider --port N --redirect-uri URL`; the secret is in IDENTITY_KEY."""

from __future__ import annotations

import os
import sys

from tests.simulators.peer import arguments, serve

from .service import IdentityProvider


def main() -> int:
    parser = arguments(IdentityProvider, description=__doc__)
    parser.add_argument("--redirect-uri", action="append", required=True)
    parser.add_argument("--client-id", default="vonglau")
    chosen = parser.parse_args()
    provider = IdentityProvider(
        port=chosen.port,
        client_id=chosen.client_id,
        client_secret=os.environ["IDENTITY_KEY"],  # not in the arguments, which every account may read
        redirect_uris=tuple(chosen.redirect_uri),
    )
    return serve(provider, mode=chosen.mode)


if __name__ == "__main__":
    sys.exit(main())
