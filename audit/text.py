"""Fold Vietnamese text so that a search finds it with or without its marks.

Neither the search server nor PostgreSQL in our distributions can do this (no `asciifolding`, no
`unaccent`), and where they can they leave đ alone. Index and query go through the same function, so both
back ends answer alike.
"""

import re
import unicodedata

_WORD = re.compile(r"\w+")
_LONGEST_WORD = 64  # a longer one is cut: no index has room for what an attacker may type
# The marks nearly all text has; what is left after them is looked at letter by letter.
_MARKS = re.compile("[\u0300-\u034e\u0350-\u036f]+")


def fold(text: str) -> str:
    """Lower the text, take off every mark, turn đ into d: "Điều" and "dieu" become one."""
    if text.isascii():
        return text.lower()
    bare = _MARKS.sub("", unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D")))
    if not bare.isascii():
        bare = "".join(char for char in bare if not unicodedata.combining(char))
    return bare.lower()


def words(text: str) -> tuple[str, ...]:
    """Split folded text into its words, each once, in order of appearance; an underscore parts words too."""
    found = _WORD.findall(fold(text).replace("_", " "))
    return tuple(dict.fromkeys(word[:_LONGEST_WORD] for word in found))


def nfc(text: str) -> str:
    """Bring text typed by people into the one form that entries accept."""
    return unicodedata.normalize("NFC", text)
