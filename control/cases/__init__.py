"""Cases: the core the house stands around; personal data in it opens under a grant only."""

from control.cases.files.seeding import seed_demonstration
from control.cases.files.service import dossiers_of

__all__ = ["dossiers_of", "seed_demonstration"]
