"""Runbooks: one page of plain text for each alert and each playbook, read from the tree and shown."""

from control.operations.runbooks.domain import SECTIONS, Runbook
from control.operations.runbooks.shelf import Shelf

__all__ = ["SECTIONS", "Runbook", "Shelf"]
