"""Vietnamese text: folding for search and the stored key that sorts names in the order of the alphabet.

Not for: translating or formatting. Invariant: both functions are pure and give the same bytes on every machine,
so a key made today sorts beside one made next year.
"""

from __future__ import annotations

import unicodedata

from audit import fold

__all__ = ["fold", "nfc", "sort_key"]

ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # huyền, hỏi, ngã, sắc, nặng
_RANK = {letter: f"{place + 10:02d}" for place, letter in enumerate(ALPHABET)}


def nfc(text: str) -> str:
    """Return the composed form, the only one stored."""
    return unicodedata.normalize("NFC", text)


def sort_key(text: str) -> str:
    """Return an ASCII key whose byte order is the Vietnamese alphabet: letters first, tones second, case last.

    a < ă < â … d < đ; ma < mà < mả < mã < má < mạ. Digits and signs come before letters.
    """
    letters, tones, cases = [], [], []
    for character in nfc(text):
        base, tone = _split_tone(character)
        lower = base.lower()
        letters.append(_RANK.get(lower, _other(lower)))
        tones.append(str(tone))
        cases.append("1" if base != lower else "0")
    return " ".join(("".join(letters), "".join(tones), "".join(cases)))


def _split_tone(character: str) -> tuple[str, int]:
    decomposed = unicodedata.normalize("NFD", character)
    tone = next((TONES[mark] for mark in decomposed if mark in TONES), 0)
    bare = "".join(mark for mark in decomposed if mark not in TONES)
    return unicodedata.normalize("NFC", bare), tone


def _other(character: str) -> str:
    """Signs and digits before every letter; a blank before all, so a short name precedes a longer one."""
    if character.isspace():
        return "00"
    return f"0{min(ord(character), 0xFFFF):04x}" if not character.isalpha() else f"9{ord(character):05x}"
