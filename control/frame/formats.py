"""How moments, numbers, shares, money, digests and working time are written, in both languages.

Not for: translating sentences (the catalogues) and not for choosing the language (see i18n.py). Invariants: every
function is pure, takes the language and, where it compares, the one `now` of the request; local time is always
Asia/Ho_Chi_Minh; a sign that belongs to a number is held to it by a no-break space.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

RULES_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
MINUTES_PER_WORKING_DAY = 480
FINE_BELOW_SECONDS = 10
NBSP = "\u00a0"
UNKNOWN = {"vi": "không rõ", "en": "unknown"}

_WEEKDAYS = {
    "vi": ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_SHORT_WEEKDAYS = {"vi": ("T2", "T3", "T4", "T5", "T6", "T7", "CN"), "en": _WEEKDAYS["en"]}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_VI_UNITS = {"day": "ngày", "hour": "giờ", "minute": "phút", "second": "giây"}
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_SIZE_STEP = 1024
_DIGEST_GROUP = 8
_DIGEST_ENDS = 4
_OPERATOR = "operator-policy: "  # how policies/operator.yaml begins a citation


def local(at: datetime) -> datetime:
    """Return the moment in the zone of the rules. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError("a moment without a zone cannot be shown")
    return at.astimezone(RULES_ZONE)


def iso(at: datetime) -> str:
    """Return the machine's form with the local offset, to the second."""
    return local(at).isoformat(timespec="seconds")


def moment(at: datetime | None, *, language: str) -> str:
    """`Thứ Tư 25/11/2026 · 09:42:42`, `Wed 25 Nov 2026, 09:42:42`."""
    if at is None:
        return UNKNOWN[language]
    here = local(at)
    join = ", " if language == "en" else " · "
    return f"{day(here.date(), language=language, weekday=True)}{join}{here:%H:%M:%S}"


def short_moment(at: datetime | None, *, now: datetime, language: str, weekday: bool = False) -> str:
    """`25/11 09:41`, with the weekday `T6 27/11 22:00`; the year stands when it is not the present one."""
    if at is None:
        return UNKNOWN[language]
    here = local(at)
    prefix = f"{_SHORT_WEEKDAYS[language][here.weekday()]} " if weekday else ""
    same_year = here.year == local(now).year
    if language == "en":
        text = f"{here.day} {_MONTHS[here.month - 1]}" + ("" if same_year else f" {here.year}")
    else:
        text = f"{here:%d/%m}" + ("" if same_year else f"/{here.year}")
    return f"{prefix}{text} {here:%H:%M}"


def clock(at: datetime | None, *, language: str) -> str:
    """`09:42:42`."""
    return UNKNOWN[language] if at is None else f"{local(at):%H:%M:%S}"


def day(on: date | None, *, language: str, weekday: bool = False, provisional: bool = False) -> str:
    """`25/11/2026`, `25 Nov 2026`; past the published calendar `13/02/2027 (tạm tính)`."""
    if on is None:
        return UNKNOWN[language]
    on = local(on).date() if isinstance(on, datetime) else on
    prefix = f"{_WEEKDAYS[language][on.weekday()]} " if weekday else ""
    text = f"{on.day} {_MONTHS[on.month - 1]} {on.year}" if language == "en" else f"{on:%d/%m/%Y}"
    mark = {"vi": " (tạm tính)", "en": " (provisional)"}[language] if provisional else ""
    return f"{prefix}{text}{mark}"


def short_day(on: date, *, language: str) -> str:
    """`T4 25/11`, `Wed 25 Nov`."""
    head = _SHORT_WEEKDAYS[language][on.weekday()]
    return f"{head} {on.day} {_MONTHS[on.month - 1]}" if language == "en" else f"{head} {on:%d/%m}"


def age(at: datetime, *, now: datetime, language: str) -> str:
    """`37 giây trước`, `37 seconds ago`; for a moment to come `sau 5 phút`, `in 5 minutes`. Rounded down."""
    seconds = int((now - at).total_seconds())
    size, unit = _largest_unit(abs(seconds))
    amount = _amount(size, unit, language=language)
    if seconds >= 0:
        return f"{amount} ago" if language == "en" else f"{amount} trước"
    return f"in {amount}" if language == "en" else f"sau {amount}"


