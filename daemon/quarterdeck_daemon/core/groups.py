"""Groups: proposals that are alike are decided together, each with a tick of its own.

Alike are proposals of one agent for one verb, out of one playbook and template, under one rule at one risk. Money, secrets,
deletion, what is the first of its kind, high risks and targets that came from outside are never in a group: each of these is
read by itself. In a group the tick of an outlier is off, with the reason in words.

A group's name holds a hash of its members as they are shown: whoever decides about a name decides about exactly those.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

import msgspec

from quarterdeck_protocol.labels import SENSITIVITY_ORDER

from .approval_order import order_of
from .confirming import needs_word
from .entities import Action, Record, Run
from .guards import RISK_ORDER, widens
from .hashing import value_hash
from .table import Table
from .track import record_id
from .vocabulary import amount_of

ALONE = frozenset(("R2", "R5", "R6"))  # What these guards speak about is read by itself.
GROUP_MIN = 2
GROUP_MAX = 100  # More than these in one sheet is more than anybody reads; what is over stands by itself.
NAME_CHARS = 6
FAR_TIMES = (
    2.0  # So many times the group's median, or less than its part: an amount or a length is far from the others.
)
FAR_CHARS = 200  # A text is no outlier by a smaller difference.
_NUMBER = re.compile(r"[0-9][0-9.,:/%-]*")
_QUOTED = re.compile(r"[\"'“”„«»(][^\"'“”„«»)]*[\"'“”„«»)]")
_NAME = re.compile(r"(?<=\s)[A-ZÄÖÜÉÈÁÀÅØÇÑ][^\s,.;:]*")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting action as grouping sees it. alone: it is decided by itself."""

    action: Action
    playbook: str = ""
    alone: bool = False


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """items: in the order of asking.  outliers: why a tick is off, by id."""

    id: str
    items: tuple[Action, ...]
    outliers: dict[str, str]

    @property
    def ticked(self) -> tuple[str, ...]:
        return tuple(one.id for one in self.items if one.id not in self.outliers)


def cards_of(table: Table, actions: Iterable[Action]) -> list[Card]:
    """What grouping must know of waiting actions: their verdicts, and the record of now."""
    return [_card(table, action) for action in actions]


def _card(table: Table, action: Action) -> Card:
    name, verdict = f"{action.connector}.{action.verb}", action.verdict
    record = table.get(Record, record_id(action.agent, name))
    first = record is None or not record.tally.decisions
    guarded = bool(ALONE.intersection((*verdict.guards, verdict.rule))) or verdict.level == "suggest"
    run = table.get(Run, action.run) if action.run else None
    return Card(
        action=action,
        playbook=run.playbook if run is not None else "",
        alone=bool(
            first or guarded or not widens(name) or needs_word(action) or action.returned or action.compensates
        ),
    )


# --- who belongs together -------------------------------------------------------------------------


def grouped(cards: Iterable[Card]) -> list[Group]:
    """The groups of at least two among the cards, in the order of their first members."""
    by_key: dict[str, list[Action]] = defaultdict(list)
    for card in cards:
        if not card.alone:
            by_key[_key(card)].append(card.action)
    found = [_group(sorted(items, key=order_of)[:GROUP_MAX]) for items in by_key.values() if len(items) >= GROUP_MIN]
    return sorted(found, key=lambda group: order_of(group.items[0]))


def _key(card: Card) -> str:
    action = card.action
    what = [action.connector, action.verb, action.agent, card.playbook, action.group or shape_of(action.summary)]
    return value_hash([*what, action.verdict.rule, action.verdict.where, RISK_ORDER[action.verdict.risk]])


def shape_of(summary: str) -> str:
    """A summary without its names, numbers and quotes: what a template would leave."""
    bare = _NAME.sub("N", _NUMBER.sub("0", _QUOTED.sub("Q", summary)))
    return re.sub(r"(?:N\s*)+", "N ", bare.partition(":")[0]).strip()


