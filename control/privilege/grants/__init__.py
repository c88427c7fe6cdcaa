"""Grants: who holds which account, by which document, until when."""
