"""Steps of the walk: a part stops, an alert names its runbook, and the runbook's script runs under supervision.

Not for: starting the part again (walk.py, whatever happens).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from control.stand.demo.visitor import NotOfferedError, Visitor
from control.stand.demo.walker import LOOK_SECONDS, OPERATOR, Told, Walker, first

ALERT = "PortalLinkDown"
CODE = r"/operations/alerts/(CB-\d{4,})"
ALERT_SECONDS, RUN_SECONDS = 150.0, 180.0


def alert(walker: Walker, *, hold: Callable[[str], None]) -> Told:
    """Hold the simulated portal and wait for the alert that names its runbook."""
    _wait_until_quiet(walker)
    operator = walker.person(OPERATOR)
    known = set(re.findall(CODE, operator.get("/operations/alerts").text))
    hold("portal")
    began, code = time.monotonic(), ""
    while not code:
        page = operator.get("/operations/alerts").text
        fresh = [one for one in re.findall(CODE, page) if one not in known]
        code = next((one for one in fresh if ALERT in operator.get(f"/operations/alerts/{one}").text), "")
        if not code and time.monotonic() - began > ALERT_SECONDS:
            raise NotOfferedError(f"no {ALERT} within {ALERT_SECONDS:.0f} s; new alerts: {fresh or 'none'}")
        time.sleep(LOOK_SECONDS)
    shown = operator.get(f"/operations/alerts/{code}")
    runbook = shown.find(r"/operations/runbooks/([a-z-]+)")
    return {
        "alert": code,
        "runbook": runbook,
    }, f"{code} ({ALERT}) sau {time.monotonic() - began:.0f} giây → {runbook}"


def _wait_until_quiet(walker: Walker) -> None:
    """Wait until Prometheus no longer holds the alert of an earlier walk, so that the next one is new."""
    deadline = time.monotonic() + ALERT_SECONDS
    prometheus = Visitor(url=walker.up["prometheus_url"])
    while ALERT in prometheus.get("/api/v1/alerts").text:
        if time.monotonic() > deadline:
            raise NotOfferedError(f"{ALERT} was burning before anything was stopped, and does not end")
        time.sleep(1.0)


def run(walker: Walker) -> Told:
    """Run the script of the runbook; the run and the alert must show the same digest of the result."""
    operator, alert = walker.person(OPERATOR), walker.ids["alert"]
    page = operator.get(f"/operations/alerts/{alert}")
    answer = operator.submit(page.form(r"/runs?(/|$)"))
    code = answer.find(r"(LC-\d{4,})")
    told = r"(?s)SHA-256 của gói kết quả.*?((?:[0-9a-f]{8}\s+){7}[0-9a-f]{8})"
    on_run = walker.wait_for(OPERATOR, f"/operations/runs/{code}", told, seconds=RUN_SECONDS)
    on_alert = walker.wait_for(OPERATOR, f"/operations/alerts/{alert}", told, seconds=RUN_SECONDS)
    digest = re.sub(r"\s", "", first(on_run, told))
    if digest != re.sub(r"\s", "", first(on_alert, told)):
        raise NotOfferedError(f"{alert} does not show the digest of {code}")
    return {"run": code, "digest": digest}, f"{code} xong, SHA-256 của kết quả {digest[:8]}…, đứng trên {alert}"
