"""Imports: many accounts from one file, checked first, then taken exactly as they were checked."""
