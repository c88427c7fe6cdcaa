"""The API of privileged accounts for other programs: /api/v1, JSON, problem details (RFC 9457)."""
