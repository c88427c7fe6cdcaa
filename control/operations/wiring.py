"""What the wing `operations` adds to the application."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Blueprint

from control.messages import Message
from control.operations.alerts import raise_own
from control.operations.alerts.hook import hooks
from control.operations.alerts.parts import report as alerting_chain
from control.operations.alerts.routes import alerts
from control.operations.jobs import applicants
from control.operations.jobs.accounts import CHECK_TASK, CHECKS, WORK, WORK_TASK, check_accounts, work_accounts
from control.operations.jobs.breakglass import SCHEDULE as BREAK_GLASS
from control.operations.jobs.breakglass import TASK as BREAK_GLASS_TASK
from control.operations.jobs.breakglass import keep_break_glass
from control.operations.jobs.keys import SCHEDULE as WATCH_KEYS
from control.operations.jobs.keys import TASK as WATCH_KEYS_TASK
from control.operations.jobs.keys import watch_keys
from control.operations.jobs.parts import report as workers
from control.operations.jobs.people import SCHEDULE as SYNC_PEOPLE
from control.operations.jobs.people import TASK as SYNC_PEOPLE_TASK
from control.operations.jobs.people import sync_directory
from control.operations.jobs.population import (
    COMPARE,
    COMPARE_TASK,
    HEALTH,
    HEALTH_TASK,
    ask_population_health,
    compare_population,
)
from control.operations.jobs.privileges import SCHEDULE as END_DUE
from control.operations.jobs.privileges import TASK as END_DUE_TASK
from control.operations.jobs.privileges import end_due_privileges
from control.operations.jobs.reviews import SCHEDULE as REVIEWS
from control.operations.jobs.reviews import TASK as REVIEWS_TASK
from control.operations.jobs.reviews import keep_reviews
from control.operations.jobs.seniors import SCHEDULE as REVIEW_SENIORS
from control.operations.jobs.seniors import TASK as REVIEW_SENIORS_TASK
from control.operations.jobs.seniors import review_seniors
from control.operations.messages import MESSAGES as OPERATIONS_MESSAGES
from control.operations.rotations import PRIVATES, keep_vault, start_rotation
from control.operations.rotations import SCHEDULE as KEEP_VAULT
from control.operations.rotations import TASK as KEEP_VAULT_TASK
from control.operations.runbooks.routes import runbooks
from control.operations.runs.execution import run_playbook
from control.operations.runs.routes import runs
from control.operations.runs.service import TASK as RUN_TASK

BLUEPRINTS: tuple[Blueprint, ...] = (alerts, hooks, runs, runbooks)
MESSAGES: Mapping[str, Message] = OPERATIONS_MESSAGES
PORTS: Mapping[str, Any] = {
    f"job:{CHECK_TASK}": check_accounts,
    f"job:{WORK_TASK}": work_accounts,
    f"schedule:{CHECKS.slug}": CHECKS,
    f"schedule:{WORK.slug}": WORK,
    f"job:{RUN_TASK}": partial(run_playbook, privates=PRIVATES),
    f"job:{KEEP_VAULT_TASK}": keep_vault,
    f"job:{WATCH_KEYS_TASK}": watch_keys,
    f"schedule:{WATCH_KEYS.slug}": WATCH_KEYS,
    f"schedule:{KEEP_VAULT.slug}": KEEP_VAULT,
    "start_rotation": start_rotation,
    "alarm": raise_own,
    f"job:{BREAK_GLASS_TASK}": keep_break_glass,
    f"schedule:{BREAK_GLASS.slug}": BREAK_GLASS,
    f"job:{END_DUE_TASK}": end_due_privileges,
    f"schedule:{END_DUE.slug}": END_DUE,
    f"job:{REVIEWS_TASK}": keep_reviews,
    f"schedule:{REVIEWS.slug}": REVIEWS,
    f"job:{HEALTH_TASK}": ask_population_health,
    f"schedule:{HEALTH.slug}": HEALTH,
    f"job:{COMPARE_TASK}": compare_population,
    f"schedule:{COMPARE.slug}": COMPARE,
    f"job:{SYNC_PEOPLE_TASK}": sync_directory,
    f"schedule:{SYNC_PEOPLE.slug}": SYNC_PEOPLE,
    f"job:{REVIEW_SENIORS_TASK}": review_seniors,
    f"schedule:{REVIEW_SENIORS.slug}": REVIEW_SENIORS,
    f"job:{applicants.SEND_TASK}": applicants.send_waiting_messages,
    f"schedule:{applicants.SEND.slug}": applicants.SEND,
    f"job:{applicants.CLOCKS_TASK}": applicants.watch_clocks,
    f"schedule:{applicants.CLOCKS.slug}": applicants.CLOCKS,
    f"job:{applicants.SLEEP_TASK}": applicants.sleep_unused,
    f"schedule:{applicants.SLEEP.slug}": applicants.SLEEP,
    "send_soon": applicants.send_soon,
    "degraded:alerting": alerting_chain,
    "degraded:workers": workers,
}
