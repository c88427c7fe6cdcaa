"""The visitor without a window reads forms as a browser sends them, and the proof knows which byte it spoiled."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from control.stand.demo.proof import entries_in, expanded, prove
from control.stand.demo.visitor import Answer, NotOfferedError, Visitor

PAGE = """
<form method="get" action="/search"><input name="q" value="x"></form>
<form method="post" action="/act" enctype="multipart/form-data">
  <input type="hidden" name="csrf_token" value="t&amp;1"><input type="file" name="file">
  <input type="checkbox" name="agree" value="yes"><input type="radio" name="r" value="a" checked>
  <select name="s"><option value="">-</option><option value="b" selected>b</option></select>
  <textarea name="why">Vì sao</textarea>
</form>
"""


def answer(text: str = PAGE) -> Answer:
    return Answer(status=200, path="/page", content=text.encode(), headers={})


def test_a_form_is_found_by_its_address_with_every_field_it_would_send():
    form = answer().form("/act$")

    assert form.fields == {"csrf_token": "t&1", "r": "a", "s": "b", "why": "Vì sao"}
    assert form.files


def test_a_form_that_is_not_offered_is_not_pressed_and_the_page_is_named():
    with pytest.raises(NotOfferedError, match=r"/page .* /search, /act"):
        answer().form("/delete")


def test_cookies_are_kept_replaced_and_dropped():
    visitor = Visitor(url="http://localhost:1")
    visitor._keep("__Host-vonglau=one; Secure; HttpOnly; Path=/")
    visitor._keep("__Host-vonglau=two; Secure; HttpOnly; Path=/")
    assert visitor.is_signed_in
    assert visitor.cookies == {"__Host-vonglau": "two"}

    visitor._keep("__Host-vonglau=; Max-Age=0; Path=/")
    assert not visitor.is_signed_in


def test_ranges_of_numbers_are_written_out():
    assert expanded("0-2,7,9-10") == [0, 1, 2, 7, 9, 10]


def bundle(verifier: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"sequences": "4-5", "entries": 2, "digest": "d"}))
        archive.writestr("events.jsonl", b'{"a":1}\n{"b":2}\n')
        archive.writestr("verify.py", verifier)
    return out.getvalue()


HONEST = """
import sys, pathlib
bytes_ = (pathlib.Path(sys.argv[1]) / "events.jsonl").read_bytes()
if bytes_ == b'{"a":1}\\n{"b":2}\\n': raise SystemExit(0)
print("entry 5 was altered"); raise SystemExit(1)
"""


def test_the_proof_spoils_the_entry_it_was_asked_to_and_tells_what_the_verifier_said(tmp_path):
    proof = prove(bundle(HONEST), folder=tmp_path, entry=5)

    assert (proof.good, proof.bad, proof.altered, proof.names_the_entry) == (0, 1, 5, True)
    assert entries_in(bundle(HONEST)) == [4, 5]


def test_a_verifier_that_always_says_good_is_found_out(tmp_path):
    proof = prove(bundle("raise SystemExit(0)"), folder=tmp_path, entry=5)

    assert proof.bad == 0
    assert not proof.names_the_entry
