"""Complaints about an account: wrong identity data, somebody else in one's name; two clocks, by the profile's unit."""
