"""A small application that is nothing but the frame: no database, no neighbours, one fixed moment."""

# ruff: noqa: E501  -- a snippet of a template is one string

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, g, render_template, render_template_string, request
from flask.testing import FlaskClient
from flask_wtf.csrf import CSRFProtect

from control import frame
from control.frame import FrameFacts, Part, PartState

NOON = datetime(2026, 11, 25, 5, 0, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Person:
    id: int = 1
    name: str = "Nguyễn Thị Mẫu"
    roles: frozenset[str] = frozenset({"security-officer"})
    session_ends_at: datetime = NOON + timedelta(hours=5)


@dataclass(kw_only=True)
class Scene:
    """What a test may change before it asks for a page."""

    person: Person | None = field(default_factory=Person)
    parts: list[Part] = field(default_factory=list)


@pytest.fixture
def scene() -> Scene:
    return Scene(
        parts=[
            Part(name="Elasticsearch", state=PartState.BAD, since=NOON, meaning="tìm bằng PostgreSQL"),
            Part(name="slapd", state=PartState.GOOD, is_public=True),
        ]
    )


@pytest.fixture
def app(scene: Scene) -> Flask:
    app = Flask("control")
    app.config.update(SECRET_KEY="frame-tests-only", TESTING=True)
    CSRFProtect(app)
    frame.install(
        app,
        FrameFacts(
            version="0.1.0",
            organisation="Bộ Minh hoạ",
            profile="ministry-construction-2025",
            policy_digest="7d1e" + "0" * 56 + "04ac",
            is_demonstration=True,
            parts=lambda _now: scene.parts,
            role_title=lambda role, _language: {"security-officer": "Cán bộ an toàn thông tin"}.get(role, role),
        ),
    )

    @app.before_request
    def circumstances() -> None:
        g.now, g.actor = NOON, scene.person

    @app.get("/trail")
    def trail() -> str:
        return render_template("error.html", status=404, sentence="Không có gì ở địa chỉ này.", reference="7F3A-91C2")

    @app.get("/error/<int:status>")
    def error(status: int) -> str:
        return render_template(
            "error.html", status=status, sentence=request.args.get("sentence", "–"), reference="7F3A-91C2"
        )

    @app.get("/for-citizens")
    def for_citizens() -> str:
        return render_template_string(
            "{% extends 'public.html' %}{% block title %}Tra cứu{% endblock %}"
            "{% block subnav %}<nav aria-label='Dịch vụ công'><ul><li><a href='#' aria-current='page'>Tra cứu</a></li></ul></nav>"
            "{% endblock %}{% block content %}<h1>Hồ sơ của tôi đến đâu rồi?</h1>"
            "<form method='get'><label class='fw-bold' for='ma'>Mã hồ sơ</label><p class='meta' id='ma-g'>In trên giấy.</p>"
            "<input class='form-control' id='ma' name='ma' aria-describedby='ma-g'>"
            "<button class='btn btn-primary mt-2'>Tra cứu</button></form>{% endblock %}"
        )

    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
