"""Requests for privileges, and the decisions on them."""
