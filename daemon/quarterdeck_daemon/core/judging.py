"""Judging a model: how near its answers come to what the operator made of such answers before.

A case is a question that a run asked a model, with what was decided about it later:

    choice  of choices: the playbook of the plan that was approved for it; else, when all that its run proposed was
            approved as it was, what was chosen then
    text    written: the argument of an action that came from the answer, as it was approved; an edit counts as edited

Agreement of a choice is 1 or 0, of a text the share of words in common, in order: 1 word for word, 0 nothing. What was rejected
has no right answer; it counts apart whether a model repeats it. A case that a model may not be shown is withheld from it, an
answer that it could not give agrees with nothing. With few cases nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal

import msgspec

from quarterdeck_protocol.labels import Labels

from .calibration import NOTHING, percent, wilson
from .entities import Action, ModelCall, Plain, Plan
from .orders import ModelReply
from .vocabulary import CONFIDENCE_DECISIONS_MIN

CASES_MAX: Final = 200
SOURCE_MIN: Final = 0.6  # So like an answer an argument must have been proposed to have come from it.
REPEATED_MIN: Final = 0.9  # From here on it is the same text again.
WORDS_MAX: Final = 1_000  # Of a text that are compared.
TEXT_CHARS_MIN: Final = 20  # Shorter arguments are names and dates.
DEPTH_MAX: Final = 6
WORD: Final = re.compile(r"\w+|[^\w\s]")

Stood = Literal["unchanged", "edited", "rejected"]
ReplyOf = Callable[[ModelCall], ModelReply | None]
"""The recorded answer of a call; None when it was forgotten."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One question and what was decided. wanted: the right answer; of what was rejected, the wrong one."""

    call: str
    purpose: str
    kind: Literal["choice", "text"]
    wanted: str
    stood: Stood
    labels: Labels
    model: str  # Who answered then, by its full id.


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How a model did at one purpose.

    n  cases with a right answer that it was shown      agreed  sum of its agreement with them
    own       of them, how many it had answered itself at the time, so that its own words were what was decided about
    failed    of them, how many it gave no answer to    rejected, repeated  cases with a wrong answer; how often it gave that
    """

    n: int = 0
    agreed: float = 0.0
    own: int = 0
    failed: int = 0
    withheld: int = 0
    rejected: int = 0
    repeated: int = 0


# --- cases ----------------------------------------------------------------------------------------


def cases_of(
    calls: Iterable[ModelCall], actions: Iterable[Action], plans: Iterable[Plan], reply_of: ReplyOf, most: int
) -> list[Case]:
    """The latest decided questions, newest first; one of each question."""
    acted: dict[str, list[Action]] = {}
    for action in actions:
        acted.setdefault(action.run, []).append(action)
    planned = {plan.working: plan for plan in plans if plan.working}
    found: list[Case] = []
    seen: set[str] = set()
    for call in sorted(calls, key=lambda one: one.asked_seq, reverse=True):
        plan, made = planned.get(call.run), acted.get(call.run, [])
        if not call.run or call.status != "answered" or call.request_hash in seen or not (plan or made):
            continue
        reply = reply_of(call)
        case = _case(call, reply, plan, made) if reply is not None else None
        if case is not None:
            seen.add(call.request_hash)
            found.append(case)
        if len(found) >= most:
            break
    return found


def _case(call: ModelCall, reply: ModelReply, plan: Plan | None, made: Sequence[Action]) -> Case | None:
    kind: Literal["choice", "text"] = "choice" if reply.scores else "text"
    decided = _choice(reply, plan, made) if reply.scores else _text(reply, made)
    if decided is None:
        return None
    wanted, stood = decided
    return Case(
        call=call.id, purpose=call.purpose, kind=kind, wanted=wanted, stood=stood, labels=call.labels,
        model=reply.model,
    )  # fmt: skip


def _choice(reply: ModelReply, plan: Plan | None, made: Sequence[Action]) -> tuple[str, Stood] | None:
    best = max(reply.scores, key=lambda name: reply.scores[name])
    if plan is not None:
        if plan.status == "rejected":
            return best, "rejected"
        names = (plan.playbook,) if plan.edited else (str(plan.why.get("name", "")), plan.playbook)
        named = next((name for name in names if name in reply.scores), "")
        return (named, "edited" if plan.edited else "unchanged") if named and plan.status == "approved" else None
    stood = [_stood(action) for action in made]
    return (best, "unchanged") if stood and all(one == "unchanged" for one in stood) else None


def _text(reply: ModelReply, made: Sequence[Action]) -> tuple[str, Stood] | None:
    """The argument that came from this answer, and what was made of it."""
    said = texts_in(reply)
    best: tuple[float, str, Stood] | None = None
    for action in made:
        stood = _stood(action)
        proposed, decided = dict(_strings(action.proposed_args or action.args)), dict(_strings(action.args))
        for place, text in proposed.items() if stood is not None else ():
            near = agreement(said, text) if len(text) >= TEXT_CHARS_MIN else 0.0
            wanted = decided.get(place, "")
            if stood is not None and wanted and near >= SOURCE_MIN and (best is None or near > best[0]):
                best = near, wanted, "unchanged" if stood == "edited" and wanted == text else stood
    return best[1:] if best is not None else None


def _stood(action: Action) -> Stood | None:
    """What the operator decided. None: nothing yet, or not the operator, or it was undone since."""
    if action.status == "rejected":
        return "rejected"
    if action.approval is None or action.compensated_by or action.status in ("withdrawn", "expired", "compensated"):
        return None
    return "edited" if action.approval.edited else "unchanged"


def texts_in(reply: ModelReply) -> list[str]:
    """What an answer says, as texts: of an answer under a schema those in its fields, else all of it."""
    if reply.value is None:
        return [reply.text]
    return [text for _, text in _strings(reply.value) if len(text) >= TEXT_CHARS_MIN]


def _strings(value: object, at: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """(where, text) of each text in a plain value."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict) and depth < DEPTH_MAX:
        for name, one in value.items():
            yield from _strings(one, f"{at}.{name}", depth + 1)
    elif isinstance(value, list | tuple) and depth < DEPTH_MAX:
        for place, one in enumerate(value):
            yield from _strings(one, f"{at}.{place}", depth + 1)


