"""Senior accounts of agencies: bound to a certificate, and alone in granting the rights the law reserves to them."""
