"""The processes of the product: `vonglau up|serve|worker|monitor|signer`.

Not for: what a process does; each body lives with its wing. In production a unit of the host's service manager
starts each of them with its settings in the environment; `bin/up` starts them with `--data`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from control.settings import Settings
    from control.stand.data import DataFolder

DEFAULT_PROFILE = "ministry-construction-2025"


@click.command()
@click.option("--detach", is_flag=True, help="chạy nền / return when the first page answers")
@click.option("--stop", is_flag=True, help="dừng những gì thư mục này đã chạy / end what the folder started")
@click.option("--reset", is_flag=True, help="làm lại từ đầu / from nothing")
@click.option("--profile", default=DEFAULT_PROFILE, help="hồ sơ quy định / regulation profile")
@click.option("--without", multiple=True, metavar="PART", help="không chạy phần này / leave this part out")
@click.option("--code", metavar="LOGIN", help="mã 6 số của người minh hoạ / present code of a demo person")
@click.option("--hold", metavar="PART", help="dừng một phần để thử lỗi / stop one part, to show a fault")
@click.option("--release", metavar="PART", help="chạy lại phần đó / start that part again")
@pass_speech
def up(
    speech: Speech,
    *,
    detach: bool,
    stop: bool,
    reset: bool,
    profile: str,
    without: tuple[str, ...],
    code: str | None,
    hold: str | None,
    release: str | None,
) -> None:
    """Chạy cả hệ thống với một bộ minh hoạ / run the whole product with a demonstration ministry."""
    from control.stand import start
    from control.stand.data import CHECKOUT, DataFolder

    data = DataFolder.at(speech.data_dir())
    if code:
        speech.say({"code": _present_code(data, login=code)}, text=_present_code(data, login=code))
        return
    if hold or release:
        start.request(data, part=hold or release or "", wish="hold" if hold else "release")
        return
    if stop or reset:
        had_any = start.stop(data)
        if had_any or stop:
            speech.note(
                "Đã dừng." if had_any else f"Không có gì đang chạy trong {data.named}.",
                "Stopped." if had_any else f"Nothing runs in {data.named}.",
            )
        if stop:
            return
        data.wipe()
    address = start.running_address(data)
    if address is not None:
        speech.say({"url": address, "running": True}, text=speech.pick(f"Đang chạy: {address}", f"Running: {address}"))
        click.get_current_context().exit(0 if detach else 1)
    if detach:
        start.detach(data, profile=profile, without=without, language=speech.language)
        content = start.read_up_file(data)
        losses = start.told_while_starting(data)
        if losses:
            click.echo(losses, err=True)
        if speech.as_json:
            speech.say({"url": content["url"], "running": True}, text="")
        else:
            start.tell_how_to_sign_in(data, say=_say_with(speech, err=False), is_detached=True)
        return
    code_folder = Path(os.environ.get("VONGLAU_CODE") or CHECKOUT)
    start.run_in_foreground(
        data, profile=profile, code=code_folder, say=_say_with(speech, err=speech.as_json), without=without
    )


def _say_with(speech: Speech, *, err: bool) -> Callable[[str, str], None]:
    """Return how the stand speaks to the person: one sentence in the language chosen."""

    def say(vi: str, en: str) -> None:
        click.echo(speech.pick(vi, en), err=err)

    return say


def _present_code(data: DataFolder, *, login: str) -> str:
    """Return the six digits a demonstration person's authenticator would show now."""
    import pyotp

    from control.stand import start
    from control.stand.errors import StandError

    people = start.read_up_file(data)["people"] if start.running_address(data) is not None else []
    secret = next((person["totp_secret"] for person in people if person["name"] == login), None)
    if secret is None:
        raise StandError(
            "stand.no_code",
            vi=f"Không có mã cho {login}: chưa chạy, không có người này, hoặc người này đăng ký bằng mã QR",
            en=f"No code for {login}: nothing runs, nobody has this name, or they enrol by QR",
            exit_status=2,
        )
    return pyotp.TOTP(secret).now()


def _settings(speech: Speech, process: str) -> Settings:
    """Return the settings of a process of the running product, or of the environment in production."""
    from control import logging
    from control.settings import Settings

    logging.configure()
    os.environ.update(speech.environment(process, os.environ))
    return Settings.from_env(os.environ)


@click.command()
@click.option("--host", default="127.0.0.1", help="địa chỉ lắng nghe / address to listen on")
@click.option("--port", type=int, help="cổng; mặc định VONGLAU_WEB_PORT hoặc 8000 / port")
@click.option("--workers", type=int, default=2, help="số tiến trình con / worker processes")
@click.option("--threads", type=int, default=8, help="số luồng mỗi tiến trình / threads each")
@pass_speech
def serve(speech: Speech, *, host: str, port: int | None, workers: int, threads: int) -> None:
    """Chạy trang web / run the web."""
    from gunicorn.app.base import BaseApplication

    settings = _settings(speech, "web")
    chosen_port = port or int(os.environ.get("VONGLAU_WEB_PORT") or 8000)

    class Web(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
        """gunicorn with our settings instead of a file of its own."""

        def load_config(self) -> None:
            """Take the few settings that matter here."""
            for name, value in {
                "bind": [f"{host}:{chosen_port}"],
                "workers": workers,
                "threads": threads,
                "worker_class": "gthread",
                "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108 - heartbeat only
                "control_socket_disable": True,
                "proc_name": "vonglau-web",
                "limit_request_line": 4094,
                "graceful_timeout": 10,
            }.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Any:
            """Build the application in each worker, after the fork."""
            from control import create_app

            return create_app(settings)

    Web().run()


@click.command()
@pass_speech
def worker(speech: Speech) -> None:
    """Chạy việc nền, lịch và playbook / run jobs, schedules and playbooks."""
    settings = _settings(speech, "worker")
    from control.operations.jobs.worker import run

    run(settings)


@click.command()
@click.option("--port", type=int, help="cổng; mặc định VONGLAU_MONITOR_PORT / port")
@pass_speech
def monitor(speech: Speech, *, port: int | None) -> None:
    """Đưa số đo cho Prometheus / expose measurements to Prometheus."""
    settings = _settings(speech, "monitor")
    from monitors.exporter import run

    run(database_url=settings.database_url, port=port or int(os.environ.get("VONGLAU_MONITOR_PORT") or 9109))


@click.command()
@pass_speech
def signer(speech: Speech) -> None:
    """Giữ khoá và ký các mốc của nhật ký / keep the key and sign the trail's checkpoints."""
    settings = _settings(speech, "signer")
    from control.commands.audit import run_signer

    run_signer(settings)
