"""The product's own policy files, held against the register, and what a wrong file is told."""

from __future__ import annotations

import dataclasses
import os
import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

import policies
from policies import DATA, PolicyError, thaw
from tests.factories.law import change, make_policies

REGISTER = yaml.safe_load((DATA / "register.yaml").read_text(encoding="utf-8"))
PROFILES = REGISTER["profiles"]
LAW = policies.load()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("parameter", REGISTER["policy_parameters"], ids=lambda one: one["name"])
def test_every_parameter_of_the_register_has_its_value_in_every_profile(parameter: dict, profile: str):
    said = parameter["values"][profile] if "values" in parameter else parameter["all_profiles"]
    wrapped = isinstance(said, dict) and "value" in said

    found = LAW.parameter(parameter["name"], profile)

    assert thaw(found.value) == (said["value"] if wrapped else said)
    assert found.unit == (said.get("unit") if wrapped else None)
    assert found.citation


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_holds_a_parameter_the_register_does_not_know(profile: str):
    known = {one["name"] for one in REGISTER["policy_parameters"]}

    assert set(LAW.profile(profile).parameters) <= known


def test_a_citation_names_a_register_id_that_uses_the_parameter():
    users = {one["name"]: one["used_by"] for one in REGISTER["policy_parameters"]}
    ids = set(LAW.register.ids)

    for profile in LAW.rules.profiles.values():
        for parameter in profile.parameters.values():
            cited = {word.strip("(),") for word in parameter.citation.replace(",", " ").split()} & ids
            assert not cited or cited & set(users[parameter.name])


def test_a_national_rule_lies_over_the_profile_from_its_first_day():
    before = LAW.parameter("maintenance_notice_min", "national-portal-2020", date(2026, 6, 30))
    after = LAW.parameter("maintenance_notice_min", "national-portal-2020", date(2026, 7, 1))

    assert before.overlay is None
    assert after.overlay is not None
    assert (after.value, after.overlay.value, after.overlay.rule) == (5, 7, "strictest")


def test_a_profile_says_nothing_before_it_was_in_force():
    assert LAW.parameter("maintenance_notice_min", "ministry-construction-2025", date(2025, 7, 27)).value is None
    assert LAW.parameter("maintenance_notice_min", "ministry-construction-2025", date(2025, 7, 28)).value == 1


def test_a_silent_profile_is_answered_by_the_decree_behind_it():
    construction = LAW.rules.governing("reschedule_max_fraction", "ministry-construction-2025")
    province = LAW.rules.governing("reschedule_max_fraction", "province-tuyen-quang-2025")
    transport = LAW.rules.governing("supplement_clock", "ministry-transport-2019")

    assert (construction.origin, construction.value, construction.confidence) == ("decree", "1/3", "corroborated")
    assert (province.origin, province.confidence) == ("profile", "verified")
    assert transport.value == "restart"


def test_what_no_law_gives_says_so_plainly():
    idle, lasting = LAW.parameter("session_idle_minutes"), LAW.parameter("session_max_hours")

    assert (idle.value, idle.unit) == (15, "minute")
    assert "tcvn14423-5.5.2.2a-idle" in idle.citation
    assert lasting.citation == lasting.confidence == "operator-policy"


def test_every_id_in_an_operators_citation_is_known():
    for name, parameter in LAW.rules.operator.items():
        if not parameter.citation.startswith("operator-policy"):
            assert any(word.strip("();") in LAW.register for word in parameter.citation.split()), name


def test_an_unknown_name_is_refused_with_what_is_near():
    with pytest.raises(PolicyError) as refused:
        LAW.parameter("maintenance_notice", "ministry-construction-2025")
    assert refused.value.code == "law.unknown_parameter"
    assert "maintenance_notice_min" in refused.value.message_vi

    with pytest.raises(PolicyError) as refused:
        LAW.parameter("maintenance_notice_min", "ministry-of-silly-walks")
    assert refused.value.code == "law.unknown_profile"


def test_the_register_is_whole():
    assert (len(LAW.register.duties), len(LAW.register.level3), len(LAW.register.circular21)) == (548, 353, 156)
    assert len(LAW.register.ids) == 548 + 353 + 156


