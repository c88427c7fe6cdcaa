"""Accounts of citizens and organisations: registration, approval, their own pages, dormancy, notices about them."""
