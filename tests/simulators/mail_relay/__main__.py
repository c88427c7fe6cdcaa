"""`python -m tests.simulators.mail_relay --port N [--page-port M]`: the relay, and a page with what it took."""

from __future__ import annotations

import signal
import sys
import threading

from tests.simulators.peer import arguments

from .page import Mailbox
from .service import MailRelay


def main() -> int:
    """Serve until the process is told to end."""
    parser = arguments(Mailbox, description=__doc__)
    parser.add_argument("--page-port", type=int, default=0)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with MailRelay(port=chosen.port) as relay:
        page = type("BoundMailbox", (Mailbox,), {"relay": relay})(port=chosen.page_port)
        with page:
            print(f"MailRelay (simulated) at smtp://127.0.0.1:{relay.port}, page at {page.url}", flush=True)
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
