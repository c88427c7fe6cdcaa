"""`vonglau vault`: the keys that wrap the vault's data keys, for whoever administers the signer's host.

Not for: secrets; no command shows or takes one.
"""

from __future__ import annotations

import os

import click

from control.commands.speech import Speech, pass_speech


@click.group()
def vault() -> None:
    """Kho bí mật / the vault of secrets."""


@vault.group()
def key() -> None:
    """Khoá bọc của kho / the keys that wrap the vault's data keys."""


@key.command(name="list")
@pass_speech
def list_keys(speech: Speech) -> None:
    """Liệt kê tên khoá bọc / list the names of the keys."""
    from control.privilege.vault.custody import Custody
    from control.settings import Settings

    os.environ.update(speech.environment("worker", os.environ))
    names = Custody.beside(Settings.from_env(os.environ).signer_socket).keys()
    speech.say({"keys": list(names), "current": names[-1]}, text="\n".join(names))


@key.command()
@click.option("--dry-run", is_flag=True, help="chỉ cho biết / only tell what would be done")
@pass_speech
def rotate(speech: Speech, *, dry_run: bool) -> None:
    """Làm khoá bọc mới, bọc lại, bỏ khoá cũ / make a new key, wrap anew, forget the old one. Safe to run again."""
    from datetime import UTC, datetime

    import policies
    from control.acts import Act
    from control.db import Database
    from control.privilege.vault.custody import Custody
    from control.privilege.vault.rewrapping import count_wrapped, rewrap_all
    from control.settings import Settings
    from control.writers import make_writer

    os.environ.update(speech.environment("worker", os.environ))
    settings, law = Settings.from_env(os.environ), policies.load()
    database, custody = Database(settings.database_url), Custody.beside(settings.signer_socket)
    with database.unit_of_work() as session:
        wrapped = count_wrapped(session)
    if dry_run:
        speech.say(
            {"versions": wrapped, "keys": list(custody.keys())},
            text=speech.pick(f"Sẽ bọc lại {wrapped} khoá dữ liệu.", f"Would wrap {wrapped} data keys anew."),
        )
        return
    writer = make_writer(settings, law)
    writer.follow(database.engine)
    new = custody.add_key()
    act = Act.for_system("vault-key-rotate", now=datetime.now(UTC), writer=writer, policy_digest=law.digest)
    with database.unit_of_work() as session:
        count = rewrap_all(session, custody=custody, act=act)
    gone = custody.forget_keys()
    database.engine.dispose()
    speech.say(
        {"new": new, "versions": count, "gone": list(gone)},
        text=speech.pick(f"Khoá mới {new}; đã bọc lại {count}.", f"New key {new}; {count} wrapped anew."),
    )
