"""The catalogues as they are shipped, and what the loader refuses."""

from __future__ import annotations

import shutil

import pytest
import yaml

from policies.errors import PolicyError
from policies.requirements import COMPLIANCE, Strength, load_requirements


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(COMPLIANCE, tmp_path / "compliance")


def edited(folder, name, old, new):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refusal(folder):
    with pytest.raises(PolicyError) as caught:
        load_requirements(folder)
    return caught.value


def test_every_level_three_requirement_of_both_regimes_is_there():
    loaded = load_requirements()

    assert len(loaded.regime("nd85-2016").requirements) == 66
    assert len(loaded.regime("nd331-2026").requirements) == 18


def test_the_points_are_those_of_the_level_three_register():
    register = yaml.safe_load((COMPLIANCE.parent / "level3.yaml").read_text(encoding="utf-8"))
    known = {entry["id"] for entry in register["entries"]}

    for catalogue in load_requirements().catalogues:
        for requirement in catalogue.requirements:
            assert {point.id for point in requirement.points} <= known
            if requirement.points:
                stem = "tcvn-" + requirement.clause.rpartition(" ")[2] + "-"
                assert requirement.point_ids == {name for name in known if name.startswith(stem)}


def test_application_access_control_rests_on_at_least_one_claim_of_full_strength():
    loaded = load_requirements()
    claims = [one for one in loaded.claims_on(loaded.regime("nd85-2016")) if one.requirement == "ch.1.3.2"]

    assert any(claim.strength is Strength.FULL for claim in claims)


def test_one_changed_byte_changes_the_digest(folder):
    before = load_requirements(folder).digest
    edited(folder, "checks.yaml", "max_age: 7d", "max_age: 8d")

    assert load_requirements(folder).digest != before


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("checks.yaml", "  max_age: 7d\n", "  max_age: 7d\n  weight: 3\n", "policy.unknown_key"),
        ("checks.yaml", "requirement: ch.1.3.1", "requirement: ch.9.9.9", "policy.unknown_reference"),
        ("checks.yaml", "points: [tcvn-7.2.3.2-b]", "points: [tcvn-7.2.3.2-z]", "policy.unknown_reference"),
        ("checks.yaml", "id: access.idle", "id: access.authority", "policy.duplicate_id"),
        ("checks.yaml", "  source: S0-4.4\n", "", "policy.missing_citation"),
        ("tt12-2022.yaml", "{id: ql.1.1.2,", "{id: ql.1.1.1,", "policy.duplicate_id"),
    ],
)
def test_a_catalogue_that_does_not_fit_is_refused_with_its_line(folder, name, old, new, code):
    edited(folder, name, old, new)

    error = refusal(folder)

    assert error.code == code
    assert error.details["file"] == name
    assert error.details["line"] > 1


def test_an_unknown_regime_is_refused_with_the_names_that_exist():
    with pytest.raises(PolicyError) as caught:
        load_requirements().regime("nd999")

    assert caught.value.code == "policy.unknown_regime"
    assert "nd85-2016" in caught.value.message_en
