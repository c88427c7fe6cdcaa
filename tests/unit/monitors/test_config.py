"""The rendered configuration of the watchers, judged by the watchers themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from monitors.config import Watched, render_alertmanager, render_blackbox, render_prometheus

WATCHED = Watched(
    exporter="127.0.0.1:9109",
    alertmanager="127.0.0.1:9093",
    blackbox="127.0.0.1:9115",
    portal_url="http://127.0.0.1:8900",
)


def accepted(program: str, *arguments: str) -> bool:
    found = shutil.which(program)
    assert found is not None, f"{program} is not installed"
    return subprocess.run([found, *arguments], capture_output=True, check=False).returncode == 0


def test_prometheus_accepts_its_configuration_with_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(render_prometheus(WATCHED), encoding="utf-8")

    assert accepted("promtool", "check", "config", str(file))


def test_alertmanager_accepts_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t" * 40)
    file = tmp_path / "alertmanager.yml"
    url = "http://127.0.0.1:8000/hooks/alertmanager"
    file.write_text(render_alertmanager(receiver_url=url, token_file=tmp_path / "token"), encoding="utf-8")

    assert accepted("amtool", "check-config", str(file))


def test_the_prober_accepts_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "blackbox.yml"
    file.write_text(render_blackbox(), encoding="utf-8")

    assert accepted("prometheus-blackbox-exporter", f"--config.file={file}", "--config.check")


def test_the_time_out_of_a_scrape_is_never_longer_than_its_interval() -> None:
    settings = yaml.safe_load(render_prometheus(WATCHED, scrape_seconds=3))["global"]

    assert settings["scrape_timeout"] == settings["scrape_interval"] == settings["evaluation_interval"] == "3s"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://cong.minh-hoa.test/api", "cong.minh-hoa.test:443"),
        ("http://cong.minh-hoa.test", "cong.minh-hoa.test:80"),
        ("http://127.0.0.1:8900", "127.0.0.1:8900"),
    ],
)
def test_the_port_of_the_portal_is_found_in_its_address(url: str, address: str) -> None:
    watched = Watched(exporter="e:1", alertmanager="a:1", blackbox="b:1", portal_url=url)

    jobs = yaml.safe_load(render_prometheus(watched))["scrape_configs"]

    assert jobs[1]["static_configs"][0]["targets"] == [address]


def test_a_value_cannot_add_a_key_of_its_own() -> None:
    url = 'http://127.0.0.1/"\nglobal: {x: 1}\n#'

    config = yaml.safe_load(render_alertmanager(receiver_url=url, token_file=Path("/t")))

    assert set(config) == {"route", "receivers", "inhibit_rules"}
    assert config["receivers"][0]["webhook_configs"][0]["url"] == url
