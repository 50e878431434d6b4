"""Rules and standing permissions, as this program reads and tells them; and what the daemon says when it is asked why."""

from __future__ import annotations

import msgspec
from textual.content import Content

from .clock import due
from .labelled import heading, labelled, listed, short
from .replies import Plain, each, moment
from .widgets.table_list import TableRow

CHANGES = (
    ("allowed", "would newly be allowed"),
    ("denied", "would newly be denied"),
    ("asked", "would newly ask"),
    ("same", "would be as it was"),
)
TESTED_SHOWN = 100
TERMS_SHOWN = 12


class _Rule(msgspec.Struct, frozen=True):
    id: str
    match: str = ""
    when: str = ""
    verdict: str = ""
    risk: str = ""
    firm: bool = False
    reason: str = ""
    problem: str = ""


class RuleView(msgspec.Struct, frozen=True):
    """One rule, in the order in which it is tried. A file that cannot be read is a row of its own, with its `problem`."""

    id: str
    name: str
    where: str
    match: str = ""
    when: str = ""
    verdict: str = ""
    risk: str = ""
    firm: bool = False
    reason: str = ""
    problem: str = ""


class _Details(msgspec.Struct, frozen=True):
    rules: tuple[object, ...] = ()


class _File(msgspec.Struct, frozen=True):
    id: str = ""
    path: str = ""
    error: str = ""
    details: _Details = _Details()


class GrantView(msgspec.Struct, frozen=True):
    """A standing permission: what one agent may do unasked, to whom, how often, until when."""

    id: str
    agent: str = ""
    action: str = ""
    to: tuple[str, ...] = ()
    uses_max: int = 0
    used: int = 0
    left: int = 0
    per_day: int = 0
    amount_max: int | None = None
    status: str = ""
    expires_at: str | None = None
    at: str | None = None
    by: str = ""
    reason: str = ""
    ended: str = ""


class _Tried(msgspec.Struct, frozen=True):
    rule: str = ""
    where: str = ""
    outcome: str = ""
    terms: Plain = {}


class _Spoke(msgspec.Struct, frozen=True):
    number: str = ""
    word: str = ""
    reason: str = ""


class _Explained(msgspec.Struct, frozen=True):
    verdict: str = ""
    rule: str = ""
    where: str = ""
    risk: str = ""
    hold_us: int = 0
    reasons: tuple[str, ...] = ()
    tried: tuple[_Tried, ...] = ()
    spoke: tuple[_Spoke, ...] = ()
    grant: str = ""
    level: str = ""
    confidence: float | None = None
    basis: str = ""


class _Tested(msgspec.Struct, frozen=True):
    id: str = ""
    agent: str = ""
    action: str = ""
    summary: str = ""
    was: str = ""
    now: str = ""
    change: str = ""
    decided: str = ""
    became: str = ""
    rule: str = ""


class _Test(msgspec.Struct, frozen=True):
    compared: int = 0
    counts: dict[str, int] = {}
    against: int = 0
    items: tuple[_Tested, ...] = ()
    slips: tuple[str, ...] = ()


def rules(result: Plain) -> tuple[RuleView, ...]:
    """Return the rules of `policy.list`, in the order in which they are tried."""
    files, _ = each(result.get("items"), _File)
    found: list[RuleView] = []
    for file in files:
        where = file.path or file.id
        if file.error:
            found.append(
                RuleView(
                    f"{where}#", where, where, verdict="ask", problem=f"not in use, so everything asks: {file.error}"
                )
            )
        for place, rule in enumerate(each(file.details.rules, _Rule)[0]):
            found.append(
                RuleView(
                    f"{where}#{place}", rule.id, where, rule.match, rule.when, rule.verdict, rule.risk, rule.firm,
                    rule.reason, rule.problem,
                )
            )  # fmt: skip
    return tuple(found)


def grants(result: Plain) -> tuple[GrantView, ...]:
    return tuple(each(result.get("items"), GrantView)[0])


# --- rows and lines --------------------------------------------------------------------------------


