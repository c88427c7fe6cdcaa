"""Prometheus, Alertmanager and the blackbox exporter from Debian, on loopback, with our rules and templates.

Their own units listen on every interface and are not used; the configuration is rendered by `monitors.config`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from control.stand import process
from control.stand.accounts import Account, account_for, folder, write_private
from control.stand.daemon import Daemon
from control.stand.ports import LOOPBACK
from monitors.config import Watched, render_alertmanager, render_blackbox, render_prometheus

RETENTION = "400d"  # monthly and yearly questions are answered from whole periods


class MonitoringMissingError(RuntimeError):
    """Raised when a program of the monitoring chain is not installed; the message names the package."""


def prometheus_server(data_dir: Path, *, port: int, watched: Watched) -> Daemon:
    """Return Prometheus with our rules, scraping what `watched` names."""
    account = account_for("prometheus")

    def prepare() -> None:
        _folders(data_dir, "tsdb", account=account)
        write_private(data_dir / "prometheus.yml", text=render_prometheus(watched), account=account)

    command = [
        _program("prometheus"),
        f"--config.file={data_dir / 'prometheus.yml'}",
        f"--storage.tsdb.path={data_dir / 'tsdb'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    return _daemon("prometheus", data_dir=data_dir, port=port, command=command, prepare=prepare)


def alertmanager_server(data_dir: Path, *, port: int, receiver_url: str, token: str) -> Daemon:
    """Return Alertmanager that hands every alert to the product's receiver."""
    account = account_for("alertmanager")

    def prepare() -> None:
        _folders(data_dir, "storage", account=account)
        token_file = write_private(data_dir / "token", text=token, account=account)
        text = render_alertmanager(receiver_url=receiver_url, token_file=token_file)
        write_private(data_dir / "alertmanager.yml", text=text, account=account)

    command = [
        _program("prometheus-alertmanager"),
        f"--config.file={data_dir / 'alertmanager.yml'}",
        f"--storage.path={data_dir / 'storage'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",  # no gossip with anybody
    ]
    return _daemon("alertmanager", data_dir=data_dir, port=port, command=command, prepare=prepare)


def blackbox_exporter(data_dir: Path, *, port: int) -> Daemon:
    """Return the exporter that probes from outside the application."""
    account = account_for("blackbox")

    def prepare() -> None:
        _folders(data_dir, "run", account=account)
        write_private(data_dir / "blackbox.yml", text=render_blackbox(), account=account)

    command = [
        _program("prometheus-blackbox-exporter"),
        f"--config.file={data_dir / 'blackbox.yml'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    return _daemon("blackbox", data_dir=data_dir, port=port, command=command, prepare=prepare)


def _program(name: str) -> str:
    path = shutil.which(name, path="/usr/bin:/usr/local/bin:/usr/sbin")
    if path is None:
        raise MonitoringMissingError(f"thiếu gói {name} / the package {name} is missing")
    return path


def _folders(data_dir: Path, inner: str, *, account: Account | None) -> None:
    folder(data_dir, account=None, mode=0o755)
    folder(data_dir / inner, account=account, mode=0o700)


def _daemon(name: str, *, data_dir: Path, port: int, command: list[str], prepare: Callable[[], None]) -> Daemon:
    return Daemon(
        name=name,
        port=port,
        prepare=prepare,
        launch=process.Launch(
            command=command,
            account=account_for(name),
            log_file=data_dir / "log",
            environment=process.base_environment(),
        ),
    )
