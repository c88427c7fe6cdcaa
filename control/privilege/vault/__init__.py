"""The vault: secrets of shared accounts, checked out under a grant, shown once, replaced afterwards."""
