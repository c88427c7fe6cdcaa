"""Assignments: who of another unit works on a case, by whose word, until when."""
