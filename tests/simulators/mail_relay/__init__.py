"""A mail relay that keeps what it is given: SMTP with STARTTLS, and a few bad days. Imports nothing of ours."""
