"""The pages for people: every alert and playbook has one, every name on a page exists, both languages say the same.

A page is plain on purpose: headings, flat lists, fenced blocks and code spans; Vietnamese, a line `---`, English.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from flask import Flask

from control.actions import Action
from control.assurance.findings.domain import RUNBOOKS as FINDING_RUNBOOKS
from control.cli import LazyGroup
from control.operations.alerts.domain import OWN_ALERTS
from control.operations.messages import MESSAGES
from control.operations.places import ROOT, RUNBOOKS
from control.operations.runs.catalogue import Catalogue
from control.settings import SETTING_DESCRIPTIONS
from control.stand.programs import COMMANDS
from control.stand.supervisor import LOSSES, NEEDED
from control.wiring import wing_wirings
from monitors.config import RULES_FOLDER

SECTIONS = {
    "vi": ["Ý nghĩa", "Ảnh hưởng", "Chẩn đoán", "Xử lý", "Chuyển cấp", "Bằng chứng cần giữ"],
    "en": ["Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation", "Evidence to keep"],
}
ALERTS_LINE = {"vi": "Cảnh báo: ", "en": "Alerts: "}
PLAYBOOK_LINE = "Playbook: "
FENCE = re.compile(r"^```(promql|sql)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
METRIC = re.compile(r"\bvonglau_[a-z_]+\b")
PLAIN_LINE = re.compile(r"# \S.*|## \S.*|- \S.*|[1-9]\. \S.*|(Cảnh báo|Alerts|Playbook): `.*`|")
GLOBAL_OPTIONS = {"--json", "--lang", "--data"}
FOREIGN = {"pg_wal"}  # a name of PostgreSQL's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One language of a page."""

    language: str
    text: str

    @property
    def prose(self) -> str:
        return FENCE.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        return SPAN.findall(self.prose)

    @property
    def fences(self) -> list[tuple[str, str]]:
        return FENCE.findall(self.text)

    @property
    def sections(self) -> dict[str, str]:
        pieces = re.split(r"^## (.+)$", self.text, flags=re.MULTILINE)[1:]
        return dict(zip(pieces[::2], pieces[1::2], strict=True))

    def declared(self, prefix: str) -> set[str]:
        lines = [line for line in self.text.splitlines() if line.startswith(prefix)]
        return set(SPAN.findall(" ".join(lines)))


@cache
def pages() -> dict[str, dict[str, Half]]:
    """Every page by its slug, as its two halves."""
    found = {}
    for path in sorted(RUNBOOKS.glob("*.md")):
        vi, en = path.read_text(encoding="utf-8").split("\n---\n")
        found[path.stem] = {"vi": Half(language="vi", text=vi), "en": Half(language="en", text=en)}
    return found


def halves() -> list[Any]:
    return [
        pytest.param(slug, half, id=f"{slug} {name}") for slug, both in pages().items() for name, half in both.items()
    ]


@cache
def alerts() -> dict[str, str]:
    """Every alert that can reach a person, with its runbook: the rules' and the worker's own."""
    groups = yaml.safe_load((RULES_FOLDER / "vonglau.rules.yml").read_text(encoding="utf-8"))["groups"]
    measured = {
        rule["alert"]: rule["annotations"]["runbook"] for group in groups for rule in group["rules"] if "alert" in rule
    }
    return measured | {name: own.runbook for name, own in OWN_ALERTS.items()}


@cache
def product_words() -> frozenset[str]:
    """Every word of the product's own code and data."""
    words: set[str] = set()
    for folder in ("audit", "control", "monitors", "playbooks", "policies"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".yml", ".yaml", ".tmpl"}:
                words.update(re.findall(r"[A-Za-z0-9_./-]+", path.read_text(encoding="utf-8")))
    return frozenset(word.strip(".") for word in words)


