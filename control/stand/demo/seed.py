"""Seed the demonstration: the people of people.yaml stand in the database, enrolled with a known TOTP secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from control.stand.demo.people import DemoPerson
from control.stand.environment import Addresses
from control.stand.secrets import StandSecrets


def seed(
    *,
    addresses: Addresses,
    secrets: StandSecrets,
    people: Iterable[DemoPerson],
    passwords: Mapping[str, str],
) -> None:
    """Enrol the people once; safe to run again."""
