"""An identity provider (OpenID Connect) over HTTP, for tests and for the demonstration: with people, rules and lies."""