@cache
def codes() -> frozenset[str]:
    """How a page speaks of any code people read: `CQ-…` where the product makes codes that begin with `CQ-`."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "control").rglob("*.py")]
    return frozenset(f"{prefix}…" for text in sources for prefix in re.findall(r'f?"([A-Z]{2}-)(?:"|\{)', text))


@cache
def addresses() -> frozenset[str]:
    """Every address the wings answer."""
    app = Flask("addresses")
    for wiring in wing_wirings():
        for blueprint in wiring.BLUEPRINTS:
            app.register_blueprint(blueprint)
    return frozenset(rule.rule for rule in app.url_map.iter_rules())


def exported() -> set[str]:
    """The names of all gauges the exporter knows."""
    sources = [ROOT / "monitors" / "exporter.py", *(ROOT / "monitors" / "subjects").glob("*.py")]
    return {name for path in sources for name in re.findall(r'"(vonglau_[a-z_]+)"', path.read_text(encoding="utf-8"))}


def measured_by_rules() -> set[str]:
    rules = yaml.safe_load((RULES_FOLDER / "vonglau.rules.yml").read_text(encoding="utf-8"))["groups"]
    return {name for group in rules for rule in group["rules"] for name in METRIC.findall(rule["expr"])}


def test_every_alert_and_every_playbook_has_a_page_and_no_page_is_an_orphan() -> None:
    needed = {*alerts().values(), *(playbook.runbook for playbook in Catalogue.load().by_id.values())}

    assert set(pages()) == needed | set(FINDING_RUNBOOKS.values())


@pytest.mark.parametrize(("slug", "half"), halves())
def test_a_page_has_all_sections_in_order_and_something_in_each(slug: str, half: Half) -> None:
    assert list(half.sections) == SECTIONS[half.language]
    assert all(re.search(r"^(- |1\. )", body, re.MULTILINE) for body in half.sections.values())
    assert half.text.strip().startswith("# ")


@pytest.mark.parametrize(("slug", "half"), halves())
def test_a_page_declares_exactly_the_alerts_that_lead_to_it_and_explains_each(slug: str, half: Half) -> None:
    leading = {name for name, runbook in alerts().items() if runbook == slug}
    meaning = half.sections[SECTIONS[half.language][0]]

    assert half.declared(ALERTS_LINE[half.language]) == leading
    assert {name for name in leading if f"- `{name}`:" not in meaning} == set()


@pytest.mark.parametrize(("slug", "half"), halves())
def test_a_page_is_made_of_plain_lines_only(slug: str, half: Half) -> None:
    assert [line for line in half.prose.splitlines() if not PLAIN_LINE.fullmatch(line)] == []
    assert half.text.count("```") == 2 * len(half.fences)


@pytest.mark.parametrize("slug", sorted(pages()))
def test_both_languages_name_the_same_things_in_as_many_steps(slug: str) -> None:
    vi, en = pages()[slug]["vi"], pages()[slug]["en"]

    assert sorted(vi.spans) == sorted(en.spans)
    assert vi.fences == en.fences
    for name, other in zip(SECTIONS["vi"], SECTIONS["en"], strict=True):
        items = [
            len(re.findall(r"^(?:- |\d\. )", half, re.MULTILINE)) for half in (vi.sections[name], en.sections[other])
        ]
        assert items[0] == items[1], name


@pytest.mark.parametrize(("slug", "half"), halves())
def test_every_name_on_a_page_exists(slug: str, half: Half) -> None:
    assert [fault for span in half.spans if (fault := fault_of(span))] == []


def fault_of(span: str) -> str:
    """Say what is wrong with a code span, nothing when it exists."""
    if span.startswith(("vonglau ", "bin/up ")):
        return fault_of_command(span)
    kind, known = "word", product_words() | FOREIGN | codes()
    if re.fullmatch(r"([A-Z][a-z]+){2,}", span):
        kind, known = "alert", frozenset(alerts())
    elif span.startswith("VONGLAU_"):
        kind, known = "setting", frozenset(f"VONGLAU_{name}" for name in SETTING_DESCRIPTIONS)
    elif span.startswith("vonglau_"):
        kind, known = "metric", frozenset(exported())
    elif span.startswith("/"):
        kind, known = "address", addresses()
    elif re.fullmatch(r"[a-z-]+:[a-z-]+:[a-z-]+", span):
        kind, known = "action", frozenset(str(action) for action in Action)
    elif re.fullmatch(r"run\.[a-z_]+", span):
        kind, known = "reason", frozenset(MESSAGES)
    elif re.fullmatch(r"log/[a-z]+\.log", span):
        kind, known = "log", frozenset(f"log/{name}.log" for name in COMMANDS)
    elif re.fullmatch(r"[a-z]+(-[a-z]+)+", span):
        kind, known = "page or name", product_words() | frozenset(pages())
    return "" if span in known else f"no such {kind}: {span}"


def fault_of_command(line: str) -> str:
    """Say what is wrong with a command line: its words, its options, and what it asks for."""
    words = shlex.split(line)
    words = ["up", *words[1:]] if words[0] == "bin/up" else words[1:]
    command: click.Command | None = LazyGroup("vonglau").get_command(click.Context(click.Command("x")), words.pop(0))
    while isinstance(command, click.Group) and words:
        command = command.commands.get(words.pop(0))
    is_bare_group = isinstance(command, click.Group) and not command.invoke_without_command
    if command is None or is_bare_group:
        return f"no such command: {line}"
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    if unknown := {word for word in words if word.startswith("-")} - options - GLOBAL_OPTIONS:
        return f"no such option: {line} {unknown}"
    for word in words:
        if word.startswith("action=") and word.removeprefix("action=") not in set(Action):
            return f"no such action: {word}"
    if "--release" in words and words[-1] not in {*COMMANDS, *LOSSES, *NEEDED}:
        return f"no such part: {line}"
    return ""


@pytest.mark.parametrize(
    "span",
    [
        "NoSuchAlert",
        "vonglau audit mend",
        "vonglau audit verify --fast",
        "vonglau audit search --filter action=no:such:act",
        "bin/up --release nothing",
        "VONGLAU_NO_SUCH",
        "vonglau_no_such_gauge",
        "/operations/nowhere",
        "run.no_such_reason",
        "no_such_event_logged",
        "no-such-page",
        "no:such:action",
        "log/nothing.log",
    ],
)
def test_an_invented_name_would_be_found(span: str) -> None:
    assert fault_of(span)


@pytest.mark.parametrize(("slug", "half"), halves())
def test_a_page_declares_the_playbooks_it_names(slug: str, half: Half) -> None:
    named = set(Catalogue.load().by_id) & {span for section in half.sections.values() for span in SPAN.findall(section)}
    declared = half.declared(PLAYBOOK_LINE)

    assert declared <= set(Catalogue.load().by_id)
    assert declared <= named
    assert named - declared == (set() if slug != "database-down" else named)  # there no run can start


def test_every_question_to_prometheus_is_one_it_understands(tmp_path: Path) -> None:
    questions = {body for both in pages().values() for kind, body in both["vi"].fences if kind == "promql"}
    rules = [{"record": f"asked:number{number}", "expr": question} for number, question in enumerate(sorted(questions))]
    (tmp_path / "asked.yml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    found = shutil.which("promtool")
    assert found is not None, "install the Debian package prometheus"

    done = subprocess.run([found, "check", "rules", str(tmp_path / "asked.yml")], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert {name for question in questions for name in METRIC.findall(question)} <= exported()


def test_every_metric_of_a_rule_is_exported() -> None:
    assert measured_by_rules() - exported() == set()


def test_every_exported_metric_is_judged_by_a_rule_or_asked_for_by_a_page() -> None:
    asked = {name for both in pages().values() for name in METRIC.findall(both["vi"].text)}

    assert exported() - measured_by_rules() - asked == set()
