"""Authorising documents: the signed decision behind every grant."""
