"""Locks on people: whoever is locked cannot sign in, whatever the directory says."""
