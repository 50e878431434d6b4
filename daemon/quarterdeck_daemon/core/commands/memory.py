"""Commands about what is remembered and about documents."""

from __future__ import annotations

from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from ..entities import Tier
from .base import Command


class Remember(Command, frozen=True, kw_only=True):
    text: str
    title: str = ""
    source: str = ""
    tier: Tier = "long-term"
    memory_kind: str = "note"
    tags: tuple[str, ...] = ()
    namespace: str = "default"
    labels: Labels = OPERATOR
    pinned: bool = False
    when: str = ""
    repeats: bool = False
    run: str = ""
    expires_us: int | None = None
    made_from: tuple[str, ...] = ()  # `kind:id` of what the text was made of, if it was.


class EditMemory(Command, frozen=True, kw_only=True):
    """Change a note in place; what is None stays. hash: of the text that was read. forever: it no longer expires."""

    id: str
    text: str | None = None
    title: str | None = None
    tags: tuple[str, ...] | None = None
    memory_kind: str | None = None
    when: str | None = None
    repeats: bool | None = None
    expires_us: int | None = None
    forever: bool = False
    hash: str = ""
    labels: Labels = OPERATOR


class SupersedeMemory(Command, frozen=True, kw_only=True):
    """A new text takes the place of an old note, which stays readable."""

    id: str
    text: str
    title: str = ""
    hash: str = ""
    labels: Labels = OPERATOR


class MoveMemory(Command, frozen=True, kw_only=True):
    id: str
    tier: Tier
    run: str = ""


class PinMemory(Command, frozen=True, kw_only=True):
    id: str
    pinned: bool = True


class WithdrawMemories(Command, frozen=True, kw_only=True):
    """No longer recalled, or recalled again. ids of memories and documents."""

    ids: tuple[str, ...]
    back: bool = False
    reason: str = ""


class ExpireMemories(Command, frozen=True, kw_only=True):
    """Their time or room is over, as `rule` says. What may not go stays, whatever is asked."""

    ids: tuple[str, ...]
    rule: str


class CompressMemories(Command, frozen=True, kw_only=True):
    """Put a summary, cut from their own sentences, in the place of old notes about one topic."""

    ids: tuple[str, ...]
    topic: str


class PruneOriginals(Command, frozen=True, kw_only=True):
    """The originals of these documents have been kept long enough, as `rule` says."""

    ids: tuple[str, ...]
    rule: str


class CountUses(Command, frozen=True, kw_only=True):
    """How often memories were shown to people since the last count."""

    counts: dict[str, int]


class NoteUpkeep(Command, frozen=True, kw_only=True):
    """The keeper of memory has begun, come to `cursor` in `phase`, or ended."""

    step: str  # "began", "advanced" or "ended".
    phase: str = ""
    cursor: str = ""
    counts: dict[str, int] = {}


class ReceiveDocument(Command, frozen=True, kw_only=True):
    """Raw bytes that are already in the blob store. What is known already, by name or by content, is not taken in twice.

    place  the file it lies in, if it is one that can change: other content there takes the place of what it held
    again  somebody asked for it by hand: what could not be read is tried again, what was withdrawn comes back
    """

    connector: str
    external_id: str
    media_type: str
    name: str
    blob: str
    size_bytes: int
    labels: Labels = EXTERNAL
    trigger: bool = False
    tags: tuple[str, ...] = ()
    namespace: str = "default"
    tier: Tier = "long-term"
    memory_kind: str = "document"
    place: str = ""
    again: bool = False


class LoseDocuments(Command, frozen=True, kw_only=True):
    """Nothing lies in these files any more. What lay only there is withdrawn, not erased."""

    places: tuple[str, ...]


class Endorse(Command, frozen=True, kw_only=True):
    """The operator vouches for the exact text of a memory or a document, or the value of a fact."""

    id: str
    hash: str = ""
