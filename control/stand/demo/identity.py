"""One step of the walk: an agreement is recorded, and a citizen signs in by the simulated electronic identity.

Not for: production. The citizen, like everybody at the simulated provider, is invented.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from control.stand.demo.visitor import Answer, NotOfferedError, Visitor

PROVIDER = "e-id"
CITIZEN, PHRASE = "congdan.a", "dinh-danh-a"  # an invented person at the simulator
AGREEMENTS = "/privilege/agreements"
TITLE = "Ghi thoả thuận; công dân đăng nhập bằng định danh điện tử mô phỏng, câu trả lời dùng lại thì bị từ chối"


def sign_in_by_identity(*, officer: Visitor, url: str) -> tuple[dict[str, str], str]:
    """Record the agreement when none is in force, then walk to the provider and back. Raises NotOfferedError."""
    if "/sign-in/provider/" not in Visitor(url=url).get("/sign-in").text:
        form = officer.get(AGREEMENTS).form(f"{AGREEMENTS}$", holds="document")
        officer.submit(form, provider=PROVIDER)
    citizen = Visitor(url=url)
    sent = citizen.press(citizen.get("/sign-in").form(f"/sign-in/provider/{PROVIDER}"))
    back = _at_provider(sent)
    page = citizen.get(back)
    done = citizen.submit(page.form("/return"))
    if not citizen.is_signed_in:
        raise NotOfferedError(f"the citizen was not let in: {done.status}")
    level = citizen.get("/account").find(r">\s*(trung bình|cao)\s*<")
    again = Visitor(url=url, cookies=dict(citizen.cookies))
    second = again.press(again.get(back).form("/return"))
    if second.status != HTTPStatus.UNAUTHORIZED:
        raise NotOfferedError(f"an answer used twice was answered with {second.status}")
    return {"provider": PROVIDER, "citizen": CITIZEN}, f"{CITIZEN} vào ở mức {level}; câu trả lời dùng lại bị từ chối"


def _at_provider(sent: Answer) -> str:
    """Fill in the provider's form and return the path it sends the browser back to."""
    where = urlsplit(sent.headers["location"])
    visitor = Visitor(url=f"{where.scheme}://{where.netloc}")
    form = visitor.get(f"{where.path}?{where.query}").form("/authorize")
    answer = visitor.press(form, username=CITIZEN, password=PHRASE)
    target = urlsplit(answer.headers["location"])
    return f"{target.path}?{target.query}"
