"""Single keys of the console, as data: the page that explains them and the script read the same list.

Not for: acting. Invariant: a key only moves the focus or opens a page; it never signs, sends or changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString

KEYS_COOKIE = "vonglau-keys"
KEYS_OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key and what it does."""

    key: str
    does: LazyString


KEYS: tuple[Key, ...] = (
    Key(key="J", does=lazy_gettext("next row of the table")),
    Key(key="K", does=lazy_gettext("previous row of the table")),
    Key(key="M", does=lazy_gettext("open the chosen row")),
    Key(key="N", does=lazy_gettext("the page's first action, where its button shows N")),
    Key(key="/", does=lazy_gettext("go to the search field")),
    Key(key="?", does=lazy_gettext("this list")),
)
