"""Files of accounts: any bytes give rows or one fault, and each row one verdict with its reason."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from control.errors import InvalidInput
from control.frame.tables import csv_text
from control.privilege.imports import domain
from control.privilege.imports.domain import COLUMNS, Known, Verdict, judge, outcome_digest, read_rows

HEADER = ",".join(COLUMNS)
GOOD = "csdl-01,postgres,Quản trị,infrastructure,shared,normal,an.nv,,5/QĐ-BMH"
HERE = {
    "state": "active", "use": "Quản trị", "category": "infrastructure", "kind": "shared", "class": "normal",
    "owner": "an.nv", "person": "", "document": "5/QĐ-BMH",
}  # fmt: skip


def known(**accounts):
    return Known(
        people={"an.nv": 1, "binh.tt": 2},
        documents={"5/QĐ-BMH": 9, "6/QĐ-BMH": None},
        assets={"csdl-01": 3},
        accounts=accounts,
    )


def judged(*lines, what=None):
    return judge(read_rows("\n".join([HEADER, *lines]).encode()), what or known())


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "import.empty"),
        (b" \r\n ", "import.empty"),
        (HEADER.encode(), "import.empty"),
        (f"{HEADER}\n,,,,,,,,\n".encode(), "import.empty"),
        ("một,hai\n1,2".encode(), "import.header"),
        (f"{HEADER},salary\n{GOOD},1".encode(), "import.columns_unknown"),
        (f"{HEADER},asset\n{GOOD},1".encode(), "import.columns_unknown"),
        (f"{HEADER}\n{GOOD}".encode("utf-16"), "import.encoding"),
        (f"{HEADER}\n{GOOD}".encode("utf-16-le"), "import.encoding"),
        (f"{HEADER}\nTài".encode("cp1258", "replace"), "import.encoding"),
        (f"{HEADER}\n{GOOD}\x00".encode(), "import.encoding"),
        (f'{HEADER}\n"open,{GOOD}'.encode(), "import.malformed"),
    ],
)
def test_a_file_that_is_no_such_list_is_one_fault(content, code):
    with pytest.raises(InvalidInput) as caught:
        read_rows(content)

    assert caught.value.code == code


def test_a_file_too_large_or_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(domain, "MAXIMUM_ROWS", 2)
    with pytest.raises(InvalidInput, match=r"import.too_many_rows"):
        read_rows("\n".join([HEADER, *[GOOD] * 3]).encode())
    monkeypatch.setattr(domain, "MAXIMUM_BYTES", 10)
    with pytest.raises(InvalidInput, match=r"import.too_large"):
        read_rows(b"x" * 11)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_write_the_same_list_in_many_ways(mark, end, delimiter):
    text = end.join([HEADER, GOOD, ""]).replace(",", delimiter)

    (row,) = read_rows(mark + text.encode())

    assert (row.code, row.values["owner"], row.faults) == ("csdl-01.postgres", "an.nv", ())


def test_letters_written_in_two_ways_are_one_account():
    decomposed = GOOD.replace("postgres", "quản-trị".encode().decode()).replace("ả", "ả")

    (row,) = read_rows(f"{HEADER}\n{decomposed}".encode())

    assert row.values["name"] == "quản-trị"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("csdl-01,postgres,Quản trị,infrastructure,shared,normal,an.nv", "import.row.cells"),
        (GOOD.replace("Quản trị", ""), "import.row.incomplete"),
        (GOOD.replace("Quản trị", "=HYPERLINK(1)"), "import.row.formula"),
        (GOOD.replace("Quản trị", "@x"), "import.row.formula"),
        (GOOD.replace("Quản trị", "x" * 501), "import.row.too_long"),
        (GOOD.replace("Quản trị", "a\u202eb"), "import.row.characters"),
        (GOOD.replace("postgres", "a/b"), "import.row.name"),
        (GOOD.replace("infrastructure", "king"), "import.row.category"),
        (GOOD.replace("shared", "odd"), "import.row.kind"),
        (GOOD.replace("normal", "top"), "import.row.class"),
        (GOOD.replace("infrastructure", "officer"), "import.row.officer"),
        (GOOD.replace("an.nv,,", "an.nv,binh.tt,"), "import.row.officer"),
        (GOOD.replace("an.nv", ""), "import.row.owner_missing"),
        (GOOD.replace("an.nv", "la.nn"), "import.row.owner_unknown"),
        (GOOD.replace("csdl-01", "may-la"), "import.row.asset_unknown"),
        (GOOD.replace("5/QĐ-BMH", "7/QĐ-BMH"), "import.row.document_unknown"),
        (GOOD.replace("5/QĐ-BMH", "6/QĐ-BMH"), "import.row.document_unknown"),
        (GOOD.replace("infrastructure", "officer").replace("an.nv,,", "an.nv,la.nn,"), "import.row.person_unknown"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why(line, reason):
    (one,) = judged(line)

    assert (one.verdict, reason in one.reasons) == (Verdict.REFUSE, True), one.reasons


@pytest.mark.parametrize(
    ("line", "here", "verdict", "reason"),
    [
        (GOOD, None, "add", None),
        (GOOD.replace("5/QĐ-BMH", ""), None, "add", "import.row.orphan"),
        (GOOD, {}, "same", None),
        (GOOD.replace("Quản trị", "Sao lưu"), {}, "change", None),
        (GOOD.replace("an.nv", "binh.tt"), {}, "change", None),
        (GOOD.replace("5/QĐ-BMH", ""), {}, "same", None),
        (
            GOOD.replace("Quản trị", "Sao lưu").replace("5/QĐ-BMH", ""),
            {},
            "refuse",
            "import.row.change_without_document",
        ),
        (GOOD.replace("shared", "service"), {}, "refuse", "import.row.fixed"),
        (GOOD.replace("normal", "high"), {}, "refuse", "import.row.two_persons"),
        (GOOD, {"class": "high"}, "refuse", "import.row.two_persons"),
        (GOOD.replace("Quản trị", "Sao lưu"), {"state": "retired"}, "refuse", "import.row.retired"),
    ],
)
def test_what_is_here_already_decides_what_becomes_of_a_row(line, here, verdict, reason):
    accounts = {} if here is None else {"csdl-01.postgres": {**HERE, **here}}

    (one,) = judged(line, what=known(**accounts))

    assert one.verdict == verdict
    assert one.reasons == ((reason,) if reason else ())


def test_the_second_row_for_one_account_is_refused():
    first, second = judged(GOOD, GOOD.replace("Quản trị", "Khác"))

    assert (first.verdict, second.verdict, second.reasons) == ("add", "refuse", ("import.row.twice",))


def test_our_own_file_can_be_brought_back():
    cells = [
        "csdl-01",
        "-x",
        "=sum",
        "infrastructure",
        "shared",
        "normal",
        "an.nv",
        "",
        "5/QĐ-BMH",
        "x",
        "active",
        "",
        "",
        "",
    ]
    header = [*COLUMNS, "code", "state", "holders_now", "last_used_at", "faults"]

    (row,) = read_rows(csv_text(header, [cells]).encode())

    assert (row.values["name"], row.values["use"], row.faults) == ("-x", "=sum", ())


def test_any_change_of_a_verdict_changes_what_is_confirmed():
    before, after = judged(GOOD), judged(GOOD, what=known(**{"csdl-01.postgres": HERE}))

    assert outcome_digest(before) != outcome_digest(after)
    assert outcome_digest(before) == outcome_digest(judged(GOOD))


@given(content=st.binary(max_size=300))
@example(content=HEADER.encode() + b'\n"\xff')
def test_any_bytes_give_rows_or_our_own_fault(content):
    try:
        rows = read_rows(content)
    except InvalidInput:
        return
    assert rows


@given(rows=st.lists(st.lists(st.text(max_size=20), min_size=9, max_size=9), min_size=1, max_size=8))
def test_any_cells_give_one_verdict_each(rows):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    try:
        read = read_rows(out.getvalue().encode("utf-8", "surrogatepass"))
    except InvalidInput:
        return
    assert len(judge(read, known())) == len(read)
