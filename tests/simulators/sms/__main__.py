"""`python -m tests.simulators.sms --port N [--key-file FILE]`."""

import sys

from tests.simulators.peer import serve_signed

from .service import SmsGateway

if __name__ == "__main__":
    sys.exit(serve_signed(SmsGateway, key_name="SMS_KEY", description=__doc__))
