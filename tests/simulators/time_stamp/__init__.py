"""A time stamping authority (RFC 3161) over HTTP, for tests and for trying the product without a real one."""
