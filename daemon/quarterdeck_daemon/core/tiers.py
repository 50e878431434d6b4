"""Tiers: what each may hold, how much of it, and what of it every step sees without asking.

    instructions  the operator's own words only, exact; capped        core      always in context; capped
    working       of one run or conversation; the oldest makes room   project, long-term   recalled when they fit
    review        whatever is not of the operator; in no context      prospective   comes back when its words appear

Shelves hold the ids of what stands in a step's context unasked, so that a context costs a few reads, not a scan.
They follow from the memories: whatever event changes a memory, `keep_shelves` puts it where it belongs.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels

from .entities import Memory, Place, Plain, Settings, Shelf, Tier
from .settings import settings_of
from .table import Draft, Table
from .tokens import tokens_of
from .turn import Applier, Turn

STANDING: frozenset[str] = frozenset(("instructions", "core", "prospective"))
PROSPECTIVE_MAX = 500
FIRED_MAX = 50  # Things that one reminder remembers to have been brought back by.
NAMED_MAX = 12  # Memories that a refusal names.
WHEN_WORDS_MAX = 32
MATCHED_CHARS_MAX = 200_000
STEM_LETTERS = 4  # From this length on, a word of `when` also finds its longer forms: invoice, invoices.
_WORD = re.compile(r"[^\W_]+")


# --- who may lie where ----------------------------------------------------------------------------


def tier_for(wanted: Tier, labels: Labels) -> Tier:
    """What is not of the operator goes to review, whatever was asked for."""
    return wanted if labels.integrity == "operator" else "review"


def check_place(memory: Memory, tier: Tier) -> None:
    """Raise `policy_denied` when this memory may not lie in that tier; `bad_value` for a reminder of nothing."""
    named = memory.id if memory.seq else "it"  # What is not kept yet has no number that would lead anywhere.
    if tier != "review" and memory.labels.integrity != "operator":
        raise QuarterdeckError(
            "policy_denied",
            f"{named} is not of your own hand, so it stays in review",
            hint=f"Read it, then: quarterdeck memory endorse {memory.id}",
        )
    if tier == "instructions" and (memory.endorsed or memory.document or memory.depth):
        raise QuarterdeckError(
            "policy_denied",
            f"{named} came from elsewhere; instructions are your own words only",
            hint="Write it yourself: quarterdeck remember 'TEXT' --tier instructions",
        )
    if tier == "prospective" and not memory.when:
        raise QuarterdeckError(
            "bad_value",
            f"{named} does not say when it comes back, as what is prospective must",
            hint="quarterdeck remember 'TEXT' --when 'WORDS'",
        )


def may_be_source(memory: Memory) -> bool:
    """Whether facts may be extracted from it and summaries made of it: only what was said or read, not made from it.

    Everything that draws conclusions from memories asks here first; so nothing feeds on itself.
    """
    return memory.current and memory.depth == 0 and not memory.stands_for


# --- shelves --------------------------------------------------------------------------------------


def shelf_of(memory: Memory) -> str:
    """The shelf on which it stands; empty when it stands on none."""
    if not memory.current or memory.tier == "review":
        return ""
    if memory.tier == "working":
        return f"working/{memory.run}"
    return "standing" if memory.pinned or memory.tier in STANDING else ""


def keep_shelves(apply: Applier) -> Applier:
    """Return an applier that also puts every memory that the event changed where it belongs."""

    def applied(draft: Draft, event: Event) -> None:
        apply(draft, event)
        for memory in draft.touched(Memory):
            _shelve(draft, memory, event.seq)

    return applied


def _shelve(draft: Draft, memory: Memory, seq: int) -> None:
    home = shelf_of(memory)
    for id in ("standing", f"working/{memory.run}"):
        shelf = draft.get(Shelf, id) or Shelf(id=id)
        wanted = _place(memory) if id == home else None
        if shelf.places.get(memory.id) == wanted:
            continue
        places = {name: place for name, place in shelf.places.items() if name != memory.id}
        if wanted is not None:
            places[memory.id] = wanted
        draft.puts["shelf", id] = msgspec.structs.replace(shelf, seq=seq, places=places)


def _place(memory: Memory) -> Place:
    waits = memory.tier == "prospective" and (memory.repeats or not memory.fired)
    when = parse_when(memory.when) if waits else ()
    return Place(tier=memory.tier, tokens=tokens_of(memory.text), pinned=memory.pinned, when=when)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a step sees without asking, each in the order in which it was remembered."""

    instructions: tuple[Memory, ...] = ()
    pinned: tuple[Memory, ...] = ()
    core: tuple[Memory, ...] = ()
    working: tuple[Memory, ...] = ()
    reminders: tuple[Memory, ...] = ()


def standing(table: Table, run: str = "", sources: Iterable[str] = ()) -> Standing:
    """Return what belongs in the context of a step of this run, given what it reads (`kind:id`)."""
    always = _on(table, "standing")
    seen = frozenset(sources)
    return Standing(
        instructions=tuple(one for one in always if one.tier == "instructions"),
        pinned=tuple(one for one in always if one.pinned and one.tier not in STANDING),
        core=tuple(one for one in always if one.tier == "core"),
        working=_on(table, f"working/{run}"),
        reminders=tuple(one for one in always if one.tier == "prospective" and seen.intersection(one.fired)),
    )


def _on(table: Table, id: str) -> tuple[Memory, ...]:
    shelf = table.get(Shelf, id)
    found = (table.get(Memory, name) for name in (shelf.places if shelf else ()))
    return tuple(
        sorted(
            (one for one in found if one and shelf_of(one) == id), key=lambda one: (one.at_us, len(one.id), one.id)
        )
    )


