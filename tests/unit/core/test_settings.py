"""The environment is checked whole, and production refuses what is unsafe."""

import base64

import pytest

from control.settings import SETTING_DESCRIPTIONS, Mode, Settings, SettingsError

GOOD = {
    "VONGLAU_MODE": "test",
    "VONGLAU_DATABASE_URL": "postgresql://vl_web:x@127.0.0.1/vonglau",
    "VONGLAU_BASE_URL": "http://localhost:5000/",
    "VONGLAU_SECRET_KEY": "k" * 32,
    "VONGLAU_PROFILE": "ministry-construction-2025",
    "VONGLAU_STATE_DIR": "/var/lib/vonglau",
}
PRODUCTION = GOOD | {
    "VONGLAU_MODE": "production",
    "VONGLAU_BASE_URL": "https://vonglau.example",
    "VONGLAU_LDAP_URL": "ldaps://ldap.example",
    "VONGLAU_LDAP_CA_FILE": "/etc/vonglau/ca.pem",
    "VONGLAU_FACTOR_KEY": base64.b64encode(bytes(32)).decode(),
}


def faults(environment):
    with pytest.raises(SettingsError) as raised:
        Settings.from_env(environment)
    return raised.value.faults


def test_good_settings_are_read_and_frozen():
    settings = Settings.from_env(GOOD)

    assert settings.mode is Mode.TEST
    assert settings.database_url.startswith("postgresql+psycopg://")
    assert settings.base_url == "http://localhost:5000"
    with pytest.raises(AttributeError):
        settings.profile = "other"


def test_an_empty_environment_reports_every_missing_setting_at_once():
    text = "\n".join(faults({}))

    for name in ("DATABASE_URL", "BASE_URL", "SECRET_KEY", "PROFILE", "STATE_DIR"):
        assert f"VONGLAU_{name}" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VONGLAU_DATABASE_URL", "sqlite:///x"),
        ("VONGLAU_BASE_URL", "localhost"),
        ("VONGLAU_SECRET_KEY", "short"),
        ("VONGLAU_FACTOR_KEY", "not base64!"),
        ("VONGLAU_FACTOR_KEY", base64.b64encode(b"short").decode()),
        ("VONGLAU_LDAP_URL", "http://ldap"),
        ("VONGLAU_TRUSTED_PROXIES", "-1"),
        ("VONGLAU_TRUSTED_PROXIES", "٣"),
        ("VONGLAU_PORTAL_KEY_FILE", "/does/not/exist"),
    ],
)
def test_an_unusable_value_is_named(name, value):
    found = faults(GOOD | {name: value})

    assert len(found) == 1
    assert name in found[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VONGLAU_BASE_URL", "http://vonglau.example"),
        ("VONGLAU_LDAP_URL", ""),
        ("VONGLAU_LDAP_CA_FILE", ""),
        ("VONGLAU_FACTOR_KEY", ""),
        ("VONGLAU_SEPARATION", "off"),
        ("VONGLAU_ELASTICSEARCH_URL", "http://search.example:9200"),
        ("VONGLAU_PORTAL_URL", "http://portal.example"),
    ],
)
def test_production_refuses_an_unsafe_value(name, value):
    assert Settings.from_env(PRODUCTION).is_production

    assert any(name in fault for fault in faults(PRODUCTION | {name: value}))


def test_the_mode_is_production_unless_something_else_is_asked_for():
    without_mode = {name: value for name, value in PRODUCTION.items() if name != "VONGLAU_MODE"}

    assert Settings.from_env(without_mode).is_production


def test_an_unknown_mode_is_named_and_judged_as_production():
    found = faults(GOOD | {"VONGLAU_MODE": "debug"})

    assert "VONGLAU_MODE" in found[0]
    assert any("VONGLAU_BASE_URL" in fault for fault in found)


def test_a_secret_comes_from_a_file_and_never_shows_in_a_trace(tmp_path):
    secret = tmp_path / "key"
    secret.write_text("s" * 40 + "\n", encoding="utf-8")
    environment = {name: value for name, value in GOOD.items() if name != "VONGLAU_SECRET_KEY"}

    settings = Settings.from_env(environment | {"VONGLAU_SECRET_KEY_FILE": str(secret)})

    assert settings.secret_key == "s" * 40
    assert "sss" not in repr(settings)


def test_every_setting_is_described_for_the_readme():
    described = {name.lower() for name in SETTING_DESCRIPTIONS}

    assert described == set(Settings.__dataclass_fields__)


@pytest.mark.parametrize("name", ["WITNESS_URL", "WITNESS_KEY", "TSA_URL", "TSA_CA_FILE"])
def test_half_of_a_pair_is_refused_because_it_could_not_be_checked(name):
    value = "https://outside.test" if name.endswith("URL") else "/etc/outside"

    with pytest.raises(SettingsError, match=f"{name}.*both are needed"):
        Settings.from_env(PRODUCTION | {f"VONGLAU_{name}": value})


def test_a_witness_elsewhere_is_asked_over_https_only():
    with pytest.raises(SettingsError, match="WITNESS_URL: cần https"):
        Settings.from_env(PRODUCTION | {"VONGLAU_WITNESS_URL": "http://witness.test", "VONGLAU_WITNESS_KEY": "any"})
