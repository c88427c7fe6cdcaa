"""Evidence of a campaign for somebody outside: every item with its digest, who said what and when, in one archive.

Not for: people's names (identifiers only, as in the trail; on the paper logins). Invariants: the same campaign gives
the same bytes; each file is named with its SHA-256 in `MANIFEST.sha256`, and the digest of the snapshot can be computed
from the items.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from control.actions import Action
from control.acts import Act
from control.frame.tables import csv_text
from control.privilege.reviews.models import AccessReview, AccessReviewItem
from control.privilege.reviews.printing import evidence_paper
from control.privilege.reviews.service import progress_of
from policies import RULES_ZONE

COLUMNS = (
    "item", "kind", "subject", "concerns", "reviewer", "decision", "decided_at", "decided_by", "outcome", "overdue_at",
    "suspended", "sha256", "body",
)  # fmt: skip
READ_ME = (
    "items.csv: one line for each right as it stood when the campaign opened;\n"
    "column sha256 is the SHA-256 of column body.\n"
    "review.json: the campaign; snapshot_sha256 is the SHA-256 of the values of column sha256\n"
    "in the order of the items, joined by one line feed and without one at the end.\n"
    "review.pdf: the same on paper, to be signed and filed; people stand by their logins.\n"
    "MANIFEST.sha256: check with `sha256sum -c MANIFEST.sha256`.\n"
)


def export_evidence(session: Session, *, review: AccessReview, organisation: str, act: Act) -> bytes:
    """Return the archive; handing it out is an act, and its entry holds the digest of what was handed out."""
    items = session.scalars(
        select(AccessReviewItem)
        .options(joinedload(AccessReviewItem.person), joinedload(AccessReviewItem.reviewer))
        .where(AccessReviewItem.review_id == review.id)
        .order_by(AccessReviewItem.id)
    ).all()
    progress = progress_of(session, review_ids=[review.id])[review.id]
    facts = {
        "review": review.code,
        "scope": review.scope,
        "scope_value": review.scope_value,
        "kinds": review.kinds.split(),
        "opened_by_policy": review.is_standing,
        "opened_at": review.opened_at.isoformat(),
        "opened_by": f"person:{review.opened_by_id}" if review.opened_by_id else "system",
        "due_at": review.due_at.isoformat(),
        "closed_at": review.closed_at.isoformat() if review.closed_at else None,
        "snapshot_sha256": review.snapshot_sha256,
        "progress": asdict(progress),
    }
    files = {
        "README.txt": READ_ME.encode(),
        "items.csv": _sheet(items),
        "review.pdf": evidence_paper(review, items=items, progress=progress, organisation=organisation),
        "review.json": json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n",
    }
    content = archive(files, stamp=review.closed_at or review.opened_at)
    act.record(
        session,
        Action.PRIVILEGE_REVIEW_EXPORT,
        details={"review": review.code, "items": len(items), "sha256": sha256(content).hexdigest()},
    )
    return content


def archive(files: Mapping[str, bytes], *, stamp: datetime) -> bytes:
    """Return a ZIP of the files and their digests; nothing in it depends on when it is made."""
    local = stamp.astimezone(RULES_ZONE)  # ZIP keeps no zone
    moment = (local.year, local.month, local.day, local.hour, local.minute, local.second)
    manifest = "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in sorted({**files, "MANIFEST.sha256": manifest.encode()}.items()):
            info = zipfile.ZipInfo(name, date_time=moment)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            made.writestr(info, content)
    return stream.getvalue()


def _sheet(items: Sequence[AccessReviewItem]) -> bytes:
    return csv_text(COLUMNS, [_row(item) for item in items]).encode()


def _row(item: AccessReviewItem) -> tuple[object, ...]:
    return (
        item.id,
        item.kind,
        item.subject,
        f"person:{item.person_id}" if item.person_id else "",
        f"person:{item.reviewer_id}" if item.reviewer_id else "",
        item.decision or "",
        item.decided_at.isoformat() if item.decided_at else "",
        f"person:{item.decided_by_id}" if item.decided_by_id else "",
        item.outcome or "",
        item.overdue_at.isoformat() if item.overdue_at else "",
        "yes" if item.was_suspended else "no",
        item.body_sha256,
        item.body,
    )
