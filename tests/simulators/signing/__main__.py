"""`python -m tests.simulators.signing --port N --folder DIR [--trust DIR] [--key-file FILE]`.

The folder keeps the keys of the authority and of two invented subscribers; the trust folder (the same without one) gets
the two files an operator configures, authorities.pem and revoked.pem. The page at / is the phones of everybody.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.simulators.peer import arguments, serve, wall_clock

from .authority import CertificateAuthority, kept_key
from .service import SigningService

PEOPLE = (
    ("+84900000101", "Trần Thị Minh Hoạ", "CCCD:999000000101", ""),
    ("+84900000102", "Người đại diện Minh hoạ", "MST:0100000002", "Công ty Minh hoạ Ký số"),
)


def main() -> int:
    parser = arguments(SigningService, description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--trust", type=Path)
    parser.add_argument("--key-file", type=Path)
    chosen = parser.parse_args()
    key = chosen.key_file.read_text(encoding="utf-8").strip() if chosen.key_file else os.environ.get("SIGNING_KEY", "")
    if not key:
        parser.error("the shared key is missing: give --key-file or SIGNING_KEY")
    authority = CertificateAuthority(now=wall_clock(), key=kept_key(chosen.folder / "authority.key"))
    service = SigningService(key=key, port=chosen.port, authority=authority)
    for subject, name, number, organisation in PEOPLE:
        own = kept_key(chosen.folder / f"{subject[1:]}.key")
        service.subscribe(subject, name, number=number, organisation=organisation, key=own)
    authority.write(chosen.trust or chosen.folder)
    return serve(service, mode=chosen.mode)


if __name__ == "__main__":
    sys.exit(main())