def test_roles_exclude_each_other_both_ways():
    assert set(LAW.roles) >= {
        "security-officer", "approver", "administrator", "on-call-operator", "case-officer", "auditor", "key-manager",
        "procedure-contact", "unit-leader",
        "police-inspector", "population-manager",
    }  # fmt: skip
    for role in LAW.roles.values():
        for other in role.incompatible_with:
            assert role.id in LAW.roles[other].incompatible_with


def test_what_was_loaded_cannot_be_changed():
    parameter = LAW.parameter("dormant_account", "national-portal-2020")

    with pytest.raises(TypeError):
        parameter.value["then"] = "nothing"
    with pytest.raises(dataclasses.FrozenInstanceError):
        parameter.unit = "day"
    with pytest.raises(TypeError):
        LAW.roles["nobody"] = LAW.roles["auditor"]


def test_the_digest_depends_on_bytes_and_names_alone(tmp_path: Path):
    copy = make_policies(tmp_path)
    same = policies.digest(copy)
    os.utime(copy / "operator.yaml", (0, 0))
    moved = tmp_path / "elsewhere"
    shutil.copytree(copy, moved)

    assert same == policies.digest(copy) == policies.digest(moved) == LAW.digest
    (copy / "operator.yaml").write_bytes((copy / "operator.yaml").read_bytes() + b"\n")
    (moved / "operator.yaml").rename(moved / "operators.yaml")
    assert len({same, policies.digest(copy), policies.digest(moved)}) == 3


WRONG = [
    ("operator.yaml", "    unit: minute\n", "    units: minute\n", "policy.unknown_key"),
    ("operator.yaml", "session_idle_admin_minutes", "session_idle_minutes", "policy.duplicate_id"),
    ("operator.yaml", '    citation: "operator-policy"\n', "", "policy.missing_citation"),
    ("operator.yaml", '    citation: "operator-policy"\n', '    citation: ""\n', "policy.missing_citation"),
    ("profiles/national-portal-2020.yaml", "decree: decree-118-2025", "decree: d-1", "policy.unknown_reference"),
    ("profiles/national-portal-2020.yaml", "id: national-portal-2020", "id: portal", "policy.conflict"),
    ("profiles/national-portal-2020.yaml", "- name: security_server_change_notice", "- name: maintenance_notice_min",
     "policy.duplicate_id"),
    ("national.yaml", "rule: strictest", "rule: whichever", "policy.wrong_value"),
    ("roles.yaml", "incompatible_with: [administrator, approver, ", "incompatible_with: [administrator, ",
     "policy.unknown_reference"),
    ("roles.yaml", "      - cases:file:read", "      - read everything", "policy.wrong_value"),
    ("roles.yaml", "      - cases:file:open\n", "      - cases:file:open\n      - privilege:document:file\n",
     "policy.not_separated"),
    ("roles.yaml", "[administrator, auditor, police-inspector, population-manager]\n    permissions:\n      - cases:",
     "[auditor]\n    permissions:\n      - cases:", "policy.unknown_reference"),
    ("register.yaml", "- id: S0-4.4\n", "- id: S0-4.3\n", "policy.duplicate_id"),
    ("register.yaml", "  - maintenance_notice_min\n", "  - maintenance_notice\n", "policy.unknown_reference"),
    ("classification.yaml", "outside: []", "outside: [{ids: [S9-1], reason_vi: x, reason_en: x}]", "law.unknown_id"),
    ("classification.yaml", "operated:", "operate:", "policy.unknown_key"),
    ("decrees.yaml", "from: 2025-07-01", "from: 2025-07-32", "policy.wrong_value"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "code"), WRONG)
def test_a_wrong_policy_file_is_refused(tmp_path: Path, file: str, old: str, new: str, code: str):
    folder = make_policies(tmp_path)
    change(folder / file, old=old, new=new)

    with pytest.raises(PolicyError) as refused:
        policies.load(folder)

    assert (refused.value.code, refused.value.exit_status) == (code, 2)
    assert refused.value.details["file"] == Path(file).name


def test_an_unknown_key_is_refused_at_its_own_line(tmp_path: Path):
    folder = make_policies(tmp_path)
    line = change(folder / "roles.yaml", old="    ldap_group: auditor", new="    group: auditor")

    with pytest.raises(PolicyError) as refused:
        policies.load(folder)

    assert refused.value.details["line"] == line
    assert f"roles.yaml, dòng {line}" in refused.value.message_vi
    assert f"roles.yaml, line {line}" in refused.value.message_en
