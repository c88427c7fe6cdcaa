"""Notices to units and officers: written with the act they tell of, sent by mail or told by a person."""