def rule_row(number: int, rule: RuleView) -> TableRow:
    style = "list--high" if rule.problem or rule.verdict == "deny" else "list--row"
    when = f"! {rule.problem}" if rule.problem else rule.when or "always"
    return TableRow(rule.id, (str(number), rule.name, rule.match, when, rule.verdict, rule.risk), style)


def rule_lines(rule: RuleView, width: int) -> list[Content]:
    found = labelled("problem", rule.problem, width, "$text-error bold")
    found += labelled(
        "then", f"{rule.verdict}, {rule.risk} risk{', firm' if rule.firm else ''}" if rule.risk else "", width, "bold"
    )
    found += labelled("match", rule.match, width) + labelled("when", rule.when or "always", width)
    found += labelled("because", rule.reason, width) + labelled("file", rule.where, width)
    return found


def grant_row(one: GrantView, now_us: int) -> TableRow:
    ends = due(moment(one.expires_at), now_us) if one.status == "active" else one.status.replace("_", " ")
    style = "list--row" if one.status == "active" else "list--empty"
    return TableRow(
        one.id, (one.id, one.agent, one.action, listed(one.to), f"{one.left} of {one.uses_max}", ends), style
    )


def grant_lines(one: GrantView, width: int, now_us: int) -> list[Content]:
    found = labelled("may", f"{one.agent} may {one.action} unasked", width, "bold")
    found += labelled("to", listed(one.to), width)
    day = f", at most {one.per_day} a day" if one.per_day else ""
    amount = "" if one.amount_max is None else f", up to {one.amount_max / 100:.2f} each"
    found += labelled("used", f"{one.used} of {one.uses_max}{day}{amount}", width)
    found += labelled("ends", due(moment(one.expires_at), now_us) if one.status == "active" else one.status, width)
    found += (
        labelled("by", one.by, width) + labelled("because", one.reason, width) + labelled("ended", one.ended, width)
    )
    return found


def explained(result: Plain, width: int) -> list[Content]:
    """Return why: the verdict, the rule, what had something against it, and each rule that was tried with its values."""
    read = msgspec.convert(result, _Explained, strict=False)
    hold = f", held {read.hold_us / 1_000_000:g} s" if read.hold_us else ""
    found = labelled("verdict", f"{read.verdict}, {read.risk} risk{hold}", width, "bold")
    found += labelled("rule", listed((read.rule, read.where)), width)
    found += [line for reason in read.reasons for line in labelled("because", reason, width)]
    for guard in read.spoke:
        found += labelled(f"guard {guard.number}", f"says {guard.word}: {guard.reason}", width, "$text-warning")
    found += labelled("permit", read.grant, width) + labelled("level", read.level, width)
    if read.basis:
        said = "-" if read.confidence is None else f"{read.confidence:.2f}"
        found += labelled("record", f"{said}, {read.basis}", width)
    if read.tried:
        found += [Content(""), heading("Tried in this order")]
    for tried in read.tried:
        style = "bold" if tried.outcome == "matched" else ""
        found += labelled("", f"{tried.rule}  {tried.where}: {tried.outcome}", width, style)
        for name, value in list(tried.terms.items())[:TERMS_SHOWN]:
            found += labelled("", f"- {name} is {short(value)}", width)
    return found


def tested(result: Plain, width: int) -> list[Content]:
    """Return what other rules would have said to the past, the differences first."""
    read = msgspec.convert(result, _Test, strict=False)
    found = [heading(f"{read.compared} actions of the past; nothing was done")]
    found += [line for name, said in CHANGES for line in labelled(f"{read.counts.get(name, 0):>7}", said, width)]
    if read.against:
        said = f"of what would newly be allowed, you had rejected or changed {read.against}"
        found += labelled(f"{read.against:>7}", said, width, "$text-error bold")
    found += [
        line for slip in read.slips for line in labelled("beware", f"{slip}; it always asks", width, "$text-warning")
    ]
    different = [one for one in read.items if one.change != "same"][:TESTED_SHOWN]
    found += [Content("")] if different else []
    for one in different:
        said = f"{one.was} > {one.now}  {one.action} by {one.agent}, {one.decided or one.became}: {one.summary} ({one.rule})"
        found += labelled(one.id, said, width)
    return found
