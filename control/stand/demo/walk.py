"""The golden thread, walked once over real HTTP by the people of the demonstration: step by step, each with its proof.

Not for: production (it needs up.json, which only a demonstration writes). Invariants: every step presses only what a
page offers; what a step stopped is started again whatever happens; the whole can be walked again and again.
"""

from __future__ import annotations

import html
import http.client
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from audit.reconciliations import Reconciliation
from control.stand.demo import applicants, identity, register
from control.stand.demo.guarded import walk_break_glass, walk_review
from control.stand.demo.locking import lock_and_open_again
from control.stand.demo.population import PopulationStep
from control.stand.demo.proof import Proof, entries_in, prove, witnessed
from control.stand.demo.vault import Borrowing, borrow_and_return
from control.stand.demo.visitor import OK, NotOfferedError, Visitor

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ACCOUNT = "case-files.tra-cuu"
OFFICER, APPROVER, ADMINISTRATOR = "mau.nt", "vidu.l", "minhhoa.pm"
OPERATOR, HOLDER, AUDITOR, NEWCOMER = "thu.tv", "tap.dt", "giadinh.v", "nhap.ht"
REQUIREMENT = "ch.1.3.2"
FORBIDDEN = 403
REFUSALS = 6
SEARCH_SECONDS, ALERT_SECONDS, RUN_SECONDS, SEAL_SECONDS, NODE_SECONDS = 5.0, 150.0, 180.0, 60.0, 360.0
FINDING_SECONDS = 90.0
LOOK_SECONDS = 0.3
ALERT = "PortalLinkDown"
CODE = r"/operations/alerts/(CB-\d{4,})"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n"
FAILURES = (NotOfferedError, OSError, http.client.HTTPException, KeyError, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did and what was seen."""

    step: int
    title: str
    ok: bool
    ids: Mapping[str, str]
    seen: str


@dataclass(slots=True, kw_only=True)
class Walk:
    """One walk; every callable but `now` is what only the stand can do."""

    up: Mapping[str, Any]
    now: Callable[[], datetime]
    forget_factor: Callable[[str], None]
    refuse_alone: Callable[[str], str]
    compare_copies: Callable[[], tuple[Reconciliation, ...]]
    hold: Callable[[str], None]
    release: Callable[[str], None]
    folder: Path
    people: dict[str, Visitor] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    newcomer_key: str = field(default="", repr=False)

    def steps(self) -> Iterator[Step]:
        """Walk all; a step that fails says why, and the next ones say what they miss."""
        titles: tuple[tuple[str, Callable[[], tuple[dict[str, str], str]]], ...] = (
            ("Hai cán bộ đăng nhập bằng LDAP và mã một lần, người mới ghi danh bằng QR", self._people_sign_in),
            ("Yêu cầu, văn bản, phê duyệt của người thứ hai, cấp quyền", self._grant_on_a_document),
            ("Mở hồ sơ dưới cấp quyền; không có thì bị từ chối; tìm thấy trong dấu vết", self._open_and_search),
            ("Cổng mô phỏng dừng, quy tắc báo động, cảnh báo hiện kèm sổ tay", self._alert),
            ("Từ sổ tay, kịch bản chạy dưới giám sát, kết quả và mã băm đứng trên cảnh báo", self._run),
            ("Yêu cầu cấp độ 3 có bằng chứng; gói kiểm được ngoài mạng; sửa một byte là lộ", self._prove),
            ("Bản sao để tìm kiếm được so với sổ gốc, hai chiều, từng mục: trùng khớp", self._compare),
            ("Bị từ chối nhiều lần thành phát hiện; giải trình bằng văn bản, người khác đóng", self._explain_a_finding),
            ("Mốc ký có người làm chứng độc lập; gói mang theo chữ ký ấy và tự kiểm được", self._anchor),
            (identity.TITLE, self._sign_in_by_identity),
            (applicants.TITLE, applicants.ApplicantStep(up=self.up, person=self._person, now=self.now)),
            ("Cam kết ký số, đăng ký hai nơi, tra cứu dân cư cho một hồ sơ; thiếu thì bị từ chối", self._population()),
            ("Khoá ngay một tài khoản theo điện thoại, đồng hồ thông báo chạy; mở lại bằng biểu mẫu", self._lock),
            (register.TITLE, register.RegisterStep(up=self.up, person=self._person, now=self.now)),
            ("Bí mật mượn theo cấp quyền, hiện một lần, trả thì được thay; máy thật từ chối bí mật cũ", self._borrow),
            ("Chủ tài khoản rà soát quyền trong hạn; bằng chứng kiểm được bằng mã băm", self._review),
            ("Hai người niêm phong và phá niêm; dùng trong giờ từ một địa chỉ; đóng là bị đưa ra", self._break_glass),
        )
        try:
            for number, (title, act) in enumerate(titles, start=1):
                yield self._one(number, title, act)
        finally:
            self.release("portal")

    def _one(self, number: int, title: str, act: Callable[[], tuple[dict[str, str], str]]) -> Step:
        try:
            ids, seen = act()
        except FAILURES as error:
            missing = f"{type(error).__name__}: {error}"
            return Step(step=number, title=title, ok=False, ids=dict(self.ids), seen=missing)
        self.ids |= ids
        return Step(step=number, title=title, ok=True, ids=ids, seen=seen)

    # 1

    def _people_sign_in(self) -> tuple[dict[str, str], str]:
        for login in (OFFICER, APPROVER):
            self._person(login)
        self.forget_factor(NEWCOMER)
        newcomer = Visitor(url=self.up["url"], name=NEWCOMER)
        self.newcomer_key = newcomer.enrol(password=self._facts(NEWCOMER)["password"])
        return (
            {"officers": f"{OFFICER} {APPROVER}", "newcomer": NEWCOMER},
            f"{OFFICER}, {APPROVER} đã vào; {NEWCOMER} đọc khoá từ trang QR và đã vào",
        )

    def _sign_in_by_identity(self) -> tuple[dict[str, str], str]:
        return identity.sign_in_by_identity(officer=self._person(OFFICER), url=self.up["url"])

    # 2

    def _grant_on_a_document(self) -> tuple[dict[str, str], str]:
        self._end_earlier_grants()
        self._try_without_a_grant()
        code, number = self._file_request()
        refusal = self.refuse_alone(code)
        self._approve(code)
        grant = self._person(ADMINISTRATOR).get(f"/privilege/requests/{code}").find(r"(CQ-\d{4,})")
        return (
            {"document": number, "request": code, "grant": grant, "account": ACCOUNT},
            f"{number} → {code} → {APPROVER} duyệt → {grant}; tự duyệt bị cơ sở dữ liệu từ chối ({refusal})",
        )

    def _try_without_a_grant(self) -> None:
        """Let the holder-to-be try one case now: without a grant there is no opening."""
        holder = self._person(HOLDER)
        case = holder.get("/cases").find(r'href="/cases/(G\d{2}-\d{6}-\d{4})')
        status = self._open(holder, case)
        if status != FORBIDDEN:
            raise NotOfferedError(f"{HOLDER} opened {case} without a grant: {status}")
        self.ids["case"] = case

    def _end_earlier_grants(self, account: str = ACCOUNT) -> None:
        """Revoke what an earlier walk left, so that the refusal without a grant can be shown again."""
        administrator = self._person(ADMINISTRATOR)
        page = administrator.get(f"/privilege/accounts/{quote(account)}")
        for code in dict.fromkeys(re.findall(r"/privilege/grants/(CQ-\d{4,})", page.text)):
            shown = administrator.get(f"/privilege/grants/{code}")
            if f"/privilege/grants/{code}/revocation" in shown.text:
                form = shown.form(r"/revocation$")
                administrator.submit(form, reason="Kết thúc lần minh hoạ trước")

    def _file_request(self, account: str = ACCOUNT) -> tuple[str, str]:
        administrator = self._person(ADMINISTRATOR)
        local = self.now().astimezone(ZONE)
        number = f"{local:%H%M%S}/QĐ-BMH"
        day = f"{local:%d/%m/%Y}"
        form = administrator.get("/privilege/requests/new").form(r"/privilege/requests$")
        answer = administrator.submit(
            form,
            files={"file": ("quyet-dinh.pdf", "application/pdf", PDF + number.encode() + b"\n%%EOF\n")},
            account=account,
            holder=HOLDER,
            document="new",
            starts_at=f"{local - timedelta(minutes=1) if local.minute or local.hour else local:%d/%m/%Y %H:%M}",
            ends_at=f"{local + timedelta(hours=2):%d/%m/%Y %H:%M}",
            purpose="Thẩm định hồ sơ trong đợt minh hoạ",
            number=number,
            signed_on=day,
            issuing_unit="Bộ Minh hoạ",
            signer="Lê Ví Dụ",
            subject="Giao quyền mở dữ liệu cá nhân trong hồ sơ",
            valid_from=day,
            valid_to=f"{local + timedelta(days=30):%d/%m/%Y}",
        )
        if answer.status != OK or "/privilege/requests/YC-" not in answer.path:
            faults = " ".join(re.findall(r'class="fault"[^>]*>(?:<svg.*?</svg>)?\s*([^<]+)', answer.text))
            raise NotOfferedError(f"the request was not taken: {answer.status} {html.unescape(faults)}")
        return answer.path.rpartition("/")[2], number

    def _approve(self, code: str) -> None:
        approver = self._person(APPROVER)
        page = approver.get(f"/privilege/requests/{code}/approval")
        answer = approver.submit(page.form(r"/approval$"), verdict="approve")
        if answer.status != OK:
            raise NotOfferedError(f"{APPROVER} could not approve {code}: {answer.status}")

    # 3

    def _open_and_search(self) -> tuple[dict[str, str], str]:
        holder, grant = self._person(HOLDER), self.ids["grant"]
        case = self.ids["case"]
        self._wait_for(OFFICER, "/trail", "nguồn Elasticsearch", seconds=NODE_SECONDS)
        opened = self._open(holder, case)
        if opened != OK:
            raise NotOfferedError(f"{HOLDER} could not open {case} under {grant}: {opened}")
        deadline = time.monotonic() + SEARCH_SECONDS
        searches = (f"case={case}", f"account={ACCOUNT}&case={case}", "q=mở+hồ+sơ", "q=mo+ho+so")
        entry = ""
        for search in searches:
            path = f"/trail?outcome=success&action=cases:file:open&{quote(search, safe='=&+')}"
            left = max(LOOK_SECONDS, deadline - time.monotonic())
            page = self._wait_for(OFFICER, path, rf"(?s)nguồn Elasticsearch.*/trail/follow/grant/{grant}", seconds=left)
            entry = entry or self._first(page, r'href="/trail/(\d+)"')
        took = SEARCH_SECONDS - (deadline - time.monotonic())
        return (
            {"case": case, "entry": entry},
            f"{case}: chưa có cấp quyền 403, có {grant} 200; tìm thấy bốn cách sau {took:.1f} giây từ Elasticsearch",
        )

    def _open(self, visitor: Visitor, case: str) -> int:
        form = visitor.get(f"/cases/{case}").form(rf"/cases/{case}$")
        return visitor.submit(form, purpose="case.appraisal").status

    # 4

    def _alert(self) -> tuple[dict[str, str], str]:
        self._wait_until_quiet()
        operator = self._person(OPERATOR)
        known = set(re.findall(CODE, operator.get("/operations/alerts").text))
        self.hold("portal")
        began, code = time.monotonic(), ""
        while not code:
            page = operator.get("/operations/alerts").text
            fresh = [one for one in re.findall(CODE, page) if one not in known]
            code = next((one for one in fresh if ALERT in operator.get(f"/operations/alerts/{one}").text), "")
            if not code and time.monotonic() - began > ALERT_SECONDS:
                raise NotOfferedError(f"no {ALERT} within {ALERT_SECONDS:.0f} s; new alerts: {fresh or 'none'}")
            time.sleep(LOOK_SECONDS)
        shown = self._person(OPERATOR).get(f"/operations/alerts/{code}")
        runbook = shown.find(r"/operations/runbooks/([a-z-]+)")
        return {
            "alert": code,
            "runbook": runbook,
        }, f"{code} ({ALERT}) sau {time.monotonic() - began:.0f} giây → {runbook}"

    def _wait_until_quiet(self) -> None:
        """Wait until Prometheus no longer holds the alert of an earlier walk, so that the next one is new."""
        deadline = time.monotonic() + ALERT_SECONDS
        prometheus = Visitor(url=self.up["prometheus_url"])
        while ALERT in prometheus.get("/api/v1/alerts").text:
            if time.monotonic() > deadline:
                raise NotOfferedError(f"{ALERT} was burning before anything was stopped, and does not end")
            time.sleep(1.0)

    # 5

    def _run(self) -> tuple[dict[str, str], str]:
        operator, alert = self._person(OPERATOR), self.ids["alert"]
        page = operator.get(f"/operations/alerts/{alert}")
        answer = operator.submit(page.form(r"/runs?(/|$)"))
        code = answer.find(r"(LC-\d{4,})")
        told = r"(?s)SHA-256 của gói kết quả.*?((?:[0-9a-f]{8}\s+){7}[0-9a-f]{8})"
        on_run = self._wait_for(OPERATOR, f"/operations/runs/{code}", told, seconds=RUN_SECONDS)
        on_alert = self._wait_for(OPERATOR, f"/operations/alerts/{alert}", told, seconds=RUN_SECONDS)
        digest = re.sub(r"\s", "", self._first(on_run, told))
        if digest != re.sub(r"\s", "", self._first(on_alert, told)):
            raise NotOfferedError(f"{alert} does not show the digest of {code}")
        return {"run": code, "digest": digest}, f"{code} xong, SHA-256 của kết quả {digest[:8]}…, đứng trên {alert}"

    # 6

    def _prove(self) -> tuple[dict[str, str], str]:
        auditor = self._person(AUDITOR)
        form = auditor.get("/compliance").form(r"/compliance/checks$")
        auditor.submit(form)
        page = auditor.get(f"/compliance/{REQUIREMENT}")
        wanted = {name: self.ids[name] for name in ("document", "grant", "entry", "alert", "run")}
        missing = [code for code in wanted.values() if code not in html.unescape(page.text)]
        evidence = page.find(r"/compliance/evidence/(BC-\d{4,})")
        if missing:
            raise NotOfferedError(f"{REQUIREMENT} does not rest on {', '.join(missing)}")
        proof = self._bundle(auditor)
        if (proof.good, proof.bad) != (0, 1) or not proof.names_the_entry:
            raise NotOfferedError(f"verify.py said {proof.good}, after one flipped byte {proof.bad}: {proof.complaint}")
        return (
            {"evidence": evidence, "requirement": REQUIREMENT, "bundle": proof.digest, "altered": str(proof.altered)},
            (
                f"{REQUIREMENT} dựa vào {', '.join(wanted.values())}; gói {proof.entries} mục: tốt; "
                f"sửa 1 byte của mục {proof.altered}: {proof.complaint}"
            ),
        )

    # the anchors

    def _anchor(self) -> tuple[dict[str, str], str]:
        """Export until a witness has cosigned a tree that holds the entry; the stranger's script must say so."""
        auditor, wanted = self._person(AUDITOR), int(self.ids["entry"])
        deadline = time.monotonic() + SEAL_SECONDS
        while True:
            form = auditor.get("/trail/bundle").form(r"/trail/bundle$")
            answer = auditor.submit(form, thread=REQUIREMENT, recipient="Minh hoạ", reason="Có người làm chứng")
            if answer.status == OK and answer.headers.get("content-type") == "application/zip":
                found = witnessed(answer.content, folder=self.folder / "witnessed", entry=wanted)
                if found is not None:
                    break
            if time.monotonic() > deadline:
                raise NotOfferedError(f"no witness cosigned a tree with entry {wanted}: {answer.status}")
            time.sleep(1.0)
        if found.status != 0:
            raise NotOfferedError(f"verify.py said {found.status}: {found.said}")
        return {"checkpoint": str(found.size), "witness": found.witness}, found.said

    def _bundle(self, auditor: Visitor) -> Proof:
        """Export until the newest seal covers the entry that the thread turns on, then prove the bundle."""
        deadline, wanted = time.monotonic() + SEAL_SECONDS, int(self.ids["entry"])
        while True:
            form = auditor.get("/trail/bundle").form(r"/trail/bundle$")
            answer = auditor.submit(form, thread=REQUIREMENT, recipient="Minh hoạ", reason="Sợi chỉ vàng")
            is_zip = answer.status == OK and answer.headers.get("content-type") == "application/zip"
            if is_zip and wanted in entries_in(answer.content):
                return prove(answer.content, folder=self.folder, entry=wanted)
            if time.monotonic() > deadline:
                raise NotOfferedError(f"no bundle that holds entry {wanted}: {answer.status}")
            time.sleep(1.0)

    # the life of accounts

    def _lock(self) -> tuple[dict[str, str], str]:
        return lock_and_open_again(
            self._signed_in_anew, guard=OFFICER, filer=ADMINISTRATOR, manager=NEWCOMER, now=self.now
        )

    # the copies

    def _compare(self) -> tuple[dict[str, str], str]:
        """Compare both copies with the journal; they must hold the entry the thread turns on, and nothing else."""
        found = self.compare_copies()
        wanted = int(self.ids["entry"])
        for one in found:
            if not one.is_equal or one.last <= wanted:
                faults = [f"{each.kind} #{each.sequence} {each.detail}" for each in one.sample[:5]]
                raise NotOfferedError(f"{one.target} up to {one.last} is not the journal: {faults}")
        told = [
            f"{one.target} {one.checked} mục, thiếu {one.missing}, thừa {one.extra}, sai {one.altered}" for one in found
        ]
        return {one.target: str(one.last) for one in found}, "; ".join(told)

    # 8

    def _explain_a_finding(self) -> tuple[dict[str, str], str]:
        holder = self._person(HOLDER)
        tries = [holder.get("/trail").status for _ in range(REFUSALS)]
        if set(tries) != {FORBIDDEN}:
            raise NotOfferedError(f"{HOLDER} entered the trail: {tries}")
        inbox = f"/trail/findings?kind=refusals&q={HOLDER}"
        page = self._wait_for(OFFICER, inbox, r"/trail/findings/(PT-\d{4,})", seconds=FINDING_SECONDS)
        code = self._first(page, r"/trail/findings/(PT-\d{4,})")
        address = f"/trail/findings/{code}"
        local = self.now().astimezone(ZONE)
        number = f"{local:%H%M%S}/BC-BMH"
        officer, approver = self._person(OFFICER), self._person(APPROVER)
        explained = officer.submit(
            officer.get(address).form(r"/explanation$"),
            number=number,
            signed_on=f"{local:%d/%m/%Y}",
            text="Diễn tập: mở trang dấu vết khi không có quyền",
        )
        closed = approver.submit(approver.get(address).form(r"/closure$"))
        if explained.status != OK or closed.status != OK or number not in closed.text:
            raise NotOfferedError(f"{code}: explained {explained.status}, closed {closed.status}")
        return (
            {"finding": code, "explanation": number},
            f"{HOLDER} bị từ chối {REFUSALS} lần → {code}; {OFFICER} giải trình bằng {number}, {APPROVER} đóng",
        )

    def _population(self) -> PopulationStep:
        return PopulationStep(up=self.up, person=self._person, now=self.now)

    # guarded rights

    def _review(self) -> tuple[dict[str, str], str]:
        return walk_review(self._person, officer=OFFICER, reviewer=ADMINISTRATOR, auditor=AUDITOR)

    def _break_glass(self) -> tuple[dict[str, str], str]:
        return walk_break_glass(
            self._person, officer=OFFICER, approver=APPROVER, user=OPERATOR, auditor=AUDITOR, url=self.up["url"]
        )

    def _person(self, login: str) -> Visitor:
        """Return the browser of a person, signed in now when it is not."""
        if login not in self.people:
            facts = self._facts(login)
            visitor = Visitor(url=self.up["url"], name=login)
            visitor.sign_in(password=facts["password"], totp_secret=facts["totp_secret"])
            self.people[login] = visitor
        return self.people[login]

    def _signed_in_anew(self, login: str) -> Visitor:
        """Return a browser that has just signed in: an administrator's session ends after a few idle minutes."""
        facts = self._facts(login)
        former = self.people.get(login)
        visitor = Visitor(url=self.up["url"], name=login, used_step=former.used_step if former else 0)
        secret = self.newcomer_key if login == NEWCOMER else facts["totp_secret"]
        visitor.sign_in(password=facts["password"], totp_secret=secret)
        self.people[login] = visitor
        return visitor

    def _facts(self, login: str) -> Mapping[str, Any]:
        facts: Mapping[str, Any] = next(one for one in self.up["people"] if one["name"] == login)
        return facts

    def _borrow(self) -> tuple[dict[str, str], str]:
        lent = Borrowing(
            holder=self._person(HOLDER),
            reader=self._person(ADMINISTRATOR),
            grant_on=self._granted,
            database_url=self.up["database_url"],
        )
        return borrow_and_return(lent)

    def _granted(self, account: str) -> str:
        """Make a grant on an account anew, in the ordinary way; return its code."""
        self._end_earlier_grants(account)
        code, _ = self._file_request(account)
        self._approve(code)
        return self._person(ADMINISTRATOR).get(f"/privilege/requests/{code}").find(r"(CQ-\d{4,})")

    def _wait_for(self, login: str, path: str, pattern: str, *, seconds: float) -> str:
        """Look at a page until it holds the pattern, and return it. Raises NotOfferedError after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            page = self._person(login).get(path)
            if page.status == OK and re.search(pattern, html.unescape(page.text)):
                return page.text
            if time.monotonic() > deadline:
                raise NotOfferedError(f"{path} ({page.status}) did not show {pattern} within {seconds:.0f} s")
            time.sleep(LOOK_SECONDS)

    @staticmethod
    def _first(page: str, pattern: str) -> str:
        found = re.search(pattern, html.unescape(page))
        return found[1] if found else ""
