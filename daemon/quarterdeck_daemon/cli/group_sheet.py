"""Groups on the command line: what is alike as one sheet, a tick for each, and why a tick is off."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .output import Printer
from .plain import Plain, record, strings, text
from .proposal import name_of, targets
from .text import cut, line

TARGET_COLUMNS = 34
SUMMARY_COLUMNS = 60


def groups_in(items: list[Plain]) -> dict[str, list[Plain]]:
    """The groups among waiting items, in their order, each with its items in theirs."""
    found: dict[str, list[Plain]] = {}
    for item in items:
        if strings(item.get("group_items")):
            found.setdefault(text(item, "group"), []).append(item)
    return {name: members for name, members in found.items() if len(members) > 1}


def ticked_in(members: list[Plain]) -> list[str]:
    """Ids whose tick is on unless somebody says otherwise."""
    return [text(one, "id") for one in members if one.get("ticked") is True]


def sheet(printer: Printer, name: str, members: list[Plain], ticked: Collection[str]) -> Iterator[str]:
    """Yield the group: what is the same in all, then a numbered line for each."""
    first = members[0]
    head = f"group {name}: {len(members)} x {name_of(first)} by {text(first, 'agent')}, {text(first, 'risk')} risk"
    yield printer.paint(line(head), "bold")
    yield line(
        f"  same in all: agent, verb, template, {_rule(first)}; no money, nothing that is the first of its kind"
    )
    for number, one in enumerate(members, start=1):
        yield _row(number, one, text(one, "id") in ticked)
    yield f"  {len(ticked)} of {len(members)} ticked"


def _rule(item: Plain) -> str:
    policy = record(item.get("policy"))
    return f"rule {text(policy, 'rule')} ({text(policy, 'where')})"


def _row(number: int, item: Plain, ticked: bool) -> str:
    where = cut(line(", ".join(targets(item)) or "nobody outside"), TARGET_COLUMNS)
    said = cut(line(text(item, "summary")), SUMMARY_COLUMNS)
    outlier = text(item, "outlier")
    note = f"  ! {line(outlier)}" if outlier else ""
    return f"  [{'x' if ticked else ' '}] {number:>2}  {line(text(item, 'id')):<6} {where:<{TARGET_COLUMNS}}  {said}{note}"
