"""Cases: the core the house stands around; personal data in it opens under a grant only."""

from control.cases.files.seeding import seed_demonstration

__all__ = ["seed_demonstration"]
