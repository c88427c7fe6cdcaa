"""Integrity: how whole the trail is, who outside vouches for it, and how far its copies are."""
