"""The command `vonglau`: groups loaded when named, one way to speak to people and to machines.

Not for: behaviour. Exit status: 0 done or yes, 1 no, 2 bad input or usage, 3 something behind is down or missing.
With `--json` standard output holds exactly one document, an error included.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from control.commands.speech import Speech
from control.version import VERSION

GROUPS = {
    "accounts": ("control.privilege.lifecycle.commands:accounts", "tài khoản đặc quyền / privileged accounts"),
    "audit": ("control.commands.audit:audit", "nhật ký kiểm toán / the audit trail"),
    "case": ("control.commands.law:case", "đồng hồ hồ sơ / a case's clock"),
    "compliance": ("control.assurance.compliance.commands:compliance", "tuân thủ / compliance posture"),
    "db": ("control.commands.db:db", "cơ sở dữ liệu / the database"),
    "demo": ("control.commands.demo:demo", "đi hết sợi chỉ vàng / walk the golden thread"),
    "law": ("control.commands.law:law", "luật dạng dữ liệu / law as data"),
    "monitor": ("control.commands.processes:monitor", "tiến trình giám sát / the monitor process"),
    "notice": ("control.commands.law:notice", "hạn thông báo bảo trì / maintenance notice"),
    "operations": ("control.operations.commands:operations", "vận hành / operations"),
    "people": ("control.people.commands:people", "con người / people"),
    "privilege": ("control.privilege.commands:privilege", "đặc quyền / privilege"),
    "serve": ("control.commands.processes:serve", "tiến trình web / the web process"),
    "signer": ("control.commands.processes:signer", "tiến trình ký / the signing process"),
    "time": ("control.commands.law:time", "giờ làm việc / working time"),
    "up": ("control.commands.processes:up", "chạy cả hệ thống / run the whole product"),
    "vault": ("control.privilege.vault.commands:vault", "kho bí mật / the vault of secrets"),
    "witness": ("control.commands.witness:witness", "tiến trình làm chứng / the witness process"),
    "worker": ("control.commands.processes:worker", "tiến trình nền / the worker process"),
}


class LazyGroup(click.Group):
    """Imports a command's module only when it is called, so that pure commands start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        return sorted(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command, or None when the name is unknown."""
        if cmd_name not in GROUPS:
            return None
        module, _, attribute = GROUPS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the groups without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in sorted(GROUPS.items())])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="vonglau")
def vonglau() -> None:
    """Vọng Lâu: control plane of an administrative-procedure system at security level 3.

    Every command also takes --json, --lang vi|en and --data DIR.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status; `--json`, `--lang` and `--data` may stand anywhere."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    speech = Speech.from_words(words, environment=os.environ)
    try:
        # Outside its standalone mode click hands back the status of `ctx.exit` instead of raising it.
        status = vonglau.main(args=speech.words, prog_name="vonglau", standalone_mode=False, obj=speech)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except click.ClickException as error:
        sys.exit(speech.usage_error(error))
    except click.Abort:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  # the last door: every error leaves as a sentence and a status
        sys.exit(speech.failure(error))
    sys.exit(status if isinstance(status, int) else 0)
