"""The context of a step: what an agent should have before it, within a budget of tokens.

Parts come in the order of PARTS. Each has a share of the budget; what a part does not need flows on to those that
need more. Within a part the most useful comes first, and what does not fit is cut at the end of a sentence or left out.

    pinned        what the operator pinned               reminders  what was to come back with what this step reads
    core          what every step should know            recalled   what the index found for the query, best first
    instructions  the operator's own, for this agent     lessons    what this agent should have learned, newest first
    working       what this run noted, newest first

Owns     choosing and cutting.
Promises the same state and the same finds give the same context; nothing out of scope and nothing of the review tier is
         in it; every piece keeps its id, labels, source and span; the budget is never passed.
Leaves   looking up to reads.py, the index and its query to the service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from quarterdeck_protocol.labels import Labels

from .entities import Fact, Memory, Plain
from .hashing import text_hash
from .kind_versions import lifted
from .lessons import for_agent, lessons_for
from .table import Table
from .tiers import standing
from .tokens import tokens_of
from .validity import in_force

SHARES: Final[dict[str, int]] = {
    "pinned": 10, "core": 20, "instructions": 15, "working": 15, "reminders": 5, "recalled": 25, "lessons": 10,
}  # fmt: skip
PARTS: Final = tuple(SHARES)
BUDGET_TOKENS: Final = 2_000  # When a playbook does not say.
RECALLED_MAX: Final = 12  # Finds asked of the index.
PIECES_MAX: Final = 200
CUT_TOKENS_MIN: Final = 24  # Less room than this is not worth a piece of a text.
HASH_SIGNS: Final = 32
_SENTENCE_END: Final = re.compile(r"[.!?…。！？؟][\"')\]»”]*(?=\s|$)|\n+|$")
_ABBREVIATED: Final = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|St|No|Nr|ca|bzw|etc|ltd|vs)|\b\d{1,3})\.$", re.IGNORECASE
)
_WORD_END: Final = re.compile(r"\s+")


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One text of a context. entity: `memory:m1` or `fact:client/acme`; `text` is its first `chars` characters."""

    part: str
    entity: str
    seq: int
    text: str
    chars: int
    tokens: int
    labels: Labels
    title: str = ""
    source: str = ""
    span: tuple[int, int] | None = None  # In the text of the source document.
    score: float = 0.0
    cut: bool = False

    @property
    def hash(self) -> str:
        return text_hash(self.text)[:HASH_SIGNS]


class Assembled(msgspec.Struct, frozen=True, kw_only=True):
    """left_out: pieces that would have fitted the need but not the budget."""

    budget: int
    query: str
    pieces: tuple[Piece, ...]
    left_out: int = 0


class Found(msgspec.Struct, frozen=True):
    """What the index found: the version as it is now, and its score."""

    entity: Memory | Fact
    score: float


def assemble(
    table: Table, *, agent: str, run: str, now_us: int, budget: int, query: str = "", about: Iterable[str] = (),
    shown: Iterable[str] = (), found: Sequence[Found] = (),
) -> Assembled:  # fmt: skip
    """Return the context of a step. table: as the agent may see it.

    about: `kind:id` of what the run has read, with which reminders come back      shown: what the step has before it anyway
    """
    groups = _groups(table, agent=agent, run=run, now_us=now_us, about=tuple(about), found=found)
    wanted = _unique(groups, shown)
    needs = {part: sum(piece.tokens for piece in wanted[part]) for part in PARTS}
    room = allotted(needs, budget)
    pieces: list[Piece] = []
    offered = over = 0
    for part in PARTS:
        taken, left = _fill(wanted[part], room[part] + over, PIECES_MAX - len(pieces))
        over = left
        offered += len(wanted[part])
        pieces += sorted(taken, key=lambda piece: piece.seq) if part == "working" else taken
    return Assembled(budget=budget, query=query, pieces=tuple(pieces), left_out=offered - len(pieces))


