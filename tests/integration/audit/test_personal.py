"""Personal values: beside the journal, under a key that can be destroyed."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import event, text

import audit
from audit.chain import verify_journal
from audit.journal import Journal
from tests.factories.audit import make_entry, make_writer

PERSONAL = {
    "actor_name": "Đặng Thị Tập",
    "source_ip": "192.0.2.77",
    "personal": {"citizen.name": "Trần Văn Thử", "citizen.address": "12 phố Ví Dụ"},
    "subject": "citizen:7",
}


@pytest.fixture
def queries():
    """Collect the statements that reach the database."""

    @contextmanager
    def collecting(engine):
        found = []

        def keep(_connection, _cursor, statement, *_rest):
            found.append(statement)

        event.listen(engine, "before_cursor_execute", keep)
        yield found
        event.remove(engine, "before_cursor_execute", keep)

    return collecting


def destroy(trail, subject):
    with trail.engine("vl_pruner").begin() as connection:
        connection.execute(
            text("UPDATE audit_subject SET key = NULL, destroyed_at = now() WHERE subject = :subject"),
            {"subject": subject},
        )


def opened(trail, entry):
    with trail.engine("vl_web").connect() as connection:
        found = audit.openings(connection, [entry.id]).get(entry.id, {})
    return {path: value for path, (_, value) in found.items()}


def test_nothing_personal_stands_in_the_journal_in_clear(trail):
    trail.fill(1, **PERSONAL)

    with trail.engine("vl_reader").connect() as connection:
        row = connection.execute(text("SELECT * FROM audit_journal")).one()
        projected = connection.execute(text("SELECT words, tokens FROM audit_search")).one()

    everything = f"{row} {projected}".lower()
    for value in ("tập", "192.0.2.77", "thử", "ví dụ", "tran", "vi du"):
        assert value not in everything
    assert bytes(row.body).count(b'{"c":"') == 4


def test_the_values_open_from_beside_the_journal_and_match_the_commitments(trail):
    entry = trail.fill(1, **PERSONAL)[0]

    assert opened(trail, entry) == {
        "source.ip": "192.0.2.77",
        "user.name": "Đặng Thị Tập",
        "vn.personal.citizen.address": "12 phố Ví Dụ",
        "vn.personal.citizen.name": "Trần Văn Thử",
    }
    with trail.engine("vl_web").connect() as connection:
        body = Journal(connection).read(0).body
        salt, value = audit.openings(connection, [entry.id])[entry.id]["user.name"]
    assert audit.subjects.commitment(salt, "user.name", value).encode() in body


def test_a_destroyed_key_takes_the_values_of_that_person_and_nothing_else(trail):
    entry = trail.fill(1, **PERSONAL)[0]

    destroy(trail, "citizen:7")

    assert set(opened(trail, entry)) == {"source.ip", "user.name"}
    with trail.engine("vl_reader").connect() as connection:
        assert verify_journal(connection).ok


def test_somebody_who_comes_back_gets_a_new_key_that_finds_only_what_is_new(trail):
    trail.fill(1, **PERSONAL)
    with trail.engine("vl_web").connect() as connection:
        old = audit.tokens(connection, "citizen:7", ["Trần Văn Thử"])
    destroy(trail, "citizen:7")

    trail.fill(1, **PERSONAL)

    with trail.engine("vl_web").connect() as connection:
        new = audit.tokens(connection, "citizen:7", ["Trần Văn Thử"])
    assert new
    assert old != new


def test_one_person_has_one_key_for_all_their_entries(trail):
    trail.fill(3, **PERSONAL)

    with trail.engine("vl_web").connect() as connection:
        names = connection.scalars(text("SELECT subject FROM audit_subject ORDER BY subject")).all()
    assert names == ["citizen:7", "person:5", "sources"]


def test_keys_rest_wrapped_when_there_is_a_master_key_and_open_with_no_other(trail):
    keys = audit.SubjectKeys(master_key=b"m" * 32)
    writer = audit.Writer(boot="b", keys=keys)
    entry = make_entry(writer=writer, **PERSONAL)
    trail.write(entry, writer=writer)

    with trail.engine("vl_web").connect() as connection:
        wrapped = connection.execute(text("SELECT key, wrapped_by FROM audit_subject")).all()
        assert all(len(bytes(row.key)) == 60 and row.wrapped_by != "none" for row in wrapped)
        assert audit.openings(connection, [entry.id], keys=keys)[entry.id]["user.name"][1] == "Đặng Thị Tập"
        with pytest.raises(audit.SubjectKeyError):
            audit.openings(connection, [entry.id])
        with pytest.raises(audit.SubjectKeyError):
            audit.openings(connection, [entry.id], keys=audit.SubjectKeys(master_key=b"x" * 32))


def test_a_broken_header_is_kept_readable_and_breaks_nothing(trail):
    entry = trail.fill(1, user_agent='x\ud800\n"</script>\u202e')[0]

    assert opened(trail, entry)["user_agent.original"] == 'x?\n"</script>\u202e'
    with trail.engine("vl_reader").connect() as connection:
        assert verify_journal(connection).ok
        assert b"script" not in Journal(connection).read(0).body


def test_a_refused_value_leaves_nothing_behind(trail):
    with trail.engine("vl_web").begin() as connection:
        with pytest.raises(audit.NotCanonicalError):
            audit.append(connection, make_entry(details={"n": 2**53}))

        assert connection.scalar(text("SELECT count(*) FROM audit_outbox")) == 0


def test_a_key_is_asked_for_once_and_one_that_was_destroyed_meanwhile_is_never_used(trail, queries):
    writer = make_writer()
    trail.write(make_entry(writer=writer, **PERSONAL), writer=writer)
    with queries(trail.engine("vl_web")) as asked:
        trail.write(make_entry(writer=writer, **PERSONAL), writer=writer)
    assert [one.split(None, 1)[0] for one in asked] == ["WITH"]

    destroy(trail, "citizen:7")
    entry = make_entry(writer=writer, **PERSONAL)
    trail.write(entry, writer=writer)

    trail.settle()
    assert opened(trail, entry)["vn.personal.citizen.name"] == "Trần Văn Thử"
    with trail.engine("vl_web").connect() as connection:
        found = connection.execute(text("SELECT destroyed_at IS NULL FROM audit_subject WHERE subject = 'citizen:7'"))
        assert sorted(found.scalars()) == [False, True]
        assert verify_journal(connection).ok


def test_a_key_made_by_an_act_that_was_rolled_back_is_made_again(trail):
    writer = make_writer()
    with trail.engine("vl_web").connect() as connection:
        audit.append(connection, make_entry(writer=writer, **PERSONAL), writer=writer)
        connection.rollback()

    entry = make_entry(writer=writer, **PERSONAL)
    trail.write(entry, writer=writer)

    assert opened(trail, entry)["user.name"] == "Đặng Thị Tập"
