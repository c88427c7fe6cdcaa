"""`python -m control` is the command `vonglau`, for a checkout that is not installed as a package."""

from control.cli import main

main()
