"""Speak with the population database every few minutes, and compare rights, lists and look-ups on schedule.

Not for: what a difference is (control/privilege/population). Invariant: a day and a month are compared once, however
often the job is delivered; without an address nothing is sent.
"""

from __future__ import annotations

from typing import Any

import policies
from control.cases import dossiers_of
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec
from control.privilege import population

HEALTH_TASK, COMPARE_TASK = "population.health", "population.compare"
HEALTH = ScheduleSpec(slug="population-health", task=HEALTH_TASK, cron="*/5 * * * *", late_after_seconds=600)
# Each morning; the month before is compared with the first of them.
COMPARE = ScheduleSpec(slug="population-compare", task=COMPARE_TASK, cron="30 5 * * *", late_after_seconds=3600)
RANDOM_BYTES = 8


def ask_population_health(context: JobContext, **_arguments: Any) -> None:
    """Ask once whether the database serves us, signed as every question is; its answer is the link's health."""
    settings = context.settings
    if not settings.population_url:
        return
    client = population.PopulationClient(url=settings.population_url, key=settings.population_key)
    act = context.act("population-link")
    answer = client.ask_health(correlation_id=f"health-{context.random_hex(RANDOM_BYTES)}", now=act.now)
    with context.database.unit_of_work() as session:
        population.note_exchange(session, answer, kind="health", act=act)


def compare_population(context: JobContext, **_arguments: Any) -> None:
    """Compare rights with lists for today, and last month's look-ups with their cases."""
    act, terms = context.act("population-compare"), population.Terms.of(policies.load())
    with context.database.unit_of_work() as session:
        population.compare_today(session, act=act)
    with context.database.unit_of_work() as session:
        seed = context.random_hex(RANDOM_BYTES)
        population.sample_last_month(session, seed=seed, dossiers=dossiers_of, act=act, terms=terms)
