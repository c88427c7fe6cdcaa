"""Demonstration assets and accounts, plainly invented. No grant is seeded: those come from requests only.

Not for: production (the stand calls it in demonstration mode only). Safe to run again: what is there stays, an orphan
whose owner has come to be known is adopted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.decisions import Deny
from control.people.models import Person
from control.privilege.accounts.changing import change_state
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.agreements.models import ProviderAgreement
from control.privilege.agreements.service import record_agreement
from control.privilege.assets.models import Asset
from control.privilege.documents.domain import NewDocument
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.documents.service import file_document
from control.privilege.reviews.domain import Kind, Scope
from control.privilege.reviews.models import AccessReview
from control.privilege.reviews.service import Wanted, open_review
from control.text import fold
from policies import RULES_ZONE

CATEGORY_OF = {"software": "software-admin"}
REVIEWED, REVIEW_DAYS = "nhap.ht", 30
DATA_CENTRE = "Trung tâm Dữ liệu"
# code, title, kind, level
ASSETS = (
    ("case-files", "Mô-đun xử lý hồ sơ", "software", 3),
    ("cong-01", "Cổng truy cập quản trị", "security", 3),
    ("csdl-01", "Máy chủ cơ sở dữ liệu chính", "database", 3),
    ("csdl-02", "Máy chủ cơ sở dữ liệu dự phòng", "database", 3),
    ("csdl-dan-cu", "Kết nối cơ sở dữ liệu quốc gia về dân cư", "software", 3),
    ("ldap-01", "Máy chủ danh bạ cán bộ", "server", 3),
    ("portal", "Cổng dịch vụ công của Bộ", "software", 3),
    ("sao-luu-01", "Máy chủ sao lưu", "server", 3),
    ("tuong-lua-01", "Tường lửa vùng máy chủ", "network", 3),
    ("ung-dung-01", "Máy chủ ứng dụng 1", "server", 3),
    ("ung-dung-02", "Máy chủ ứng dụng 2", "server", 3),
    ("vong-lau", "Phân hệ quản trị của tháp canh", "software", 3),
)
ADOPTED_FOR = "DEMO-1"  # the number of an invented incident: an orphan found its owner
# asset, name, what it is for, kind, class, owner's login or None
ACCOUNTS = (
    ("case-files", "tra-cuu", "Mở dữ liệu cá nhân trong hồ sơ", "shared", "normal", "minhhoa.pm"),
    ("case-files", "quan-tri", "Quản trị mô-đun xử lý hồ sơ", "shared", "high", "minhhoa.pm"),
    ("cong-01", "quan-tri", "Quản trị cổng truy cập", "shared", "high", "minhhoa.pm"),
    ("csdl-01", "postgres", "Quản trị cơ sở dữ liệu", "shared", "high", "nhap.ht"),
    ("csdl-01", "bao-cao", "Đọc số liệu báo cáo minh hoạ", "shared", "normal", "minhhoa.pm"),
    ("csdl-01", "sao-chep", "Sao chép sang máy dự phòng", "service", "normal", "nhap.ht"),
    ("csdl-02", "postgres", "Quản trị cơ sở dữ liệu dự phòng", "shared", "high", "nhap.ht"),
    ("csdl-dan-cu", "quan-tri", "Quản trị cao nhất về dữ liệu dân cư", "personal", "high", "giu.nt"),
    ("ldap-01", "quan-tri-danh-ba", "Sửa danh bạ cán bộ", "shared", "high", "minhhoa.pm"),
    ("portal", "bien-tap", "Biên tập nội dung cổng dịch vụ công", "shared", "normal", "minhhoa.pm"),
    ("portal", "khan-cap", "Phá niêm khi danh bạ ngừng", "break-glass", "high", "minhhoa.pm"),
    ("sao-luu-01", "restic", "Chạy sao lưu và diễn tập khôi phục", "service", "normal", "nhap.ht"),
    ("tuong-lua-01", "admin", "Sửa luật tường lửa", "local-admin", "high", "minhhoa.pm"),
    ("ung-dung-01", "root", "Quản trị máy chủ ứng dụng 1", "local-admin", "high", "minhhoa.pm"),
    ("ung-dung-01", "trien-khai", "Triển khai bản mới của ứng dụng", "service", "normal", "minhhoa.pm"),
    ("ung-dung-02", "root", "Quản trị máy chủ ứng dụng 2", "local-admin", "high", "minhhoa.pm"),
    ("ung-dung-02", "nha-thau-cu", "Không rõ, còn lại từ nhà thầu trước", "local-admin", "high", None),
    ("vong-lau", "khan-cap", "Phá niêm khi danh bạ và tìm kiếm ngừng", "break-glass", "high", "minhhoa.pm"),
    ("vong-lau", "khoa.kt", "Cấp và thu hồi khoá kết nối", "personal", "high", "khoa.kt"),
    ("vong-lau", "minhhoa.pm", "Quản trị tài khoản, văn bản và yêu cầu", "personal", "high", "minhhoa.pm"),
    ("vong-lau", "nhap.ht", "Quản trị tài khoản, văn bản và yêu cầu", "personal", "high", "nhap.ht"),
)  # fmt: skip

DECISION, KEEPER = "01/QĐ-BMH", "minhhoa.pm"
AGREEMENT, OFFICER = "02/TT-BMH", "mau.nt"
PDF = (
    b"%PDF-1.4\n% minh hoa: giao tai khoan\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n%%EOF\n"
)


def _authorise(session: Session, *, act: Act) -> None:
    """File the invented decision that hands the accounts over, once, and let those that have an owner rest on it."""
    keeper = session.scalar(select(Person).where(Person.login == KEEPER, Person.state == "active"))
    if keeper is None or session.scalar(select(AuthorisingDocument.id).where(AuthorisingDocument.number == DECISION)):
        return
    person = Actor(id=keeper.id, login=keeper.login, name=keeper.display_name)
    subject = "Giao tài khoản quản trị hạ tầng và phần mềm"
    stored = _file(session, number=DECISION, subject=subject, act=act.as_actor(person))
    bare = PrivilegedAccount.document_id.is_(None) & PrivilegedAccount.owner_id.is_not(None)
    session.execute(update(PrivilegedAccount).where(bare).values(document_id=stored.id))


def _file(session: Session, *, number: str, subject: str, act: Act) -> AuthorisingDocument:
    """File one invented document that holds for two years."""
    today = act.now.astimezone(RULES_ZONE).date()
    wanted = NewDocument(
        number=number,
        signed_on=today,
        signer="Lê Ví Dụ",
        issuing_unit="Bộ Minh hoạ",
        subject=subject,
        valid_from=today,
        valid_to=today + timedelta(days=730),
        file=PDF.replace(b"giao tai khoan", number.encode()),
    )
    stored = file_document(session, new=wanted, act=act)
    if isinstance(stored, Deny):
        raise ValueError(f"{number} was not filed: {stored.reason}")  # noqa: TRY004 - a refusal is no wrong type
    return stored


def seed_agreement(session: Session, act: Act) -> bool:
    """Record the invented agreement with the simulated provider, once; tell whether it was recorded now."""
    keeper = session.scalar(select(Person).where(Person.login == OFFICER, Person.state == "active"))
    known = select(AuthorisingDocument.id).where(AuthorisingDocument.number == AGREEMENT)
    if keeper is None or session.scalar(known):
        return False
    person = act.as_actor(Actor(id=keeper.id, login=keeper.login, name=keeper.display_name))
    document = _file(session, number=AGREEMENT, subject="Thoả thuận kết nối định danh điện tử mô phỏng", act=person)
    return isinstance(
        record_agreement(session, provider="e-id", document_id=document.id, act=person), ProviderAgreement
    )


# asset, whose access account it is, what it is for
OFFICERS = (("portal", "nhap.ht", "Trả lời trên cổng dịch vụ công"),)


def _ensure_officers(session: Session, assets: Mapping[str, Asset], *, act: Act) -> int:
    """Add the invented access accounts of officers the directory knows; return how many were added."""
    people = {
        person.login: person
        for person in session.scalars(
            select(Person).where(Person.login.in_([row[1] for row in OFFICERS]), Person.state == "active")
        )
    }
    known = set(session.scalars(select(PrivilegedAccount.code).where(PrivilegedAccount.category == "officer")))
    added = 0
    for asset_code, login, use in OFFICERS:
        code = f"{asset_code}.{login}"
        if login not in people or code in known:
            continue
        asset, person = assets[asset_code], people[login]
        account = PrivilegedAccount(
            asset_id=asset.id,
            code=code,
            name=login,
            use=use,
            kind="personal",
            category="officer",
            class_="normal",
            owner_id=person.id,
            person_id=person.id,
            state="active",
            confirmed_at=act.now,
            created_at=act.now,
            search_text=fold(f"{asset_code} {login} {use} {asset.title}"),
        )
        session.add(account)
        session.flush()
        act.record(
            session,
            Action.PRIVILEGE_ACCOUNT_SEED,
            about=audit.About(account_id=code, asset_id=asset_code, person_id=f"person:{person.id}"),
            titles=(use,),
        )
        added += 1
    return added


def seed_demonstration(session: Session, act: Act) -> int:
    """Add what is missing of the invented assets and accounts; return how many rows were added or adopted."""
    assets = _ensure_assets(session, act=act)
    logins = {row[5] for row in ACCOUNTS if row[5]}
    query = select(Person.login, Person.id).where(Person.login.in_(logins)).order_by(Person.id)
    owners: dict[str, int] = {row.login: row.id for row in session.execute(query)}
    known = {account.code: account for account in session.scalars(select(PrivilegedAccount).limit(1_000))}
    changed = 0
    for asset_code, name, use, kind, class_, login in ACCOUNTS:
        asset, owner_id = assets[asset_code], owners.get(login or "")
        account = known.get(f"{asset_code}.{name}")
        if account is not None and (account.owner_id is not None or owner_id is None):
            continue
        if account is None:
            account = PrivilegedAccount(
                asset_id=asset.id,
                code=f"{asset_code}.{name}",
                name=name,
                use=use,
                kind=kind,
                class_=class_,
                created_at=act.now,
                search_text=fold(f"{asset_code} {name} {use} {asset.title}"),
                category="service" if kind == "service" else CATEGORY_OF.get(asset.kind, "infrastructure"),
                owner_id=owner_id,
                state="active" if owner_id else "orphan",
            )
            session.add(account)
            session.flush()
        else:
            adopted = change_state(
                session, account=account, to="active", reason="Minh hoạ", document_id=None, incident=ADOPTED_FOR,
                owner_id=owner_id, act=act,
            )  # fmt: skip
            if isinstance(adopted, Deny):
                raise ValueError(f"{account.code} was not adopted: {adopted.reason}")
        act.record(
            session,
            Action.PRIVILEGE_ACCOUNT_SEED,
            about=audit.About(account_id=account.code, asset_id=asset_code),
            titles=(use,),
        )
        changed += 1
    changed += _ensure_officers(session, assets, act=act)
    _authorise(session, act=act)
    return changed


def seed_review(session: Session, act: Act) -> int:
    """Open one campaign about the invented accounts of one owner, when none was ever opened; return how many."""
    if session.scalar(select(AccessReview.id).limit(1)) is not None:
        return 0
    wanted = Wanted(scope=Scope.OWNER, value=REVIEWED, kinds=frozenset({Kind.ACCOUNT}), days=REVIEW_DAYS)
    return int(isinstance(open_review(session, wanted=wanted, act=act, is_standing=True), AccessReview))


def _ensure_assets(session: Session, *, act: Act) -> dict[str, Asset]:
    known = {asset.code: asset for asset in session.scalars(select(Asset).limit(1_000))}
    for code, title, kind, level in ASSETS:
        if code not in known:
            known[code] = Asset(code=code, title=title, kind=kind, level=level, unit=DATA_CENTRE, created_at=act.now)
            session.add(known[code])
    session.flush()
    return known
