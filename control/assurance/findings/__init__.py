"""Findings: what the trail or its state shows that a person must explain by a document."""
