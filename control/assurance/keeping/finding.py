"""Find codes and numbers of orders with or without diacritics: `12/qd` finds `12/QĐ-TTr`.

Not for: large tables (no index helps here); proposals and holds are few.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func

from control.text import fold

_LETTERS = "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ"
_MARKED = _LETTERS + _LETTERS.upper()
_PLAIN = "".join(fold(letter) for letter in _MARKED)


def folded(column: Any) -> ColumnElement[str]:
    """Return a text column as `fold` would write it; the database itself knows no Vietnamese letters."""
    return func.lower(func.translate(column, _MARKED, _PLAIN))
