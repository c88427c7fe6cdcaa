"""`vonglau audit gap`: what is missing, explained by document and two people, for exactly what was said."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import audit
import policies
from audit.counters import Gap
from audit.projection import read_body
from control.assurance.findings import service
from control.assurance.findings.domain import Kind, Rules, Sighting
from control.cli import main
from control.commands import auditgap
from tests.factories.audit import make_entry, make_writer
from tests.factories.people import make_act, make_person
from tests.integration.conftest import NOON, environment

DOCUMENT = ("--document", "15/BC-BMH", "--dated", "20/11/2026")
TWO = ("--by", "giaitrinh.nv", "--confirmed-by", "xacnhan.nv")


@pytest.fixture
def call(clean_database, monkeypatch, capsys, tmp_path, number):
    """Call the command as the worker's role; what it writes is numbered when it looks whether that is seen."""
    for name, value in environment(clean_database.url("vl_worker"), tmp_path).items():
        monkeypatch.setenv(name, value)
    look = auditgap._gaps

    def numbered(held) -> list[Gap]:
        number(NOON)
        return look(held)

    monkeypatch.setattr(auditgap, "_gaps", numbered)  # stands for the running process of the trail

    def run(*words: str, status: int = 0) -> dict:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["audit", *words, "--json"])
        out = capsys.readouterr().out
        assert end.value.code == status, out
        return json.loads(out)

    return run


@pytest.fixture
def people(clean_database, role_engine) -> None:
    with Session(role_engine("vl_web")) as session:
        make_person(session, "giaitrinh.nv", roles=("administrator",))
        make_person(session, "xacnhan.nv", roles=("security-officer",))
        make_person(session, "khongquyen.nv", roles=("case-officer",))
        session.commit()


@pytest.fixture
def robbed(clean_database, role_engine, owner_engine) -> list[str]:
    """Two processes wrote five entries each; two of the first and one of the second never arrived."""
    boots = []
    for lost in (2, 1):
        writer = make_writer()
        for _ in range(5):
            with role_engine("vl_web").begin() as connection:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
                audit.append(connection, make_entry(writer=writer, at=NOON), writer=writer)
        with owner_engine.begin() as connection:
            needle = {"boot": f'"boot":"{writer.boot}"', "lost": lost}
            connection.execute(
                text(
                    "DELETE FROM audit_outbox WHERE oid IN (SELECT oid FROM audit_outbox WHERE "
                    "position(:boot IN convert_from(body, 'UTF8')) > 0 ORDER BY oid LIMIT :lost)"
                ),
                needle,
            )
        boots.append(writer.boot)
    return boots


def entries(role_engine, action: str) -> list[dict]:
    with role_engine("vl_owner").connect() as connection:
        rows = connection.execute(text("SELECT body FROM audit_journal ORDER BY seq")).scalars()
        trees = [read_body(bytes(body)) for body in rows]
    return [tree for tree in trees if tree["event"]["action"] == action]


@pytest.mark.fault(20)
def test_an_explained_gap_is_whole_again_and_the_other_stays_a_fault(call, people, robbed, role_engine):
    first, second = robbed
    listed = call("gap", "list")
    assert {one["boot"]: one["numbers"] for one in listed["gaps"]} == {first: "1-2", second: "1"}
    rules = Rules.of(policies.load())
    with Session(role_engine("vl_worker")) as session:
        sighting = Sighting(
            kind=Kind.GAP, subject=f"writer:{first}", key="k", at=NOON, facts={"boot": first, "numbers": "1-2"}
        )
        service.note(session, [sighting], rules=rules, act=make_act())
        session.commit()

    done = call("gap", "explain", first, *DOCUMENT, *TWO)

    assert (done["explained"], done["seen_by_verify"], done["numbers"]) == (True, True, "1-2")
    (entry,) = entries(role_engine, "audit:gap:explain")
    assert entry["vn"]["document"]["number"] == "15/BC-BMH"
    assert entry["vn"]["finding"]["id"] == "PT-0001"
    assert entry["vn"]["details"]["explained_by"] != entry["vn"]["details"]["confirmed_by"]
    problems = call("verify", status=1)["problems"]
    assert [second in one["detail"] for one in problems] == [True]
    with role_engine("vl_owner").connect() as connection:
        assert connection.scalar(text("SELECT state FROM finding")) == "closed"
    call("gap", "explain", second, "1", *DOCUMENT, *TWO)
    assert call("verify")["ok"]
    assert call("gap", "list") == {"gaps": []}


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("--by", "giaitrinh.nv", "--confirmed-by", "giaitrinh.nv"), 1, "gap.alone"),
        (("--by", "giaitrinh.nv", "--confirmed-by", "khongquyen.nv"), 1, "gap.not_allowed"),
        (("--by", "aimaykhong.nv", "--confirmed-by", "xacnhan.nv"), 2, "gap.person"),
    ],
)
def test_nobody_explains_alone_and_a_refusal_stands_in_the_trail(
    call, people, robbed, role_engine, number, words, status, code
):
    refused = call("gap", "explain", robbed[0], *DOCUMENT, *words, status=status)

    assert refused["error"]["code"] == code
    number(NOON)
    said = entries(role_engine, "audit:gap:explain")
    assert [entry["event"]["reason_code"] for entry in said] == ([code] if status == 1 else [])
    assert len(call("gap", "list")["gaps"]) == 2


@pytest.mark.parametrize(
    ("boot", "numbers", "document", "code"),
    [
        ("no-such-process", (), DOCUMENT, "gap.none"),
        (None, ("3",), DOCUMENT, "gap.none"),
        (None, ("1;drop",), DOCUMENT, "gap.numbers"),
        (None, (), ("--document", " ", "--dated", "20/11/2026"), "gap.document"),
        (None, (), ("--document", "1/X", "--dated", "31/02/2026"), "gap.dated"),
        (None, (), ("--document", "1/X", "--dated", "20/11/2999"), "gap.dated"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_its_reason(call, people, robbed, boot, numbers, document, code):
    refused = call("gap", "explain", boot or robbed[0], *numbers, *document, *TWO, status=2)

    assert refused["error"]["code"] == code