# --- room -----------------------------------------------------------------------------------------

CAPS: dict[str, Callable[[Settings], int]] = {
    "instructions": lambda settings: settings.instructions_tokens,
    "core": lambda settings: settings.core_tokens,
    "pinned": lambda settings: settings.pinned_tokens,
}


def tokens_in(table: Table, part: str) -> dict[str, int]:
    """Tokens of each memory in `instructions`, `core` or `pinned`, by id."""
    shelf = table.get(Shelf, "standing")
    places = shelf.places.items() if shelf else ()
    return {id: place.tokens for id, place in places if _part_of(place.tier, place.pinned) == part}


def _part_of(tier: str, pinned: bool) -> str:
    return "pinned" if pinned and tier not in STANDING else tier


def make_room(turn: Turn, memory: Memory, *, instead_of: str = "") -> None:
    """See to it that the memory fits where it is going to stand, in the place of `instead_of` if that goes.

    Raises `budget_exceeded`, naming what is in there and how big; in a working tier the oldest makes room.
    """
    if shelf_of(memory) == "":
        return
    tokens = tokens_of(memory.text)
    if memory.tier == "working":
        _clear_working(turn, memory, tokens)
        return
    part = _part_of(memory.tier, memory.pinned)
    if part == "prospective":
        _check_reminders(turn, memory)
        return
    present = {id: size for id, size in tokens_in(turn.draft, part).items() if id not in (memory.id, instead_of)}
    cap = CAPS[part](settings_of(turn.draft))
    if sum(present.values()) + tokens > cap:
        raise _full(turn, part, cap, present, tokens)


def _full(turn: Turn, part: str, cap: int, present: dict[str, int], tokens: int) -> QuarterdeckError:
    items: list[Plain] = []
    for id, size in sorted(present.items(), key=lambda item: -item[1]):
        memory = turn.draft.get(Memory, id)
        items.append({"id": id, "tokens": size, "title": memory.title if memory else ""})
    named = ", ".join(f"{one['id']} ({one['tokens']}, {str(one['title'])[:40]})" for one in items[:NAMED_MAX])
    more = f" and {len(items) - NAMED_MAX} more" if len(items) > NAMED_MAX else ""
    used = sum(present.values())
    first = "Shorten it" if tokens > cap else "Move something out, e.g. `quarterdeck memory move ID long-term`"
    name = "pinned memories hold" if part == "pinned" else f"the {part} tier holds"
    return QuarterdeckError(
        "budget_exceeded",
        f"{name} {used:,} of {cap:,} tokens and this text has {tokens:,}; in there: {named or 'nothing'}{more}",
        hint=f"{first}, or raise {part}_tokens in [memory].",
        details={"part": part, "cap": cap, "used": used, "asked": tokens, "items": items},
    )


def _clear_working(turn: Turn, memory: Memory, tokens: int) -> None:
    cap = settings_of(turn.draft).working_tokens
    if tokens > cap:
        raise _full(turn, "working", cap, {}, tokens)
    present = [one for one in _on(turn.draft, f"working/{memory.run}") if one.id != memory.id]
    used = sum(tokens_of(one.text) for one in present)
    gone: list[str] = []
    for one in present:
        if used + tokens <= cap:
            break
        if not one.pinned:
            used -= tokens_of(one.text)
            gone.append(one.id)
    if gone:
        turn.emit("memory.expired", {"ids": gone, "rule": f"working memory is full at {cap} tokens"})


def _check_reminders(turn: Turn, memory: Memory) -> None:
    shelf = turn.draft.get(Shelf, "standing")
    count = sum(place.tier == "prospective" and id != memory.id for id, place in shelf.places.items()) if shelf else 0
    if count >= PROSPECTIVE_MAX:
        raise QuarterdeckError(
            "budget_exceeded",
            f"{PROSPECTIVE_MAX} reminders wait already",
            hint="Withdraw some: quarterdeck memory list --tier prospective",
        )


# --- when words appear ----------------------------------------------------------------------------


def parse_when(text: str) -> tuple[tuple[str, ...], ...]:
    """`acme invoice, overdue` -> all of the first words, or the second. Raises `bad_value` when there are none."""
    groups = tuple(words for part in text.split(",") if (words := words_of(part)))
    if not groups or sum(map(len, groups)) > WHEN_WORDS_MAX:
        raise QuarterdeckError(
            "bad_value",
            f"{text[:80]!r} names no words to wait for, or more than {WHEN_WORDS_MAX}",
            hint="Words that must all appear; a comma between alternatives: 'acme invoice, overdue'.",
        )
    return groups


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text without case and accents, sorted, each once."""
    flat = unicodedata.normalize("NFKD", text[:MATCHED_CHARS_MAX].casefold())
    bare = "".join(sign for sign in flat if not unicodedata.combining(sign)) if not flat.isascii() else flat
    return tuple(sorted(set(_WORD.findall(bare))))


def matches(when: tuple[tuple[str, ...], ...], words: tuple[str, ...]) -> bool:
    """Whether all words of one of the groups are among these sorted words."""
    return any(all(_has(words, word) for word in group) for group in when)


def _has(words: tuple[str, ...], wanted: str) -> bool:
    at = bisect_left(words, wanted)
    if at == len(words):
        return False
    return words[at].startswith(wanted) if len(wanted) >= STEM_LETTERS else words[at] == wanted


def waiting(table: Table) -> dict[str, tuple[tuple[str, ...], ...]]:
    """The reminders that wait for something, with their words."""
    shelf = table.get(Shelf, "standing")
    return {id: place.when for id, place in shelf.places.items() if place.when} if shelf else {}
