"""Agents, how far each may go, budgets and models, as this program reads and tells them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from textual.content import Content

from .clock import due
from .labelled import heading, labelled, listed, short
from .marks import ASCII, Marks
from .replies import Plain, each, moment
from .text import fit
from .widgets.table_list import TableRow

LEVELS = ("observe", "suggest", "act_with_approval", "act_and_report", "autonomous")
BAR_CELLS = 10
MEASURES = ("calls", "minutes", "tokens", "money")
MB = 1_000_000


class _Details(msgspec.Struct, frozen=True):
    role: str = ""
    mode: str = ""
    work: str = ""
    effects: tuple[object, ...] = ()
    facts: tuple[str, ...] = ()
    reads: tuple[object, ...] = ()
    scope: Plain = {}
    budget: Plain = {}
    sla: str = ""
    at_once: int = 0
    intents: tuple[str, ...] = ()


class AgentView(msgspec.Struct, frozen=True):
    """An agent as `agent.list` has it: its contract in `details`."""

    id: str
    version: str = ""
    path: str = ""
    description: str = ""
    details: _Details = _Details()


class LevelView(msgspec.Struct, frozen=True):
    """How far an agent may go in one kind of action, and what its record says."""

    id: str
    agent: str = ""
    action: str = ""
    level: str = ""
    proposed: str = ""
    why: str = ""
    confidence: float | None = None
    basis: str = ""
    track: Plain = {}
    next: str = ""
    needed: int = 0
    by: str = ""
    reason: str = ""

    @property
    def said(self) -> str:
        return self.level.replace("_", " ") or "as the rules say"


class Spent(msgspec.Struct, frozen=True):
    calls: int = 0
    ms: int = 0
    tokens: int = 0
    money: int = 0

    def of(self, measure: str) -> float:
        return self.ms / 60_000 if measure == "minutes" else float(getattr(self, measure))


class BudgetView(msgspec.Struct, frozen=True):
    """One limit of one thing in the present span of time."""

    id: str
    per: str = ""
    over: str = ""
    limit: Spent = Spent()
    used: Spent = Spent()
    reserved: Spent = Spent()
    at_once: int = 0
    in_use: int = 0
    waiting: int = 0
    ends_at: str | None = None

    @property
    def key(self) -> str:
        return f"{self.id} {self.per}"

    def share(self) -> float:
        """The part that is used or reserved, of whatever is nearest its end; 0 to 1 and above."""
        parts = [self.in_use / self.at_once] if self.at_once else []
        for measure in MEASURES:
            if limit := self.limit.of(measure):
                parts.append((self.used.of(measure) + self.reserved.of(measure)) / limit)
        return max(parts, default=0.0)


class ModelView(msgspec.Struct, frozen=True):
    id: str
    kind: str = ""
    about: str = ""
    remote: bool = False
    ready: bool = False
    used: bool = False
    answering: bool = False
    loaded: bool = False
    problem: str = ""
    fix: str = ""
    size_bytes: int = 0
    purposes: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    tokens_s: float = 0.0
    first_ms: float = 0.0
    memory_mb: int = 0


class CostLine(msgspec.Struct, frozen=True):
    id: str
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    money: str = "0"


def agents(result: Plain) -> tuple[AgentView, ...]:
    return tuple(each(result.get("items"), AgentView)[0])


def levels(result: Plain) -> tuple[LevelView, ...]:
    return tuple(each(result.get("items"), LevelView)[0])


def budgets(result: Plain) -> tuple[BudgetView, ...]:
    return tuple(each(result.get("items"), BudgetView)[0])


def models(result: Plain) -> tuple[ModelView, ...]:
    return tuple(each(result.get("items"), ModelView)[0])


def costs(result: Plain) -> dict[str, CostLine]:
    """Return the lines of `cost.report`, by what they are about, without its kind."""
    return {line.id.partition(":")[2] or line.id: line for line in each(result.get("items"), CostLine)[0]}


# --- rows ------------------------------------------------------------------------------------------


def agent_row(one: AgentView, own: Sequence[LevelView], cost: CostLine | None) -> TableRow:
    asks = sum(bool(level.proposed) for level in own)
    calls, money = ("-", "") if cost is None else (str(cost.calls), cost.money if cost.money != "0" else "")
    most = max((LEVELS.index(level.level) for level in own if level.level in LEVELS), default=-1)
    level = LEVELS[most].replace("_", " ") if most >= 0 else "rules"
    cells = (
        one.id,
        one.details.mode,
        one.details.work,
        level,
        f"{asks} proposed" if asks else "",
        calls,
        money,
        one.description,
    )
    return TableRow(one.id, cells, "list--ticked" if asks else "list--row")


def budget_row(one: BudgetView, now_us: int, marks: Marks) -> TableRow:
    share = one.share()
    style = "list--high" if share >= 1 or one.waiting else "list--ticked" if share >= 0.9 else "list--row"
    cells = (
        one.id,
        one.per,
        bar(share, marks),
        f"{share:.0%}",
        spent(one),
        str(one.waiting or ""),
        due(moment(one.ends_at), now_us),
    )
    return TableRow(one.key, cells, style)


def spent(one: BudgetView) -> str:
    """Return what is used of each limit, in words."""
    said = [f"{one.in_use} of {one.at_once} at once"] if one.at_once else []
    for measure in MEASURES:
        if limit := one.limit.of(measure):
            used = one.used.of(measure) + one.reserved.of(measure)
            said.append(f"{amount(measure, used)} of {amount(measure, limit)} {measure}")
    return listed(said)


def amount(measure: str, value: float) -> str:
    return f"{value / 100:.2f}" if measure == "money" else f"{value:g}" if measure != "minutes" else f"{value:.1f}"


def bar(share: float, marks: Marks, cells: int = BAR_CELLS) -> str:
    """Return a bar of `cells`; full at 1 and above."""
    full = min(max(round(share * cells), 0), cells)
    return ("#" if marks is ASCII else "█") * full + ("." if marks is ASCII else "░") * (cells - full)


def model_row(one: ModelView) -> TableRow:
    state = "answers" if one.answering else "loaded" if one.loaded else "ready" if one.ready else "not ready"
    where = "leaves house" if one.remote else "here"
    speed = f"{one.tokens_s:.0f} tok/s" if one.tokens_s else ""
    used = listed(one.routes) or ("used" if one.used else "")
    style = "list--high" if one.used and not one.ready else "list--row" if one.used else "list--empty"
    return TableRow(one.id, (one.id, one.kind, state, where, speed, used, one.problem or one.about), style)


# --- lines -----------------------------------------------------------------------------------------


def agent_lines(
    one: AgentView,
    own: Sequence[LevelView],
    limits: Sequence[BudgetView],
    cost: CostLine | None,
    width: int,
    marks: Marks,
) -> list[Content]:
    """Return the contract, what it may do by its record, its budgets, and what it used today."""
    form = one.details
    found = labelled("does", one.description, width, "bold")
    for level in own:
        found += labelled("may", f"{level.action}: {level.said}{_record(level)}", width)
        if level.proposed:
            said = f"its record speaks for: {level.proposed.replace('_', ' ')} ({level.why}); + accepts, - declines"
            found += labelled("", said, width, "$text-accent bold")
    found += labelled("proposes", listed(short(effect) for effect in form.effects) or "nothing", width)
    found += labelled("facts", listed(form.facts), width)
    found += labelled("reads", listed(short(one) for one in form.reads), width)
    found += labelled("sees", listed(f"{name} {short(value)}" for name, value in form.scope.items() if value), width)
    for limit in limits:
        found += labelled("budget", f"{fit(limit.per, 8)} {bar(limit.share(), marks)} {spent(limit)}", width)
    found += labelled(
        "limits",
        listed((f"{form.at_once} at once" if form.at_once else "", form.sla and f"a step at most {form.sla}")),
        width,
    )
    if cost is not None:
        found += labelled(
            "today", f"{cost.calls} calls, {cost.tokens} tokens, {cost.seconds:.1f} s of work, {cost.money}", width
        )
    found += labelled("asked by", listed(form.intents[:6]), width) + labelled(
        "file", listed((one.path, one.version)), width
    )
    return found


def _record(level: LevelView) -> str:
    counted = {name: value for name, value in level.track.items() if isinstance(value, int) and value}
    said = listed(f"{value} {name}" for name, value in counted.items())
    confidence = "" if level.confidence is None else f"{level.confidence:.2f}, "
    still = f"; {level.needed} more for {level.next.replace('_', ' ')}" if level.needed and level.next else ""
    return f"  ({confidence}{said or 'no record yet'}{still})"


def budget_lines(one: BudgetView, width: int, now_us: int) -> list[Content]:
    found = labelled("used", spent(one) or "no limit", width, "bold")
    reserved = [f"{amount(name, one.reserved.of(name))} {name}" for name in MEASURES if one.reserved.of(name)]
    found += labelled("reserved", listed(reserved), width)
    found += labelled("waits", f"{one.waiting} for room" if one.waiting else "", width, "$text-warning")
    found += labelled("over", one.over and f"work that does not fit: {one.over}", width)
    found += labelled("ends", f"the span ends in {due(moment(one.ends_at), now_us)}" if one.ends_at else "", width)
    return found


def model_lines(one: ModelView, width: int) -> list[Content]:
    found = labelled("problem", one.problem, width, "$text-error bold") + labelled("fix", one.fix, width, "bold")
    found += labelled("about", one.about, width)
    found += labelled("for", listed(one.purposes) or "any purpose", width) + labelled(
        "routes", listed(one.routes), width
    )
    size = f"{one.size_bytes / MB:.0f} MB on disk" if one.size_bytes else ""
    memory = f"{one.memory_mb} MB in memory" if one.memory_mb else ""
    first = f"first token after {one.first_ms:.0f} ms" if one.first_ms else ""
    found += labelled(
        "figures", listed((size, memory, f"{one.tokens_s:.1f} tokens/s" if one.tokens_s else "", first)), width
    )
    found += labelled("texts", "leave this machine" if one.remote else "stay on this machine", width)
    return found


def levels_words(own: Sequence[LevelView]) -> list[Content]:
    """What can be typed for a level."""
    found = [heading("ACTION LEVEL, such as: mail.send act_and_report")]
    found += labelled("levels", listed((*LEVELS, "rules")), 74)
    for level in own:
        found += labelled("now", f"{level.action} {level.said}", 74)
    return found
