"""The guard over the catalogues, tried on a small house of its own: it must see each kind of fault."""

# ruff: noqa: E501  -- the head of a catalogue is one string

from __future__ import annotations

import os

import pytest

from control.frame import catalogs

HEAD = 'msgid ""\nmsgstr ""\n"Language: vi\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
GOOD = 'msgid "Good day"\nmsgstr "Xin chào"\n\n'
PLURAL = 'msgid "%(num)s case"\nmsgid_plural "%(num)s cases"\nmsgstr[0] "%(num)s hồ sơ"\n\n'


@pytest.fixture
def house(tmp_path):
    """A core and one wing; the wing asks for one sentence in a template and one in a module."""
    wing = tmp_path / "garden"
    (wing / "beds" / "templates" / "beds").mkdir(parents=True)
    (wing / "wiring.py").touch()
    (wing / "beds" / "templates" / "beds" / "show.html").write_text('<h1>{{ _("Good day") }}</h1>')
    (wing / "beds" / "words.py").write_text('text = ngettext("%(num)s case", "%(num)s cases", 2)\n')
    fill(tmp_path, "", "")
    fill(tmp_path, "garden", GOOD + PLURAL)
    return tmp_path


def fill(house, wing, entries):
    path = house / wing / "translations" / catalogs.CATALOG
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + entries, encoding="utf-8")
    return path


def test_a_complete_wing_has_no_fault(house):
    assert catalogs.faults("garden", house) == ()
    assert catalogs.faults("", house) == ()


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        (PLURAL, "missing: 'Good day'"),
        (GOOD.replace("Xin chào", "") + PLURAL, "missing: 'Good day'"),
        ("#, fuzzy\n" + GOOD + PLURAL, "fuzzy: 'Good day'"),
        (GOOD + PLURAL.replace("%(num)s hồ sơ", ""), "missing: '%(num)s case'"),
        (GOOD + "#, python-format\n" + PLURAL.replace("%(num)s hồ", "%(n)s hồ"), "'%(num)s case'"),
        (GOOD + PLURAL + 'msgid "Old"\nmsgstr "Cũ"\n', "nobody asks for 'Old'"),
    ],
)
def test_each_kind_of_fault_is_named(house, entries, fault):
    fill(house, "garden", entries)

    assert any(fault in line for line in catalogs.faults("garden", house))


def test_a_wing_without_a_catalogue_lacks_everything(house):
    (house / "garden" / "translations" / catalogs.CATALOG).unlink()

    assert len(catalogs.faults("garden", house)) == 2
    assert catalogs.faults("", house) == ()


def test_two_wings_may_not_translate_one_sentence_differently(house):
    fill(house, "", GOOD.replace("Xin chào", "Chào ngày mới"))

    assert len(catalogs.contradictions(house)) == 1


def test_an_update_keeps_what_is_there_and_adds_what_is_new(house):
    (house / "garden" / "beds" / "more.py").write_text('text = _("New")\n')

    empty = catalogs.update("garden", house)

    kept = catalogs.read(house / "garden" / "translations" / catalogs.CATALOG)
    assert empty == 1
    assert kept.get("Good day").string == "Xin chào"
    assert catalogs.faults("garden", house) == ("garden: missing: 'New' (beds/more.py:1)",)


def test_an_update_of_a_complete_catalogue_changes_nothing(house):
    catalogs.update("garden", house)
    first = (house / "garden" / "translations" / catalogs.CATALOG).read_text(encoding="utf-8")
    catalogs.update("garden", house)

    assert (house / "garden" / "translations" / catalogs.CATALOG).read_text(encoding="utf-8") == first


def test_only_a_catalogue_newer_than_its_compiled_form_is_compiled(house):
    assert len(catalogs.compile_catalogs(house)) == 2
    assert catalogs.compile_catalogs(house) == ()

    path = fill(house, "garden", GOOD + PLURAL)
    os.utime(path, (path.stat().st_atime + 5, path.stat().st_mtime + 5))

    assert [target.parts[-5] for target in catalogs.compile_catalogs(house)] == ["garden"]


def test_a_place_that_cannot_be_written_names_the_command(house):
    (house / "garden" / "translations" / catalogs.CATALOG).with_suffix(".mo").mkdir()
    os.utime((house / "garden" / "translations" / catalogs.CATALOG).with_suffix(".mo"), (0, 0))

    with pytest.raises(RuntimeError, match=r"python -m control\.frame compile"):
        catalogs.compile_catalogs(house)

    assert list(house.rglob("*.part")) == []
