"""Rotations: the vault's changes of secrets, carried out as runs of one pinned playbook."""

from control.operations.rotations.jobs import PRIVATES, SCHEDULE, TASK, keep_vault
from control.operations.rotations.service import start_rotation

__all__ = ["PRIVATES", "SCHEDULE", "TASK", "keep_vault", "start_rotation"]
