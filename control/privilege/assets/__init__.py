"""Assets: what privileged accounts live on."""
