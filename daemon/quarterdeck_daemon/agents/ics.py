"""A calendar file (RFC 5545) of spans and whole days: text that any calendar reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .calendar_days import Item, Span

LINE_BYTES_MAX: Final = 75
EVENTS_MAX: Final = 500


def ics_of(spans: Iterable[Span], items: Iterable[Item], zone: ZoneInfo, now_us: int) -> str:
    """The file; the same entries make the same ids, so that importing it twice makes nothing twice."""
    stamp = datetime.fromtimestamp(now_us / 1e6, UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Quarterdeck//Scheduler//EN"]
    for one in list(spans)[:EVENTS_MAX]:
        times = [f"DTSTART:{_in_utc(one.day, one.begin, zone)}", f"DTEND:{_in_utc(one.day, one.end, zone)}"]
        lines += _event(one.title, times, stamp)
    for item in list(items)[:EVENTS_MAX]:
        day, after = item.day.strftime("%Y%m%d"), (item.day + timedelta(days=1)).strftime("%Y%m%d")
        lines += _event(item.text, [f"DTSTART;VALUE=DATE:{day}", f"DTEND;VALUE=DATE:{after}"], stamp)
    return "".join(_folded(line) + "\r\n" for line in (*lines, "END:VCALENDAR"))


def _in_utc(day: date, clock: time, zone: ZoneInfo) -> str:
    """In UTC, so that the file needs no table of zones."""
    return datetime.combine(day, clock, zone).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _event(title: str, times: list[str], stamp: str) -> list[str]:
    """It takes no time from the day: what is free or due does not make one busy."""
    said = title.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    uid = hashlib.blake2b(f"{times} {title}".encode(), digest_size=12).hexdigest()
    named = [f"UID:{uid}@quarterdeck", f"DTSTAMP:{stamp}"]
    return ["BEGIN:VEVENT", *named, *times, f"SUMMARY:{said}", "TRANSP:TRANSPARENT", "END:VEVENT"]


def _folded(line: str) -> str:
    """Lines of at most 75 bytes, the rest on lines that begin with a blank; no character is cut."""
    kept: list[str] = []
    size = 0
    for sign in line:
        length = len(sign.encode())
        if size + length > LINE_BYTES_MAX:
            kept.append("\r\n ")
            size = 1
        kept.append(sign)
        size += length
    return "".join(kept)
