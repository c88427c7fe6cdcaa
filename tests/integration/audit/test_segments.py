"""The journal in files: what happens to a file, a disk, or the journal itself while nobody looks."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import audit
from audit.chain import verify_journal
from audit.journal import Journal
from audit.projection import read_body
from audit.replay import NotReplayedError
from audit.replay import replay as play_again
from audit.segmenter import Segmenter
from audit.segments import BrokenSegmentError, file_name, from_line, read_segments, to_line
from audit.speaker import Speaker
from control.cli import main
from tests.factories.audit import NOON, make_entry, make_writer
from tests.integration.conftest import environment


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    monkeypatch.setattr("audit.segments.PER_FILE", 10)
    monkeypatch.setattr("audit.segmenter.PER_FILE", 10)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "segments"
    path.mkdir()
    return path


@pytest.fixture
def new_segmenter(trail, folder):
    made = []

    def make(path=folder):
        engine = trail.engine("vl_sequencer")
        speaker = Speaker(engine=engine, writer=make_writer(), clock=lambda: datetime.now(UTC))
        made.append(Segmenter(engine=engine, path=path, speaker=speaker))
        return made[-1]

    yield make
    for one in made:
        one.close()


def run(segmenter, rounds=12):
    for _ in range(rounds):
        segmenter.run_once(now=NOON)


def journal_of(trail):
    trail.settle()
    with trail.engine("vl_reader").connect() as connection:
        assert verify_journal(connection).problems == ()
        return list(Journal(connection).iterate())


def said(trail):
    actions = [read_body(one.body)["event"]["action"] for one in journal_of(trail)]
    return [one for one in actions if one.startswith("audit:segment:")]


def state(trail):
    with trail.engine("vl_reader").connect() as connection:
        return audit.segment_state(connection)


def same(folder, trail):
    """Whether the files hold exactly what the journal holds, up to the cursor."""
    return list(read_segments(folder)) == journal_of(trail)[: state(trail).upto]


def test_a_line_gives_back_its_entry_to_the_byte(trail):
    trail.fill(2, titles=('tên có dấu ",\\"body\\":" trong',))
    first, second = journal_of(trail)
    assert from_line(to_line(first)) == first
    assert from_line(to_line(replace(second, body=None))).body is None
    assert b',"body":' + first.body + b"}\n" in to_line(first)


def test_every_entry_stands_in_its_file_before_the_cursor_moves(trail, folder, new_segmenter, monkeypatch):
    trail.fill(25)
    seen = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: seen.append(state(trail) and state(trail).upto))

    run(new_segmenter())

    assert sorted(path.name for path in folder.glob("*.jsonl")) == [file_name(number) for number in range(3)]
    assert same(folder, trail)
    assert seen == [0, 10, 20]
    assert (state(trail).upto, state(trail).behind, state(trail).stalled_since) == (25, 0, None)


def test_it_catches_up_after_being_away_and_mends_a_half_written_line(trail, folder, new_segmenter):
    trail.fill(13)
    first = new_segmenter()
    run(first)
    first.close()
    with (folder / file_name(1)).open("ab") as file:
        file.write(b'{"seq":13,"id":"')
    trail.fill(4)

    run(new_segmenter())

    assert same(folder, trail)
    assert state(trail).upto == 17
    assert said(trail) == []


def test_lines_that_were_written_before_the_cursor_moved_are_not_written_twice(trail, folder, new_segmenter):
    trail.fill(13)
    first = new_segmenter()
    run(first)
    first.close()
    trail.tamper("UPDATE audit_ship SET upto = 9 WHERE target = 'segments'")

    run(new_segmenter())

    assert same(folder, trail)
    assert state(trail).upto == 13


@pytest.mark.fault(28)
def test_a_file_unlinked_while_open_is_told_and_written_again_whole(trail, folder, new_segmenter):
    trail.fill(13)
    segmenter = new_segmenter()
    run(segmenter)
    (folder / file_name(1)).unlink()

    segmenter.run_once(now=NOON)

    assert said(trail) == ["audit:segment:unlink"]
    run(segmenter)
    assert same(folder, trail)


@pytest.mark.fault(28)
def test_a_closed_file_that_vanished_or_was_cut_is_told_and_written_again(trail, folder, new_segmenter):
    trail.fill(25)
    segmenter = new_segmenter()
    run(segmenter)
    (folder / file_name(0)).unlink()
    segmenter.run_once(now=NOON)
    segmenter.close()
    with (folder / file_name(1)).open("r+b") as file:
        file.truncate(100)

    run(new_segmenter())

    assert said(trail) == ["audit:segment:lose"] * 2
    assert same(folder, trail)


@pytest.mark.fault(11)
def test_a_full_volume_stalls_the_files_only_and_goes_on_by_itself(trail, tmp_path, new_segmenter):
    volume = tmp_path / "small"
    volume.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", volume], check=True)
    segmenter = new_segmenter(volume)
    try:
        (volume / "filler").write_bytes(b"x" * 40_000)
        trail.fill(60)
        run(segmenter)
        stalled = state(trail)
        trail.fill(1)  # nobody else is held up

        assert stalled.stalled_since == NOON
        assert "No space left" in stalled.last_error
        assert [one.sequence for one in read_segments(volume)] == list(range(stalled.upto))
        (volume / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=1m", volume], check=True)
        run(segmenter)
        assert (state(trail).stalled_since, state(trail).last_error) == (None, None)
        assert said(trail) == ["audit:segment:stall", "audit:segment:resume"]
        run(segmenter)
        assert same(volume, trail)
    finally:
        segmenter.close()
        subprocess.run(["umount", volume], check=True)


def test_bodies_that_retention_took_leave_the_files_too(trail, folder, new_segmenter):
    trail.fill(15)
    segmenter = new_segmenter()
    run(segmenter)
    trail.tamper("UPDATE audit_journal SET body = NULL, search_text = NULL, tokens = NULL WHERE seq BETWEEN 2 AND 11")
    trail.tamper(
        "INSERT INTO audit_prune (retention, first_seq, last_seq, emptied, root_before, root_after, policy_digest,"
        " requested_by, approved_by, at) VALUES ('A3M', 2, 11, 10, '', '', 'x', 'a', 'b', now())"
    )

    run(segmenter)

    assert [one.sequence for one in read_segments(folder) if one.body is None] == list(range(2, 12))
    assert [one.leaf for one in read_segments(folder)] == [one.leaf for one in journal_of(trail)]


def lose_tail(trail, size):
    """Do as a restored backup does: the journal ends earlier, the files do not know."""
    link = journal_of(trail)[size - 1].link
    trail.tamper("DELETE FROM audit_journal WHERE seq >= %(size)s", size=size)
    trail.tamper("UPDATE audit_head SET size = %(size)s, link = %(link)s", size=size, link=link)
    trail.tamper("DELETE FROM audit_search WHERE seq >= %(size)s", size=size)
    trail.tamper("UPDATE audit_ship SET upto = least(upto, %(size)s)", size=size)


def test_files_ahead_of_a_restored_journal_stop_and_are_replayed(trail, folder, new_segmenter):
    trail.fill(25)
    before = journal_of(trail)
    first = new_segmenter()
    run(first)
    first.close()
    lose_tail(trail, 18)

    waiting = new_segmenter()
    run(waiting, rounds=2)
    assert state(trail).stopped
    assert "25 entries, the journal 18" in state(trail).last_error
    assert len(list(read_segments(folder))) == 25

    done = play_again(trail.engine("vl_sequencer"), folder)

    assert (done.first, done.count) == (18, 7)
    assert journal_of(trail)[:25] == before
    assert play_again(trail.engine("vl_sequencer"), folder).count == 0
    run(waiting)
    assert not state(trail).stopped


def test_nothing_is_replayed_over_another_story_a_changed_line_or_a_sequencer_at_work(trail, folder, new_segmenter):
    trail.fill(25)
    first = new_segmenter()
    run(first)
    first.close()
    lose_tail(trail, 18)
    engine = trail.engine("vl_sequencer")

    leading = trail.sequencer()
    trail.write(make_entry())
    leading.run_once()
    with pytest.raises(NotReplayedError, match="at work"):
        play_again(engine, folder)
    leading.close()
    with pytest.raises(NotReplayedError, match="another story of entry 18"):
        play_again(engine, folder)

    lose_tail(trail, 18)
    path = folder / file_name(2)
    good = path.read_bytes()
    path.write_bytes(good.replace(b"case:file:open", b"case:file:edit", 1))
    with pytest.raises(NotReplayedError, match="entry 20 does not follow"):
        play_again(engine, folder)
    path.write_bytes(b"?" + good)
    with pytest.raises(BrokenSegmentError):
        list(read_segments(folder))


def test_the_commands_compare_and_replay(trail, folder, new_segmenter, monkeypatch, capsys, tmp_path):
    for name, value in environment(trail.url("vl_sequencer"), tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VONGLAU_SEGMENT_DIR", str(folder))

    def command(*words):
        with pytest.raises(SystemExit) as left:
            main(["audit", *words, "--json"])
        return left.value.code, json.loads(capsys.readouterr().out)

    trail.fill(25)
    first = new_segmenter()
    run(first)
    first.close()
    same_again = command("segments")
    lose_tail(trail, 18)
    beyond = command("segments")
    counted = command("replay", "--dry-run")
    still = len(journal_of(trail))
    done = command("replay")

    assert same_again == (0, {"ok": True, "entries": 25, "behind": 0, "problems": []})
    assert (beyond[0], [one["sequence"] for one in beyond[1]["problems"]]) == (1, [18])
    assert counted == (0, {"first": 18, "count": 7, "dry_run": True})
    assert still == 18
    assert done == (0, {"first": 18, "count": 7, "dry_run": False})
    assert said(trail) == ["audit:segment:replay"]
    assert command("segments", "--dir", str(tmp_path / "nowhere"))[0] == 2
