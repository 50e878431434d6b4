"""What work costs and how well it goes: figures as this program reads, adds and draws them, as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from textual.content import Content

from .labelled import heading, labelled
from .marks import Marks
from .replies import Plain, each
from .team import CostLine, bar
from .text import fit, fit_right, visible
from .widgets.table_list import TableRow

BAR_CELLS = 30
NAME_CELLS = 12
AS_IS = "approved as it was"


class CostView(msgspec.Struct, frozen=True):
    """`cost.report` of one span of time."""

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    money: str = "0"
    complete: bool = True
    models: Plain = {}
    forecast: Plain = {}

    @property
    def amount(self) -> float:
        try:
            return float(self.money)
        except ValueError:
            return 0.0


class AgentWeek(msgspec.Struct, frozen=True):
    """What became of what one agent proposed in the last seven days."""

    id: str
    done: int = 0
    approved: int = 0
    edited: int = 0
    rejected: int = 0
    failed: int = 0
    undone: int = 0

    @property
    def asked(self) -> int:
        return self.approved + self.edited + self.rejected

    @property
    def automatic(self) -> int:
        """What left without a yes, as far as the week tells: a yes of last week may have left in this one."""
        return max(self.done - self.approved - self.edited, 0)


class Attention(msgspec.Struct, frozen=True):
    decisions: int = 0
    minutes: float = 0.0
    decisions_target: int = 0
    minutes_target: int = 0
    days: int = 1


class WeekView(msgspec.Struct, frozen=True):
    """`digest.get` of a week, as far as figures go."""

    agents: tuple[AgentWeek, ...] = ()
    attention: Attention = Attention()
    lessons: tuple[str, ...] = ()
    complete: bool = True


class Day(msgspec.Struct, frozen=True):
    """What one day cost."""

    name: str
    cost: CostView


def cost(result: Plain) -> tuple[CostView, tuple[CostLine, ...]]:
    """Return a span's sums and its lines, the dearest first. Raises ValidationError when they cannot be read."""
    lines = each(result.get("items"), CostLine)[0]
    ordered = sorted(lines, key=lambda line: (-_money(line), -line.seconds, line.id))
    return msgspec.convert(result, CostView, strict=False), tuple(ordered)


def week(result: Plain) -> WeekView:
    return msgspec.convert(result, WeekView, strict=False)


def _money(line: CostLine) -> float:
    try:
        return float(line.money)
    except ValueError:
        return 0.0


def day_name(at: datetime) -> str:
    return f"{at:%a %d}"


# --- drawing ---------------------------------------------------------------------------------------


def cost_row(line: CostLine, most: float, marks: Marks) -> TableRow:
    """`most`: seconds of the line with the most work; the bar is the share of it."""
    name = line.id.partition(":")[2] or line.id
    each_s = f"{line.seconds / line.calls:.1f}s" if line.calls else ""
    money = line.money if line.money != "0" else "-"
    share = line.seconds / most if most else 0.0
    return TableRow(
        line.id,
        (name, str(line.calls), f"{line.tokens:,}", f"{line.seconds:.0f}s", each_s, money, bar(share, marks, 10)),
    )


def plots(days: Sequence[Day], now: CostView, seen: WeekView | None, width: int, marks: Marks) -> list[Content]:
    """Return everything beside the table: cost by day, asked and automatic, quality, models."""
    found = _by_day(days, width, marks)
    found += _models(now, width)
    if seen is not None:
        found += [Content(""), *_asked(seen, width, marks), Content(""), *_quality(seen, width)]
    if not now.complete or (seen is not None and not seen.complete):
        found += labelled(
            "note", "only the newest events were added up; ask for a shorter time", width, "$text-warning"
        )
    return found


def _by_day(days: Sequence[Day], width: int, marks: Marks) -> list[Content]:
    money = any(day.cost.amount for day in days)
    found = [heading("COST by day" if money else "CALLS by day; nothing cost money")]
    amounts = [day.cost.amount if money else float(day.cost.calls) for day in days]
    most = max(amounts, default=0.0)
    for day, amount in zip(days, amounts, strict=True):
        said = day.cost.money if money else str(day.cost.calls)
        found.append(_bar_line(day.name, amount / most if most else 0.0, said, width, marks))
    return found


def _bar_line(name: str, share: float, said: str, width: int, marks: Marks) -> Content:
    cells = max(min(BAR_CELLS, width - NAME_CELLS - 22), 8)
    return Content.assemble(
        fit(visible(name), NAME_CELLS), (bar(share, marks, cells), "$text-accent"), fit_right(said, 9)
    )


def _models(now: CostView, width: int) -> list[Content]:
    models, month = now.models, now.forecast
    saved = models.get("saved")
    saved = saved if isinstance(saved, dict) else {}
    found: list[Content] = []
    if models.get("calls") or models.get("reused"):
        rate = models.get("hit_rate")
        share = f" ({rate:.0%})" if isinstance(rate, float) else ""
        words = f"{models.get('calls', 0)} answers computed, {models.get('reused', 0)} known{share}"
        found += labelled(
            "models", f"{words}; that saved {saved.get('tokens', 0)} tokens, {saved.get('money', '0')}", width
        )
    if month.get("calls"):
        said = f"{month.get('money', '0')} and {month.get('tokens', 0)} tokens, if the month goes on like this"
        found += labelled("forecast", said, width)
    return found


def _asked(seen: WeekView, width: int, marks: Marks) -> list[Content]:
    """Each agent's asked and automatic actions of seven days, as a share of all its actions."""
    found = [heading("ASKED of all actions, 7 days")]
    for agent in seen.agents:
        total = agent.asked + agent.automatic
        if total:
            found.append(_bar_line(agent.id, agent.asked / total, f"{agent.asked} of {total}", width, marks))
    total = sum(agent.asked + agent.automatic for agent in seen.agents)
    asked = sum(agent.asked for agent in seen.agents)
    return found + labelled(
        "all", f"asked {_share(asked, total)}, automatic {_share(total - asked, total)}", width, "bold"
    )


def _quality(seen: WeekView, width: int) -> list[Content]:
    asked = sum(agent.asked for agent in seen.agents)
    counted = {
        name: sum(getattr(agent, name) for agent in seen.agents)
        for name in ("approved", "edited", "rejected", "failed", "undone")
    }
    found = [heading("QUALITY, 7 days")]
    said = f"{AS_IS} {_share(counted['approved'], asked)}, edited {_share(counted['edited'], asked)}, "
    found += labelled("yes", f"{said}rejected {_share(counted['rejected'], asked)}", width, "bold")
    found += labelled("after", f"failed {counted['failed']}, undone {counted['undone']}", width)
    told = seen.attention
    goal = f" of {told.decisions_target} meant" if told.decisions_target else ""
    each_s = f", {told.minutes * 60 / told.decisions:.0f} s each" if told.decisions else ""
    found += labelled("you", f"{told.decisions} decisions{goal}, {told.minutes:.0f} minutes{each_s}", width)
    return found + labelled("lessons", f"{len(seen.lessons)} learned" if seen.lessons else "", width)


def _share(part: int, total: int) -> str:
    return f"{part / total:.0%}" if total else "-"
