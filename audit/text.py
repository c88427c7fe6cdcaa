"""Fold Vietnamese text so that a search finds it with or without its marks.

Neither the search server nor PostgreSQL in our distributions can do this (no `asciifolding`, no
`unaccent`), and where they can they leave đ alone. Index and query go through the same function, so both
back ends answer alike.
"""

import re
import unicodedata

_WORD = re.compile(r"\w+")
_DD = str.maketrans({"đ": "d", "Đ": "D"})


def fold(text: str) -> str:
    """Lower the text, take off every mark, turn đ into d: "Điều" and "dieu" become one."""
    bare = unicodedata.normalize("NFD", text.translate(_DD))
    return "".join(char for char in bare if not unicodedata.combining(char)).lower()


def words(text: str) -> tuple[str, ...]:
    """Split folded text into its words, each once, in order of appearance; an underscore parts words too."""
    return tuple(dict.fromkeys(_WORD.findall(fold(text).replace("_", " "))))


def nfc(text: str) -> str:
    """Bring text typed by people into the one form that entries accept."""
    return unicodedata.normalize("NFC", text)
