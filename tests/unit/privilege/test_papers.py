"""Forms 01 to 08: whole, fillable, and filled with what a caller knows."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader

from control.privilege.papers import all_papers, missing_papers, paper, render_paper
from policies import PolicyError, load_papers, load_register
from tests.factories.law import change, make_policies

NUMBERS = [f"{number:02d}" for number in range(1, 9)]


def opened(content):
    reader = PdfFileReader(BytesIO(content))
    fields = reader.root["/AcroForm"]["/Fields"]
    names = [str(field.get_object()["/T"]) for field in fields]
    pages = reader.root["/Pages"]
    page = pages["/Kids"][0]
    return names, [float(size) for size in list(page["/MediaBox"])[2:]], int(pages["/Count"])


def test_there_are_eight_forms_each_with_its_citation():
    assert [one.id for one in all_papers()] == NUMBERS
    known = load_register().ids
    assert all(set(one.citation.split(", ")) <= known for one in all_papers())


@pytest.mark.parametrize("number", NUMBERS)
def test_an_empty_form_is_a4_and_every_field_can_be_filled(number):
    form = paper(number)

    names, size, pages = opened(render_paper(number, {}))

    cells = {f"row_{row}_{column.id}" for row in range(1, form.blank_rows + 1) for column in form.columns}
    assert set(names) == {one.id for one in form.fields if one.id != "signer_title"} | cells
    assert size == pytest.approx([595.28, 841.89], abs=0.5)
    assert pages <= 2


def test_what_is_known_is_text_and_no_longer_a_field():
    known = {"unit": "Sở Minh hoạ", "addressee": "Trung tâm", "rows": [{"account": "cong.tap.dt", "reason": "<b>&"}]}

    names, _, _ = opened(render_paper("02", known))

    assert "unit" not in names
    assert "number" in names
    assert not [name for name in names if name.startswith("row_")]


def test_a_long_list_runs_over_pages():
    rows = [{"name": f"Nguyễn Văn Thử {number}", "account": f"tk{number}"} for number in range(120)]

    _, _, pages = opened(render_paper("08", {"rows": rows}))

    assert pages > 3


@pytest.mark.parametrize(
    ("number", "values"),
    [
        ("02", {"salary": "1"}),
        ("02", {"rows": [{"salary": "1"}]}),
        ("02", {"rows": "one"}),
        ("06", {"rows": [{"name": "x"}]}),
        ("02", {"rows": [{}] * 501}),
        ("02", {"unit": "x" * 4001}),
    ],
)
def test_a_value_the_form_has_no_place_for_is_a_fault(number, values):
    with pytest.raises(ValueError, match=r"form|value"):
        render_paper(number, values)


def test_an_unknown_form_is_a_fault():
    with pytest.raises(KeyError):
        render_paper("09", {})


@settings(max_examples=8, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_makes_a_whole_pdf(text):
    assert render_paper("06", {"name": text, "title": text}).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("act", "needed"),
    [("create", ("01", "05")), ("lock", ("02",)), ("activate", ("03",)), ("revoke", ("04",)),
     ("population", ("06", "07", "08"))],
)  # fmt: skip
def test_each_kind_of_act_needs_its_forms(act, needed):
    assert missing_papers(act, attached=()) == needed
    assert missing_papers(act, attached=needed) == ()
    assert missing_papers(act, attached=needed[1:]) == needed[:1]


def test_an_act_without_forms_is_a_fault():
    with pytest.raises(KeyError):
        missing_papers("dance", attached=())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('papers: ["02"], citation', 'papers: ["12"], citation'),
        ("- fields: [count, reason]", "- fields: [count, nobody]"),
        ('  - id: "02"', '  - id: "01"'),
        ("id: contact_name,", "id: unit,"),
        ("layout: letter", "layout: poem"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(tmp_path, old, new):
    folder = make_policies(tmp_path)
    change(folder / "papers.yaml", old=old, new=new)

    with pytest.raises(PolicyError):
        load_papers(folder)