def allotted(needs: dict[str, int], budget: int) -> dict[str, int]:
    """Return how many tokens each part gets: its share, or what it needs, and of what is left over what it needs more."""
    room = {part: min(needs[part], budget * SHARES[part] // 100) for part in PARTS}
    left = budget - sum(room.values())
    for part in PARTS:
        more = min(left, needs[part] - room[part])
        room[part] += more
        left -= more
    return room


# --- what there is --------------------------------------------------------------------------------


def _groups(
    table: Table, *, agent: str, run: str, now_us: int, about: tuple[str, ...], found: Sequence[Found]
) -> dict[str, list[Piece]]:
    there = standing(table, run, about)
    hits = [one for one in found if recallable(one.entity)]
    parts: dict[str, Sequence[Memory | Fact]] = {
        "pinned": there.pinned,
        "core": there.core,
        "instructions": there.instructions,
        "working": there.working[::-1],
        "reminders": there.reminders,
        "lessons": lessons_for(table, agent, now_us, about),
    }
    groups = {
        part: [_piece(part, one, now_us) for one in ones if _concerns(one, agent)] for part, ones in parts.items()
    }
    groups["recalled"] = [
        _piece("recalled", one.entity, now_us, one.score) for one in hits if _concerns(one.entity, agent)
    ]
    return groups


def recallable(entity: Memory | Fact) -> bool:
    """Whether it may enter a context because somebody searched: it counts, and is not in review."""
    if isinstance(entity, Fact):
        return entity.canonical
    return entity.current and entity.tier != "review"


def _concerns(one: Memory | Fact, agent: str) -> bool:
    return isinstance(one, Fact) or for_agent(one, agent)


def _piece(part: str, one: Memory | Fact, now_us: int, score: float = 0.0) -> Piece:
    text = text_of(one, now_us)
    return Piece(
        part=part,
        entity=f"{one.kind}:{one.id}",
        seq=one.seq,
        text=text,
        chars=len(text),
        tokens=tokens_of(text),
        labels=one.labels,
        title=one.title if isinstance(one, Memory) else one.id,
        source=one.source,
        span=one.span if isinstance(one, Memory) else None,
        score=round(score, 4),
    )


def text_of(one: Memory | Fact, now_us: int) -> str:
    """The text of a memory; of a fact what it says, a line for each field."""
    if isinstance(one, Memory):
        return one.text
    return "\n".join(f"{name}: {_shown(item)}" for name, item in said_of(one, now_us)[0].items())


def said_of(fact: Fact, now_us: int) -> tuple[Plain, int, Plain]:
    """(value, version, span): what is true now, when the fact says so; else what it says, with the time it says it for."""
    true = in_force(fact, now_us)
    said = true or fact
    span: Plain = {} if true else {"valid_from": fact.valid_from, "valid_to": fact.valid_to}
    return lifted(fact.fact_kind, fact.kind_version, said.value), said.version, span


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
    return "" if value is None else str(value)


def _unique(groups: dict[str, list[Piece]], known: Iterable[str]) -> dict[str, list[Piece]]:
    """Each thing once, in the first part that has it; what the step reads by itself it need not be told again."""
    there = set(known)
    unique: dict[str, list[Piece]] = {}
    for part in PARTS:
        unique[part] = []
        for piece in groups[part]:
            if piece.entity not in there and piece.text:
                there.add(piece.entity)
                unique[part].append(piece)
    return unique


# --- what fits ------------------------------------------------------------------------------------


def _fill(wanted: Sequence[Piece], room: int, count_max: int) -> tuple[list[Piece], int]:
    """Take what fits, in order; cut the first that does not, then only what fits whole. Returns what room is left."""
    taken: list[Piece] = []
    cutting = True
    for piece in wanted:
        if len(taken) == count_max:
            break
        if piece.tokens > room:
            if not cutting or (chars := cut_at(piece.text, room)) == 0:
                continue
            cutting = False
            piece = shortened(piece, chars)
        taken.append(piece)
        room -= piece.tokens
    return taken, room


def shortened(piece: Piece, chars: int) -> Piece:
    text = piece.text[:chars]
    span = (piece.span[0], piece.span[0] + chars) if piece.span is not None else None
    return msgspec.structs.replace(piece, text=text, chars=chars, tokens=tokens_of(text), span=span, cut=True)


def cut_at(text: str, tokens: int) -> int:
    """Return how many characters of the text to show for so many tokens: up to the end of a sentence.

    When not even the first sentence fits, up to the end of a word. 0 when so little room is not worth it.
    """
    if tokens < CUT_TOKENS_MIN:
        return 0
    whole = _longest(text, tokens, [match.end() for match in _SENTENCE_END.finditer(text) if _ends(text, match)])
    return whole or _longest(text, tokens, [match.start() for match in _WORD_END.finditer(text)])


def _ends(text: str, match: re.Match[str]) -> bool:
    return not _ABBREVIATED.search(text, max(0, match.start() - 8), match.start() + 1)


def _longest(text: str, tokens: int, ends: list[int]) -> int:
    """The last of the ends up to which the text has at most so many tokens."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if tokens_of(text[: ends[middle]]) <= tokens:
            low = middle + 1
        else:
            high = middle
    return ends[low - 1] if low else 0


# --- as an agent sees it, and as the log keeps it -------------------------------------------------


def plain_context(assembled: Assembled) -> Plain:
    """The context as it is given to an agent."""
    return {
        "budget": assembled.budget,
        "query": assembled.query,
        "tokens": sum(piece.tokens for piece in assembled.pieces),
        "pieces": [plain_piece(piece) for piece in assembled.pieces],
    }


def plain_piece(piece: Piece) -> Plain:
    return {
        "part": piece.part,
        "id": piece.entity,
        "title": piece.title,
        "text": piece.text,
        "source": piece.source,
        "span": list(piece.span) if piece.span is not None else None,
        "labels": msgspec.to_builtins(piece.labels),
        "tokens": piece.tokens,
        "score": piece.score,
        "cut": piece.cut,
    }


def manifest(assembled: Assembled) -> Plain:
    """What the log keeps of a context: which version of what, how much of it, and the hash of the text as shown."""
    pieces: list[Plain] = [
        {
            "part": one.part,
            "of": one.entity,
            "seq": one.seq,
            "chars": one.chars,
            "tokens": one.tokens,
            "hash": one.hash,
        }
        | ({"cut": True} if one.cut else {})
        | ({"score": one.score} if one.score else {})
        for one in assembled.pieces
    ]
    return {
        "budget": assembled.budget,
        "query": assembled.query,
        "parts": tokens_by_part(assembled.pieces),
        "left_out": assembled.left_out,
        "pieces": pieces,
    }


def tokens_by_part(pieces: Iterable[Piece]) -> Plain:
    spent: dict[str, int] = {}
    for piece in pieces:
        spent[piece.part] = spent.get(piece.part, 0) + piece.tokens
    return dict(spent)


def piece_again(kept: Plain, one: Memory | Fact, at_us: int) -> Piece:
    """The piece that the manifest names, made anew from the version that it was made from."""
    piece = _piece(str(kept["part"]), one, at_us, float(str(kept.get("score", 0.0))))
    return shortened(piece, int(str(kept["chars"]))) if kept.get("cut") else piece
