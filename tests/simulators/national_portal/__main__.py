"""`python -m tests.simulators.national_portal --port N [--key-file FILE]`."""

import sys

from tests.simulators.peer import serve_signed

from .service import NationalPortal

if __name__ == "__main__":
    sys.exit(serve_signed(NationalPortal, key_name="PORTAL_KEY", description=__doc__))
