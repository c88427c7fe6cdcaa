"""Alerts: what needs a person, from Alertmanager or from our own worker."""

from control.operations.alerts.domain import OWN_ALERTS, code_of, id_of
from control.operations.alerts.service import open_subjects, raise_own, settle_own

__all__ = ["OWN_ALERTS", "code_of", "id_of", "open_subjects", "raise_own", "settle_own"]