def duration(span: timedelta | float, *, language: str) -> str:
    """The two largest units: `11 phút 34 giây`, `1 hour 52 minutes`; a few seconds to a tenth: `0,8 giây`.

    Rounded down, never negative.
    """
    seconds = max(0.0, float(span.total_seconds() if isinstance(span, timedelta) else span))
    total = int(seconds)
    if seconds < FINE_BELOW_SECONDS and seconds != total:
        tenths = number(int(seconds * 10) / 10, language=language, places=1)
        return f"{tenths} seconds" if language == "en" else f"{tenths} giây"
    _, unit = _largest_unit(total)
    names = list(_UNITS)
    pair = names[names.index(unit) : names.index(unit) + 2]
    words: list[str] = []
    for name in pair:
        size, total = divmod(total, _UNITS[name])
        if size or not words:
            words.append(_amount(size, name, language=language))
    return " ".join(words)


def working_time(minutes: float, *, language: str, day_minutes: int = MINUTES_PER_WORKING_DAY) -> str:
    """`7 ngày 0 giờ 48 phút làm việc`, `7 working days 0 h 48 min`; rounded down, so a promise is never too long."""
    whole = max(0, int(minutes))
    days, rest = divmod(whole, day_minutes)
    hours, left = divmod(rest, 60)
    if language == "en":
        head = f"{days} working {'day' if days == 1 else 'days'} " if days else ""
        tail = "" if days else " of working time"
        return f"{head}{hours} h {left} min{tail}"
    head = f"{days} ngày " if days else ""
    return f"{head}{hours} giờ {left} phút làm việc"


def number(value: float | Decimal | None, *, language: str, places: int | None = None) -> str:
    """`1.284.402`, `1,284,402`; `places` fixes the decimals, rounded half up."""
    if value is None:
        return UNKNOWN[language]
    exact = Decimal(str(value))
    if places is not None:
        exact = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    text = f"{exact:,f}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def percent(share: float | Decimal | None, *, language: str, places: int = 1) -> str:
    """Write a share (0.734) as `73,4 %` or `73.4%`. Say of what beside it."""
    if share is None:
        return UNKNOWN[language]
    text = number(Decimal(str(share)) * 100, language=language, places=places)
    return f"{text}%" if language == "en" else f"{text}{NBSP}%"


def money(amount: int | Decimal | None, *, language: str) -> str:
    """`1.400.000 ₫`, `₫1,400,000`: whole đồng."""
    if amount is None:
        return UNKNOWN[language]
    text = number(Decimal(amount), language=language, places=0)
    return f"₫{text}" if language == "en" else f"{text}{NBSP}₫"


def size(octets: int | None, *, language: str) -> str:
    """`1,2 MiB`; below one KiB exact."""
    if octets is None:
        return UNKNOWN[language]
    value, step = Decimal(octets), 0
    while value >= _SIZE_STEP and step < len(_SIZES) - 1:
        value, step = value / _SIZE_STEP, step + 1
    return f"{number(value, language=language, places=1 if step else 0)}{NBSP}{_SIZES[step]}"


def cited(text: str, *, language: str) -> str:
    """Return a citation as people read it: a value that no text sets is the operator's own."""
    own = text.removeprefix(_OPERATOR)
    return text if own == text else f"{'Set by the operator' if language == 'en' else 'Đơn vị vận hành đặt'}: {own}"


def digest(text: str) -> str:
    """`5c1e…d07f`: first and last four; a short text stays whole."""
    bare = text.removeprefix("sha256:")
    return bare if len(bare) <= 2 * _DIGEST_ENDS + 1 else f"{bare[:_DIGEST_ENDS]}…{bare[-_DIGEST_ENDS:]}"


def digest_whole(text: str) -> str:
    """The whole digest in groups of eight, as it is read where it is approved."""
    bare = text.removeprefix("sha256:")
    return " ".join(bare[start : start + _DIGEST_GROUP] for start in range(0, len(bare), _DIGEST_GROUP))


def _largest_unit(seconds: int) -> tuple[int, str]:
    name = next((unit for unit, length in _UNITS.items() if seconds >= length), "second")
    return seconds // _UNITS[name], name


def _amount(size: int, unit: str, *, language: str) -> str:
    if language == "en":
        return f"{size} {unit}" if size == 1 else f"{size} {unit}s"
    return f"{size} {_VI_UNITS[unit]}"
