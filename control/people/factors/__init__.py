"""Second factors: enrolled once, each code accepted once."""
