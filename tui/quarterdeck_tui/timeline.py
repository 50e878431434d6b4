"""The timeline as values: what is asked for, one event as a row, and the few rows that are kept of a log of any length.

Owns     the filter's words, the gist of an event, the window. Promises the window never holds more than `ROWS_MAX` rows.
Leaves   asking to `timeline_reads.py`, drawing to the widgets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from quarterdeck_protocol.events import Event

ROWS_MAX = 300
GIST_CELLS_MAX = 300
HIDDEN = frozenset(("request.answered",))  # Receipts of requests: noise, until they are asked for by kind.

# The fields of a body that say most, in this order.
TELLING = (
    "action", "summary", "playbook", "document", "id", "memory", "step", "agent", "kind", "key", "name", "title",
    "status", "verdict", "decision", "reason", "text", "message",
)  # fmt: skip
VIEWS: dict[str, tuple[str, ...]] = {
    "all": (),
    "decisions": ("approval.*", "gate.*", "action.permitted", "action.denied", "plan.approved", "plan.rejected"),
    "effects": ("effect.*", "action.*"),
    "errors": ("*.failed", "*.refused", "effect.unknown", "deadletter.*", "breaker.opened", "alert.raised", "stop.*"),
    "money": ("budget.*", "model.answered", "limits.*"),
    "memory": ("memory.*", "fact.*", "document.*"),
}
KIND_WORDS = {"decision": "decisions", "effect": "effects", "error": "errors"}
DECISIONS = VIEWS["decisions"]
FAILING = ("failed", "refused", "denied", "unknown", "engaged", "filed", "opened")
FILTER_HELP = "words, kind:effect, agent:composer, run:r7, actor:operator, about:action:a17; esc clears"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter. `filter` goes to the daemon, `words` beyond the one that it looks for are checked here."""

    text: str = ""
    view: str = "all"
    kinds: tuple[str, ...] = ()
    run: str = ""
    actor: str = ""
    entity: str = ""
    words: tuple[str, ...] = ()

    @property
    def filter(self) -> dict[str, object]:
        longest = max(self.words, key=len, default="")
        given: dict[str, object] = {
            "kinds": list(self.kinds), "run": self.run, "actor": self.actor, "entity": self.entity, "text": longest,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value}

    @property
    def narrow(self) -> bool:
        return bool(self.filter)

    def fits(self, event: Event) -> bool:
        """Whether an event that the daemon found is shown."""
        if event.kind in HIDDEN and not self.kinds:
            return False
        said = str(event.body).lower()
        return all(word in said for word in self.words)


def wanted(text: str, view: str = "all") -> Wanted:
    """Return the filter that `text` means, within a view. A field without a name that is known is a word."""
    found = Wanted(text=text.strip(), view=view, kinds=VIEWS[view])
    for word in text.split():
        name, colon, value = word.partition(":")
        if not colon or not value:
            found = replace(found, words=(*found.words, word.lower()))
        elif name in ("kind", "kinds"):
            found = replace(found, kinds=_kinds(value))
        elif name == "run":
            found = replace(found, run=value)
        elif name == "agent":
            found = replace(found, actor=f"agent:{value}")
        elif name == "actor":
            found = replace(found, actor=value)
        elif name == "about":
            found = replace(found, entity=value)
        else:
            found = replace(found, words=(*found.words, word.lower()))
    return found


def _kinds(value: str) -> tuple[str, ...]:
    """`effect,mail.received` -> patterns. A noun means all kinds of it, the name of a view its kinds."""
    found: list[str] = []
    for word in value.split(","):
        view = KIND_WORDS.get(word, word)
        if VIEWS.get(view):
            found.extend(VIEWS[view])
        elif word:
            found.append(word if "." in word or "*" in word else f"{word}.*")
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the list."""

    seq: int
    at_us: int
    kind: str
    actor: str
    run: str
    gist: str

    @property
    def id(self) -> str:
        return str(self.seq)

    @property
    def failing(self) -> bool:
        return self.kind.rpartition(".")[2] in FAILING

    @property
    def deciding(self) -> bool:
        return self.kind.startswith(("approval.", "gate."))


def row(event: Event) -> EventRow:
    return EventRow(event.seq, event.at_us, event.kind, event.actor, event.run or "", gist(event))


def gist(event: Event) -> str:
    """Return what an event says, in a few words."""
    said = [str(event.body[name]) for name in TELLING if isinstance(event.body.get(name), str | int)]
    return "  ".join(" ".join(one[:GIST_CELLS_MAX].split()) for one in said if one)[:GIST_CELLS_MAX]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the log, oldest first. `older`, `newer`: where the next page begins; None: the end of the log.

    newer None means that the newest is in it: what comes is asked for after `seen`.
    """

    rows: tuple[EventRow, ...] = ()
    older: int | None = None
    newer: int | None = None
    seen: int = 0  # The newest event that was looked at, whether it fits or not.

    def with_older(self, rows: Sequence[EventRow], older: int | None) -> Window:
        """Return the window grown at its old end; what is too much goes at the new end."""
        grown = (*rows, *self.rows)
        kept = grown[:ROWS_MAX]
        newer = self.newer if len(kept) == len(grown) else kept[-1].seq
        return replace(self, rows=kept, older=older, newer=newer)

    def with_newer(self, rows: Sequence[EventRow], newer: int | None, seen: int) -> Window:
        """Return the window grown at its new end; what is too much goes at the old end."""
        grown = (*self.rows, *rows)
        kept = grown[-ROWS_MAX:]
        older = self.older if len(kept) == len(grown) else kept[0].seq
        return replace(self, rows=kept, older=older, newer=newer, seen=max(seen, self.seen))


def fitting(events: Iterable[Event], filter: Wanted) -> tuple[EventRow, ...]:
    """Return the rows of the events that are shown."""
    return tuple(row(event) for event in events if filter.fits(event))
