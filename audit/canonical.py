"""One value, one row of bytes: JCS (RFC 8785) narrowed until every writer agrees.

Keys are ASCII, strings are NFC and hold no lone surrogate, integers stay below 2^53, floats do not exist.
Inside these limits orjson, the standard library and RFC 8785 give the same bytes; outside them they differ,
so anything outside is refused before it is hashed and never silently changed.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

MAX_INT = 2**53 - 1


class NotCanonicalError(ValueError):
    """A value that has no single canonical form; `path` says where it stands."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of a mapping, or raise NotCanonicalError."""
    if not _is_plain(value):
        _check(value, "")
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _is_plain(value: Any) -> bool:
    """Tell quickly that nothing here needs a closer look; False says nothing about the value."""
    kind = type(value)
    if kind is dict:
        for key, part in value.items():
            if type(key) is not str or not key.isascii():
                return False
            if not (part.isascii() or _is_composed(part) if type(part) is str else _is_plain(part)):
                return False
        return True
    if kind is list:
        return all(map(_is_plain, value))
    if kind is str:
        return value.isascii() or _is_composed(value)
    return kind is bool or (kind is int and -MAX_INT <= value <= MAX_INT)


def _is_composed(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return unicodedata.is_normalized("NFC", text)


def _check(value: object, path: str) -> None:
    match value:
        case bool():
            return
        case str():
            _check_text(value, path)
        case int():
            if abs(value) > MAX_INT:
                raise NotCanonicalError(path, "an integer beyond 2^53 - 1")
        case Mapping():
            for key, part in value.items():
                if not (isinstance(key, str) and key.isascii()):
                    raise NotCanonicalError(path, f"the key {key!r} is not ASCII text")
                _check(part, f"{path}.{key}" if path else key)
        case Sequence() if isinstance(value, list | tuple):
            for place, part in enumerate(value):
                _check(part, f"{path}[{place}]")
        case _:
            raise NotCanonicalError(path, f"a {type(value).__name__} has no place in an entry")


def _check_text(value: str, path: str) -> None:
    if value.isascii():
        return
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise NotCanonicalError(path, "a lone surrogate") from error
    if not unicodedata.is_normalized("NFC", value):
        raise NotCanonicalError(path, "text that is not in form NFC")
