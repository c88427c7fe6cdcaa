"""Privileged accounts: who owns them, who holds them now."""
