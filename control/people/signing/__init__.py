"""Signing SIMs and remote signing: a service asks the holder to sign our challenge; the certificate says who it is."""
