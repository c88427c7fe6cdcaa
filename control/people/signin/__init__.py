"""Sign-in: a name and a password, then a second factor, always."""
