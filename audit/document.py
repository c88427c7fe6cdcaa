"""What stands in the search server: the body as it was hashed, its number and hash, and what it is found by.

Index names come from the event's own month and retention class: the same entry always meets the same index, so its
id with `create` makes it arrive once, for ever. The template uses only types the bare server has.
"""

from datetime import UTC
from hashlib import sha256
from typing import Any

import orjson

from audit.entry import ABOUT_PATHS
from audit.journal import Record
from audit.projection import LONGEST_VALUE, identifier_at, read_body, search_row

TEMPLATE_NAME = "audit"
PATTERN = "audit-*"
_EVENT = b'"event":{'

_KEYWORD = {"type": "keyword", "ignore_above": LONGEST_VALUE}
_COMMITTED = {"properties": {"c": {"type": "keyword"}}}


def _ids(*names: str) -> dict[str, Any]:
    return {name: {"properties": {"id": _KEYWORD}} for name in names}


TEMPLATE: dict[str, Any] = {
    "index_patterns": [PATTERN],
    "priority": 500,
    "template": {
        "settings": {
            "number_of_shards": 1,
            "number_of_replicas": 0,
            "refresh_interval": "1s",
            "index.mapping.ignore_malformed": True,
            "index.mapping.total_fields.limit": 300,
            "index.sort.field": "event.sequence",
            "index.sort.order": "desc",
        },
        "mappings": {
            "dynamic": False,
            "properties": {
                "@timestamp": {"type": "date"},
                "event": {
                    "properties": {
                        "id": _KEYWORD,
                        "action": _KEYWORD,
                        "category": _KEYWORD,
                        "type": _KEYWORD,
                        "outcome": _KEYWORD,
                        "reason_code": _KEYWORD,
                        "sequence": {"type": "long"},
                        "hash": _KEYWORD,
                        "original": {"type": "keyword", "index": False, "doc_values": False},
                    }
                },
                "user": {
                    "properties": {
                        "id": _KEYWORD,
                        "roles": _KEYWORD,
                        "name": _COMMITTED,
                        "target": {"properties": {"id": _KEYWORD}},
                    }
                },
                "source": {"properties": {"ip": _COMMITTED}},
                "session": {"properties": {"id": _KEYWORD}},
                "http": {"properties": {"request": {"properties": {"id": _KEYWORD, "method": _KEYWORD}}}},
                "trace": {"properties": {"id": _KEYWORD}},
                "policy": {"properties": {"digest": _KEYWORD}},
                "purpose": _KEYWORD,
                "vn": {
                    "properties": {
                        "case": {"properties": {"code": _KEYWORD}},
                        "document": {"properties": {"number": _KEYWORD}},
                        "retention": {"properties": {"class": _KEYWORD}},
                        "details": {"type": "flattened", "ignore_above": 1024},
                        **_ids(
                            "account",
                            "alert",
                            "asset",
                            "evidence",
                            "finding",
                            "grant",
                            "request",
                            "requirement",
                            "run",
                            "session",
                        ),
                    }
                },
                "tokens": _KEYWORD,
                # Words are folded and parted by blanks before they come here: the server must part them nowhere else.
                "search_text": {"type": "text", "norms": False, "analyzer": "whitespace"},
            },
        },
    },
}

# Tells whether the template a server holds is the one of this release.
TEMPLATE_DIGEST = sha256(orjson.dumps(TEMPLATE, option=orjson.OPT_SORT_KEYS)).hexdigest()
TEMPLATE["meta"] = {"digest": TEMPLATE_DIGEST}
_FOUND_BY = (("user", "id"), ("session", "id"), *ABOUT_PATHS.values())


def index_name(record: Record) -> str:
    """Return the index of an entry: audit-<class>-<year>.<month>, by the entry's own date in UTC."""
    return f"audit-{record.retention.lower()}-{record.at.astimezone(UTC):%Y.%m}"


def dead_index_name(record: Record) -> str:
    """Return the index of entries the server would not take as they are."""
    return f"audit-dead-{record.at.astimezone(UTC):%Y.%m}"


def action_line(record: Record, *, index: str) -> bytes:
    """Return the bulk line that creates one document."""
    return orjson.dumps({"create": {"_index": index, "_id": str(record.id)}})


def document(record: Record) -> bytes:
    """Return the document of one entry: the stored bytes with our fields put in, not parsed and written again.

    Raises ValueError when the body is not one of ours.
    """
    body = record.body or b""
    at = body.find(_EVENT)
    # Only "@timestamp" and "ecs" come before "event" in sorted keys, and neither can hold the text we look for.
    if not body.startswith(b'{"@timestamp":"') or at < 0 or not body.endswith(b"}}"):
        raise ValueError("not a body of vn-audit/1")
    at += len(_EVENT)
    ours = orjson.dumps({"hash": record.leaf.hex(), "original": body.decode(), "sequence": record.sequence})
    found = orjson.dumps({"search_text": record.search_text, "tokens": record.tokens.split()})
    return body[:at] + ours[1:-1] + b"," + body[at:-1] + b"," + found[1:]


def stub(record: Record, *, with_body: bool) -> bytes:
    """Return the least document of an entry that could not be indexed whole: number, hash, and what it is found by.

    Without its body, when it was too large, it is not found by its words either.
    """
    row, tree = search_row(record), read_body(record.body)
    event: dict[str, Any] = {
        "id": str(record.id),
        "sequence": record.sequence,
        "hash": record.leaf.hex(),
        "action": row["action"],
        "outcome": row["outcome"],
        "type": ["denied"] if row["denied"] else [],
    }
    found: dict[str, Any] = {"@timestamp": record.at.astimezone(UTC).isoformat(), "event": event}
    for path in _FOUND_BY:
        if (value := identifier_at(tree, *path)) is not None:
            place = found
            for step in path[:-1]:
                place = place.setdefault(step, {})
            place[path[-1]] = value
    if with_body and record.body is not None:
        event["original"] = record.body.decode(errors="replace")
        found |= {"search_text": " ".join(row["words"]), "tokens": row["tokens"]}
    return orjson.dumps(found)
