"""The level of the present session, and how a person raises it when a function needs more (S4-11.3)."""
