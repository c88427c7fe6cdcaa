"""The product's own processes and their companions, as daemons of one data directory."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

from control.stand import process
from control.stand.accounts import account_for, folder
from control.stand.daemon import Daemon
from control.stand.environment import Addresses
from control.stand.ports import PortBook, page_answers
from control.stand.prometheus import alertmanager_server, blackbox_exporter, prometheus_server
from control.stand.secrets import StandSecrets
from monitors.config import Watched

BEHIND_THE_WEB = ("signer", "witness", "audit", "worker", "pruner", "monitor")
COMMANDS: dict[str, tuple[str, ...]] = {
    "web": ("serve",),
    "worker": ("worker",),
    "audit": ("audit", "run"),
    "signer": ("signer",),
    "witness": ("witness",),
    "pruner": ("audit", "keep"),
    "monitor": ("monitor",),
}
WEB_START_SECONDS = 60.0


def own_programs(home: Path, *, code: Path, addresses: Addresses) -> list[Daemon]:
    """Return the processes of the product: `vonglau serve`, `worker`, `audit run`, `signer`, `witness`, `monitor`."""
    daemons = []
    for name, words in COMMANDS.items():
        command = [sys.executable, "-m", "control", *words, "--data", str(home)]
        daemons.append(
            Daemon(
                name=name,
                launch=_launch(name, command=command, home=home, code=code),
                is_ready=(lambda: page_answers(f"{addresses.base_url}/healthz")) if name == "web" else None,
                start_seconds=WEB_START_SECONDS,
            )
        )
    return daemons


def template_command(home: Path, *, code: Path) -> process.Launch:
    """Return the short-lived process that puts the index template in place; it alone has the keeper's password."""
    command = [sys.executable, "-m", "control", "audit", "template", "--data", str(home)]
    return process.Launch(
        command=command,
        account=None,
        log_file=home / "log" / "template.log",
        environment=process.base_environment(
            HOME=str(home / "state" / "keeper"), PYTHONPATH=str(code), PYTHONSAFEPATH="1"
        ),
    )


def companion(
    name: str, *, home: Path, code: Path, book: PortBook, addresses: Addresses, secrets: StandSecrets
) -> Daemon:
    """Return one of the programs around the product: monitoring, or one of the simulators."""
    port = book.port_for(name)
    if name == "prometheus":
        watched = Watched(
            exporter=f"127.0.0.1:{addresses.monitor_port}",
            alertmanager=urlsplit(addresses.alertmanager).netloc,
            blackbox=f"127.0.0.1:{book.port_for('blackbox')}",
            portal_url=addresses.portal,
        )
        return prometheus_server(home / name, port=port, watched=watched)
    if name == "alertmanager":
        return alertmanager_server(
            home / name,
            port=port,
            receiver_url=f"{addresses.base_url}/hooks/alertmanager",
            token=secrets.alertmanager_token,
        )
    if name == "blackbox":
        return blackbox_exporter(home / name, port=port)
    if name == "identity":
        back = f"{addresses.base_url}/sign-in/provider/e-id/return"
        words = ("--redirect-uri", back)
        return _simulator(
            name, "identity_provider", home=home, port=port, code=code, key=secrets.identity_key, words=words
        )
    if name == "sms":
        return _simulator(name, "sms", home=home, port=port, code=code, key=secrets.sms_key, account=name)
    if name == "mail":
        words = ("--page-port", str(book.port_for("mail-page")))
        return _simulator(name, "mail_relay", home=home, port=port, code=code, key="", words=words, account=name)
    if name == "signing":
        trust = folder(signing_trust(home), account=account_for(name), mode=0o755)
        places = ("--folder", str(home / "state" / name), "--trust", str(trust))
        return _simulator(
            name, "signing", home=home, port=port, code=code, key=secrets.signing_key, words=places, account=name
        )
    if name == "population":
        return _simulator(name, "population", home=home, port=port, code=code, key=secrets.population_key)
    return _simulator(name, "national_portal", home=home, port=port, code=code, key=secrets.portal_key)


def signing_trust(home: Path) -> Path:
    """Return where the simulated signing service puts its authority's files, for everybody to read."""
    return home / "state" / "signing-trust"


def _simulator(
    name: str,
    package: str,
    *,
    home: Path,
    port: int,
    code: Path,
    key: str,
    words: tuple[str, ...] = (),
    account: str = "simulator",
) -> Daemon:
    """Return one of the simulators, which import nothing from the product."""
    owner = account_for(account)
    state = folder(home / "state" / name, account=owner, mode=0o700)
    command = [sys.executable, "-m", f"tests.simulators.{package}", "--port", str(port), *words]
    launch = process.Launch(
        command=command,
        account=owner,
        log_file=home / "log" / f"{name}.log",
        environment=process.base_environment(
            HOME=str(state), PYTHONPATH=str(code), **{f"{name.upper()}_KEY": key, f"{name.upper()}_STATE": str(state)}
        ),
    )
    return Daemon(name=name, port=port, launch=launch)


def _launch(name: str, *, command: list[str], home: Path, code: Path) -> process.Launch:
    state = home / "state" / name
    return process.Launch(
        command=command,
        account=account_for(name),
        log_file=home / "log" / f"{name}.log",
        environment=process.base_environment(
            HOME=str(state), PYTHONPATH=str(code), PYTHONSAFEPATH="1", PYTHONUNBUFFERED="1"
        ),
    )
