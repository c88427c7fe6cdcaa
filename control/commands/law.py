"""`vonglau time|notice|law|case`: what the law and the working calendar answer, without a database or a server.

Not for: rules (they are data and functions in `policies`). A refusal is a PolicyError with its citation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

import policies
from control.commands.answers import MOMENT, Lines, iso, provisional_note, shown
from control.commands.caseclock import case
from control.commands.legalmap import coverage, law_map
from control.commands.speech import Speech, pass_speech
from policies import RULES_ZONE, Amount, parse_date, parse_moment, thaw
from policies import notice as notices
from policies.errors import PolicyError
from policies.messages import refusal
from policies.worktime import MINUTE, WorkCal

DEFAULT_PROFILE = "ministry-construction-2025"
_DAY = "%d/%m/%Y"


def _profile_option(*, required: bool = False) -> Callable[[Any], Any]:
    return click.option("--profile", metavar="P", required=required, help="quy chế áp dụng / the profile")


def _default_profile(name: str | None) -> str:
    """The profile named, else the one the product runs under, else the first of the register."""
    return name or os.environ.get("VONGLAU_PROFILE") or DEFAULT_PROFILE


def _check_profile(name: str | None) -> None:
    if name is not None:
        policies.load_rules().profile(name)


@click.group()
def time() -> None:
    """Giờ làm việc / working time."""


@time.command("add")
@click.option("--from", "start", required=True, metavar="T", help="thời điểm đầu / the beginning, ISO 8601")
@click.option("--amount", required=True, metavar="A", help="15wd, 48wh, 90wm, 5d, 24h")
@_profile_option()
@pass_speech
def time_add(speech: Speech, *, start: str, amount: str, profile: str | None) -> None:
    """Cộng một khoảng thời gian / add an amount of time."""
    _check_profile(profile)
    calendar = policies.load_calendar()
    begin, length = parse_moment(start), Amount.parse(amount)
    until = calendar.add(begin, length)
    is_provisional = calendar.is_provisional(begin.date(), until.date())
    skipped = _skipped(calendar, speech, begin=begin, until=until) if length.unit.is_working else []
    lines = Lines(speech=speech)
    text = lines(("Từ", "From", shown(begin)), ("Cộng", "Plus", length), ("Đến", "Until", shown(until)))
    for day in skipped:
        text += f"\n  – {day['date']}  {day['title']}  ({day['source']})"
    answer = {
        "from": iso(begin),
        "amount": str(length),
        "until": iso(until),
        "provisional": is_provisional,
        "skipped": skipped,
    }
    speech.say(answer, text=text)
    provisional_note(speech, is_provisional=is_provisional)


def _skipped(calendar: WorkCal, speech: Speech, *, begin: datetime, until: datetime) -> list[dict[str, str]]:
    return [
        {
            "date": off.day.isoformat(),
            "reason": off.kind,
            "title": speech.pick(off.title_vi, off.title_en),
            "source": off.citation,
        }
        for off in calendar.days_off(begin.date(), until.date())
    ]


@time.command("between")
@click.option("--from", "start", required=True, metavar="T", help="thời điểm đầu / the beginning, ISO 8601")
@click.option("--to", "end", required=True, metavar="T", help="thời điểm cuối / the end, ISO 8601")
@_profile_option()
@pass_speech
def time_between(speech: Speech, *, start: str, end: str, profile: str | None) -> None:
    """Đếm thời gian giữa hai thời điểm / count the time between two moments."""
    _check_profile(profile)
    calendar = policies.load_calendar()
    begin, finish = parse_moment(start), parse_moment(end)
    if finish < begin:
        raise refusal("time.reversed", start=begin.isoformat(), end=finish.isoformat())
    micros = calendar.difference_micros(begin, finish)
    minutes, days = micros // MINUTE, micros / calendar.full_day
    clock_minutes = int((finish - begin).total_seconds() // 60)
    is_provisional = calendar.is_provisional(begin.date(), finish.date())
    lines = Lines(speech=speech)
    answer = {
        "working_minutes": minutes,
        "working_days": int(days) if days.is_integer() else days,
        "clock_minutes": clock_minutes,
        "provisional": is_provisional,
    }
    text = lines(
        ("Phút làm việc", "Working minutes", minutes),
        ("Ngày làm việc", "Working days", f"{days:g}"),
        ("Phút đồng hồ", "Clock minutes", clock_minutes),
    )
    speech.say(answer, text=text)
    provisional_note(speech, is_provisional=is_provisional)


@click.group()
def notice() -> None:
    """Hạn thông báo bảo trì / maintenance notice."""


def _notice_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--no-suspension", is_flag=True, help="không ngừng dịch vụ / service is not suspended"),
        click.option(
            "--kind",
            type=click.Choice([kind.value for kind in notices.Kind]),
            default="planned",
            help="loại thay đổi / the change",
        ),
        click.option(
            "--count",
            type=click.Choice([way.value for way in notices.Count]),
            default="strict",
            help="cách đếm / the count",
        ),
        _profile_option(),
    ):
        command = option(command)
    return command


def _rules_of(*, profile: str | None, kind: str, no_suspension: bool) -> notices.NoticeRules:
    return notices.NoticeRules.of(
        policies.load_rules(),
        profile=_default_profile(profile),
        kind=notices.Kind(kind),
        suspends=not no_suspension,
    )


@notice.command("latest")
@click.option("--start", required=True, metavar="T", help="lúc bắt đầu / the start, ISO 8601")
@_notice_options
@pass_speech
def notice_latest(
    speech: Speech, *, start: str, profile: str | None, count: str, kind: str, no_suspension: bool
) -> None:
    """Ngày công bố muộn nhất còn đúng luật / the last day on which publication is still lawful."""
    calendar = policies.load_calendar()
    begin = parse_moment(start)
    rules = _rules_of(profile=profile, kind=kind, no_suspension=no_suspension)

    def asked(way: notices.Count) -> notices.Answer:
        return notices.latest(calendar, rules, start=begin, count=way)

    _say_notice(speech, calendar, key="latest", given=begin, way=notices.Count(count), ask=asked)


@notice.command("earliest")
@click.option("--published", required=True, metavar="T", help="lúc công bố / the publication, ISO 8601")
@_notice_options
@pass_speech
def notice_earliest(
    speech: Speech, *, published: str, profile: str | None, count: str, kind: str, no_suspension: bool
) -> None:
    """Lúc bắt đầu sớm nhất đúng luật / the first lawful start."""
    calendar = policies.load_calendar()
    moment = parse_moment(published)
    rules = _rules_of(profile=profile, kind=kind, no_suspension=no_suspension)

    def asked(way: notices.Count) -> notices.Answer:
        return notices.earliest(calendar, rules, published=moment, count=way)

    _say_notice(speech, calendar, key="earliest", given=moment, way=notices.Count(count), ask=asked)


def _say_notice(
    speech: Speech,
    calendar: WorkCal,
    *,
    key: str,
    given: datetime,
    way: notices.Count,
    ask: Callable[[notices.Count], notices.Answer],
) -> None:
    answer, other = ask(way), ask(way.other)
    is_provisional = calendar.is_provisional(given.date(), answer.moment.date())

    def word(one: notices.Answer) -> str:
        return one.text() if key == "latest" else one.moment.isoformat()

    document = {
        key: word(answer),
        "count": way.value,
        "rule": _rule_json(answer.rule),
        "other_count": {"count": way.other.value, key: word(other), "rule": _rule_json(other.rule)},
        "provisional": is_provisional,
    }
    shape = _DAY if answer.is_day and key == "latest" else MOMENT
    titles = {"latest": ("Công bố chậm nhất", "Publish by"), "earliest": ("Bắt đầu sớm nhất", "Start from")}
    ways = {"strict": ("chặt", "strict"), "lenient": ("rộng", "lenient")}
    text = Lines(speech=speech)(
        (*titles[key], answer.moment.strftime(shape)),
        ("Cách đếm", "Count", speech.pick(*ways[way.value])),
        ("Cách đếm kia", "Other count", f"{other.moment.strftime(shape)} ({speech.pick(*ways[way.other.value])})"),
        ("Quy tắc", "Rule", f"{answer.rule.value} {_unit(speech, answer.rule.unit)}"),
        ("Căn cứ", "Citation", answer.rule.citation),
    )
    speech.say(document, text=text)
    provisional_note(speech, is_provisional=is_provisional)


def _rule_json(rule: notices.NoticeRule) -> dict[str, object]:
    return {
        "value": rule.value,
        "unit": rule.unit,
        "citation": rule.citation,
        "from_overlay": rule.from_overlay,
        "confidence": rule.confidence,
    }


_UNITS = {
    "working day": "ngày làm việc",
    "working hour": "giờ làm việc",
    "day": "ngày",
    "hour": "giờ",
    "minute": "phút",
    "second": "giây",
    "month": "tháng",
    "year": "năm",
    "percent": "%",
    "request": "yêu cầu",
}


def _unit(speech: Speech, unit: str | None) -> str:
    return speech.pick(_UNITS.get(unit or "", unit or ""), unit or "")


@click.group()
def law() -> None:
    """Luật dạng dữ liệu / law as data."""


@law.command("show")
@click.argument("name")
@_profile_option()
@click.option("--on", metavar="DATE", help="vào ngày nào / on which day")
@pass_speech
def law_show(speech: Speech, *, name: str, profile: str | None, on: str | None) -> None:
    """Một tham số với căn cứ / one parameter with its citation.

    Without --on the value is shown as entered, a replaced text's too; the national rule is today's.
    """
    day = parse_date(on) if on is not None else datetime.now(RULES_ZONE).date()
    rules = policies.load_rules()
    entered = rules.parameter(name, _default_profile(profile))
    dated = entered.on(day)
    found, overlay = entered if on is None else dated, dated.overlay
    document = {
        "name": found.name,
        "value": thaw(found.value),
        "unit": found.unit,
        "citation": found.citation,
        "from": found.from_.isoformat() if found.from_ else None,
        "to": found.to.isoformat() if found.to else None,
        "confidence": found.confidence,
        "profile": found.profile if found.origin in {"profile", "decree"} else None,
        "origin": found.origin,
        "on": day.isoformat(),
        "details": thaw(found.details),
        "note": found.note or None,
        "overlay": _overlay_json(overlay, speech) if overlay else None,
        "decree": _decree_json(rules, found),
    }
    silent = speech.pick("(không quy định)", "(silent)")
    value = silent if found.value is None else f"{_plain(thaw(found.value))} {_unit(speech, found.unit)}".strip()
    text = Lines(speech=speech)(
        ("Tham số", "Parameter", found.name),
        ("Quy chế", "Profile", document["profile"]),
        ("Giá trị", "Value", value),
        ("Căn cứ", "Citation", found.citation),
        ("Hiệu lực", "In force", f"{document['from'] or '…'} → {document['to'] or '…'}"),
        ("Độ tin cậy", "Confidence", found.confidence),
        ("Ghi chú", "Note", found.note or None),
        ("Nghị định đứng sau", "Decree behind", _decree_text(rules, found, speech)),
        ("Quy định quốc gia", "National rule", _overlay_text(overlay, speech) if overlay else None),
    )
    speech.say(document, text=text)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_plain(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    return str(value)


def _decree_behind(rules: policies.Rules, found: policies.Parameter) -> policies.Parameter | None:
    """What the decree says where the profile itself is silent."""
    if found.profile is None or found.origin != "profile" or found.value is not None:
        return None
    return rules.decrees[rules.profile(found.profile).decree].get(found.name)


def _decree_json(rules: policies.Rules, found: policies.Parameter) -> dict[str, object] | None:
    behind = _decree_behind(rules, found)
    if behind is None:
        return None
    return {
        "value": thaw(behind.value),
        "unit": behind.unit,
        "citation": behind.citation,
        "confidence": behind.confidence,
    }


def _decree_text(rules: policies.Rules, found: policies.Parameter, speech: Speech) -> str | None:
    behind = _decree_behind(rules, found)
    if behind is None:
        return None
    return f"{_plain(thaw(behind.value))} {_unit(speech, behind.unit)} ({behind.citation}, {behind.confidence})"


def _overlay_json(overlay: policies.Overlay, speech: Speech) -> dict[str, object]:
    return {
        "value": thaw(overlay.value),
        "unit": overlay.unit,
        "citation": overlay.citation,
        "from": overlay.from_.isoformat() if overlay.from_ else None,
        "to": overlay.to.isoformat() if overlay.to else None,
        "confidence": overlay.confidence,
        "rule": overlay.rule,
        "scope": speech.pick(overlay.scope_vi, overlay.scope_en),
    }


def _overlay_text(overlay: policies.Overlay, speech: Speech) -> str:
    value = f"{_plain(thaw(overlay.value))} {_unit(speech, overlay.unit)}".strip()
    return f"{value} ({overlay.citation}): {speech.pick(overlay.scope_vi, overlay.scope_en)}"


law.add_command(coverage)
law.add_command(law_map)

__all__ = ["PolicyError", "case", "law", "notice", "time"]