# --- marks ----------------------------------------------------------------------------------------


def agreement(said: Iterable[str], wanted: str) -> float:
    """How near the nearest of these texts is to the wanted one, 0 to 1, by words in common and in order."""
    words = WORD.findall(wanted)[:WORDS_MAX]
    return max((_likeness(WORD.findall(text)[:WORDS_MAX], words) for text in said), default=0.0)


def _likeness(one: list[str], other: list[str]) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio() if one and other else 0.0


def marked(mark: Mark, case: Case, reply: ModelReply | None) -> Mark:
    """The mark with one more case. reply: None when the model gave no answer."""
    near = _nearness(case, reply)
    if case.stood == "rejected":
        repeated = near >= REPEATED_MIN
        return msgspec.structs.replace(mark, rejected=mark.rejected + 1, repeated=mark.repeated + repeated)
    own = reply is not None and reply.model == case.model
    return msgspec.structs.replace(
        mark, n=mark.n + 1, agreed=mark.agreed + near, own=mark.own + own, failed=mark.failed + (reply is None)
    )


def _nearness(case: Case, reply: ModelReply | None) -> float:
    if reply is None:
        return 0.0
    if case.kind == "choice":
        return float(max(reply.scores, key=lambda name: reply.scores[name], default="") == case.wanted)
    return agreement(texts_in(reply), case.wanted)


def enough(mark: Mark) -> bool:
    return mark.n >= CONFIDENCE_DECISIONS_MIN


def told(mark: Mark) -> Plain:
    """The mark as it is shown: {n, agreement, low, high, says …}; the shares are None without enough data."""
    plain: Plain = {**msgspec.to_builtins(mark), "agreement": None, "low": None, "high": None}
    if not enough(mark):
        return {**plain, "says": f"{NOTHING} ({mark.n} of {CONFIDENCE_DECISIONS_MIN} decisions)"}
    share, (low, high) = mark.agreed / mark.n, wilson(mark.agreed, mark.n)
    says = f"{percent(share)} of {mark.n} ({percent(low)} to {percent(high)})"
    return {**plain, "agreement": round(share, 4), "low": low, "high": high, "says": says}
