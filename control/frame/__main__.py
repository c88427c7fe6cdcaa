"""`python -m control.frame check|update|compile [wing …]`: the catalogues of the wings."""

from __future__ import annotations

import sys

from control.frame import catalogs


def main(arguments: list[str]) -> int:
    """Check, update or compile; `update` may be given the names of wings."""
    verb, *names = arguments or ["check"]
    chosen = names or list(catalogs.wings())
    if verb == "compile":
        catalogs.compile_catalogs()
        return 0
    if verb == "update":
        for wing in chosen:
            name = "" if wing == "frame" else wing
            sys.stdout.write(f"{wing or 'frame'}: {catalogs.update(name)} to fill in\n")
        return 0
    lines = [line for wing in chosen for line in catalogs.faults("" if wing == "frame" else wing)]
    lines += catalogs.contradictions()
    sys.stdout.write("\n".join([*lines, f"{len(lines)} faults\n"]))
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
