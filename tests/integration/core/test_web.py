"""What every answer carries, and what happens to a request that is not in order."""

import pytest
from sqlalchemy import text

from control.errors import Conflict

SIGNED_IN_PAGE = "/trail"


def outbox_count(app):
    with app.extensions["vonglau"].database.engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM audit_outbox")).scalar_one()


@pytest.mark.attack("D7")
def test_d7_every_answer_carries_the_strict_policy(client):
    for path in ("/sign-in", "/no-such-page", "/static/tokens.css"):
        answer = client.get(path)
        headers = answer.headers
        answer.close()

        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.attack("D7")
def test_d7_pages_are_not_kept_by_caches(client):
    assert client.get("/sign-in").headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("S0-4.4")
def test_a_visitor_is_sent_to_sign_in_and_the_refusal_is_an_entry(client, app):
    before = outbox_count(app)

    answer = client.get(SIGNED_IN_PAGE)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in?next=/trail")
    assert outbox_count(app) == before + 1


def test_an_unknown_address_is_a_page_with_a_reference_number(client):
    answer = client.get("/no-such-page")

    assert answer.status_code == 404
    assert "Mã tra cứu" in answer.text


def test_a_program_gets_the_same_error_as_json(client):
    answer = client.get("/no-such-page", headers={"Accept": "application/json"})

    assert answer.status_code == 404
    assert answer.json["error"]["code"] == "not_found"
    assert answer.json["error"]["details"]["reference"]


def test_english_is_one_word_away(client):
    assert "Reference" in client.get("/no-such-page?lang=en").text


@pytest.mark.attack("D5")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/page"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_d5_a_form_from_another_site_is_refused_and_recorded(client, app, headers):
    before = outbox_count(app)

    answer = client.post("/sign-in", data={"login": "mau.nt"}, headers=headers)

    assert answer.status_code == 403
    assert outbox_count(app) == before + 1


@pytest.mark.attack("D5")
def test_d5_a_form_without_its_token_is_refused(client):
    answer = client.post("/sign-in", data={"login": "mau.nt"}, headers={"Origin": "https://localhost"})

    assert answer.status_code == 422
    assert "csrf" not in answer.text.lower().split("</head>")[1] or "Biểu mẫu đã hết hạn" in answer.text


def test_what_is_too_large_is_refused_before_it_is_read(client):
    answer = client.post("/sign-in", data=b"x" * 16, headers={"Content-Length": str(10**10)})

    assert answer.status_code in {403, 413, 422}


def test_a_method_that_is_not_taken_says_so(client):
    answer = client.delete("/sign-in", headers={"Origin": "https://localhost"})

    assert answer.status_code == 405


@pytest.mark.parametrize("path", ["/%00", "/%ff%fe", "/" + "a" * 5000, "/trail?from=%ff", "/..%2f..%2fetc/passwd"])
def test_no_address_makes_a_crash(client, path):
    assert client.get(path).status_code < 500


def test_another_host_name_is_refused(client):
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


def test_the_health_page_needs_nobody_and_tells_nothing(client):
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert "postgresql" not in answer.text.lower()


def test_when_the_journal_cannot_be_written_the_answer_is_503_in_words(make_app):
    app = make_app(VONGLAU_DATABASE_URL="postgresql://vl_web:x@127.0.0.1:1/none")
    browser = app.test_client()

    answer = browser.get("/trail", base_url="https://localhost")

    assert answer.status_code == 503
    assert "Không ghi được nhật ký kiểm toán nên việc chưa được thực hiện" in answer.text


def test_whoever_comes_second_at_the_same_moment_is_told_so_and_changes_nothing(app, caplog):
    database = app.extensions["vonglau"].database

    def insert():
        with database.unit_of_work() as session:
            session.execute(text("INSERT INTO unit (key, title, first_seen_at) VALUES ('mot', 'Một', now())"))

    insert()
    with pytest.raises(Conflict) as told:
        insert()

    assert told.value.code == "database.at_once"
    assert [record.constraint for record in caplog.records if record.message == "done_at_once"] == ["uq_unit_key"]
    with database.unit_of_work() as session:
        assert session.execute(text("SELECT count(*) FROM unit WHERE key = 'mot'")).scalar_one() == 1
