"""Issued electronic processes: their steps, the role each step asks for, and who holds it by an active account."""