def _group(items: Sequence[Action]) -> Group:
    outliers = outliers_of(items)
    shown = [[one.id, one.shown_hash, one.id not in outliers] for one in items]
    first = items[0]
    name = f"{first.connector}.{first.verb}-{value_hash(shown)[:NAME_CHARS]}"
    return Group(id=name, items=tuple(items), outliers=outliers)


# --- who stands out -------------------------------------------------------------------------------


def outliers_of(items: Sequence[Action]) -> dict[str, str]:
    """Why ticks are off, by id: every reason in words, one after the other."""
    found: dict[str, list[str]] = defaultdict(list)
    for find in (_external, _strangers, _stricter, _amounts, _lengths, _crowds, _attached, _warned):
        for id, reason in find(items):
            found[id].append(reason)
    return {id: "; ".join(reasons) for id, reasons in found.items()}


Reasons = Iterator[tuple[str, str]]


def _external(items: Sequence[Action]) -> Reasons:
    for one in items:
        if one.labels.integrity == "external":
            yield one.id, "text from outside shaped it"


def _strangers(items: Sequence[Action]) -> Reasons:
    for one in items:
        new = one.seen.get("new")
        names = [str(name) for name in new] if isinstance(new, list | tuple) else []
        if names:
            yield one.id, f"new recipient: {', '.join(names[:3])}"


def _stricter(items: Sequence[Action]) -> Reasons:
    usual = min(SENSITIVITY_ORDER[one.labels.sensitivity] for one in items)
    for one in items:
        if SENSITIVITY_ORDER[one.labels.sensitivity] > usual:
            yield one.id, f"it is {one.labels.sensitivity}, others are not"


def _far(value: float, others: Sequence[float]) -> bool:
    middle = median(others) if others else value
    return middle > 0 and not middle / FAR_TIMES <= value <= middle * FAR_TIMES


def _amounts(items: Sequence[Action]) -> Reasons:
    found = {one.id: amount_of(f"{one.connector}.{one.verb}", one.args) for one in items}
    values = {id: amount[0] for id, amount in found.items() if amount is not None}
    for id, value in values.items():
        others = [other for key, other in values.items() if key != id]
        if _far(value, others):
            yield id, f"its amount is {value / 100:.2f}, the others are about {median(others) / 100:.2f}"


def _length(action: Action) -> int:
    return max(
        (len(value) for name in ("body", "text") if isinstance(value := action.args.get(name), str)), default=0
    )


def _lengths(items: Sequence[Action]) -> Reasons:
    sizes = {one.id: _length(one) for one in items}
    for id, size in sizes.items():
        others = [other for key, other in sizes.items() if key != id]
        if _far(size, others) and abs(size - median(others)) > FAR_CHARS:
            yield id, f"its text has {size} characters, the others about {median(others):.0f}"


def _unusual(items: Sequence[Action], count: Callable[[Action], int], what: str) -> Reasons:
    numbers = {one.id: count(one) for one in items}
    usual, times = Counter(numbers.values()).most_common(1)[0]
    for id, number in numbers.items():
        if number != usual and times * 2 > len(items):
            yield id, f"it has {number} {what}, the others {usual}"


def _crowds(items: Sequence[Action]) -> Reasons:
    yield from _unusual(items, lambda one: len(one.targets), "recipients")


def _attachments(action: Action) -> int:
    found = action.args.get("attachments")
    return len(found) if isinstance(found, list) else 0


def _attached(items: Sequence[Action]) -> Reasons:
    yield from _unusual(items, _attachments, "attachments")


def _warned(items: Sequence[Action]) -> Reasons:
    """Its agent warns of something that it does not warn of elsewhere in the group."""
    common = Counter(risk for one in items for risk in set(one.risks))
    for one in items:
        own = [risk for risk in one.risks if common[risk] * 2 <= len(items)]
        if own:
            yield one.id, f"beware: {own[0]}"
