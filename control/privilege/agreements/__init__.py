"""Agreements with identity providers: a provider is offered while its agreement's document is in force (S4-9.3)."""
