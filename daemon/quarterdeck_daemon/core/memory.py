"""Notes: remembered, changed in place, followed by a newer text, vouched for.

Trust never rises on its way: a change joins the labels of what was there with those of who changes it, what is not
of the operator lies in review, and only `endorse`, for the exact text, makes it the operator's.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import INTEGRITY_ORDER, SENSITIVITY_ORDER, Labels, join

from .commands import Command, EditMemory, MoveMemory, PinMemory, Remember, SupersedeMemory
from .entities import Alias, Document, Fact, Memory, Plain, Tier
from .hashing import text_hash, value_hash
from .lookup import find
from .settings import settings_of
from .table import Draft
from .tiers import STANDING, check_place, make_room, parse_when, tier_for
from .turn import Applier, Turn, take_number

TEXT_CHARS_MAX = 200_000  # Of one `remember`; longer text comes as a document.
PARENTS_MAX = 100  # Things that one text was made of.


# --- remembering ----------------------------------------------------------------------------------


def remember(turn: Turn, command: Remember) -> Plain:
    """Keep a text. The same text again, word for word in the same namespace, is no second memory."""
    check_text(command.text)
    parents = [_parent(turn, name) for name in _at_most(command.made_from)]
    labels = join((command.labels, *(parent.labels for parent in parents))) if parents else command.labels
    tier = tier_for(command.tier, labels)
    if (known := _known(turn, command, tier, labels)) is not None:
        return {"id": known.id, "tier": known.tier, "known": True}
    depths = [parent.depth + 1 for parent in parents if isinstance(parent, Memory)]
    memory = Memory(
        id=f"m{turn.number('m')}",
        text=command.text,
        at_us=turn.env.now_us,
        labels=labels,
        title=command.title or title_of(command.text),
        source=command.source or "operator",
        tier=tier,
        memory_kind=command.memory_kind,
        tags=command.tags,
        namespace=command.namespace,
        pinned=command.pinned,
        run=command.run,
        when=command.when,
        repeats=command.repeats,
        expires_us=_expiry(turn, command.expires_us, tier),
        depth=max(depths, default=0),
    )
    check_new(turn, memory)
    make_room(turn, memory)
    record_new(turn, memory, made_from=command.made_from)
    return {"id": memory.id, "tier": tier}


def check_text(text: str) -> None:
    if not text.strip():
        raise QuarterdeckError("bad_value", "there is no text to remember", hint="Give some text, a file or `-`.")
    if len(text) > TEXT_CHARS_MAX:
        raise QuarterdeckError(
            "out_of_range",
            f"a note has at most {TEXT_CHARS_MAX:,} characters, this one {len(text):,}",
            hint="Send it as a document: `quarterdeck remember FILE`.",
        )


def _at_most(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) > PARENTS_MAX:
        raise QuarterdeckError("out_of_range", f"a text is made of at most {PARENTS_MAX} things, not {len(names)}")
    return names


def title_of(text: str) -> str:
    return text.strip().splitlines()[0][:80]


def _parent(turn: Turn, name: str) -> Memory | Document | Fact:
    kind, _, id = name.partition(":")
    classes: dict[str, type[Memory | Document | Fact]] = {"memory": Memory, "document": Document, "fact": Fact}
    if kind not in classes:
        raise QuarterdeckError("bad_value", f"{name!r} is no memory, document or fact", hint="Write memory:m12.")
    return find(turn, classes[kind], id)


def _known(turn: Turn, command: Remember, tier: Tier, labels: Labels) -> Memory | None:
    """The memory that says exactly this already, believed and guarded no less than the new one would be."""
    alias = turn.draft.get(
        Alias, _same_text(command.namespace, slot_of(tier, command.run, command.when), command.text)
    )
    memory = turn.draft.get(Memory, alias.target) if alias is not None else None
    if memory is None or not memory.current or memory.text != command.text:
        return None
    trusted = INTEGRITY_ORDER[memory.labels.integrity] >= INTEGRITY_ORDER[labels.integrity]
    guarded = SENSITIVITY_ORDER[memory.labels.sensitivity] >= SENSITIVITY_ORDER[labels.sensitivity]
    # Nobody but the operator learns by trying whether something more secret says the same.
    told = turn.actor == "operator" or memory.labels.sensitivity == labels.sensitivity
    return memory if trusted and guarded and told else None


def slot_of(tier: str, run: str, when: str) -> str:
    """What tells two memories of one text apart: the same words as an instruction or a reminder are something else."""
    return f"{tier}/{run}/{when}" if tier in STANDING or tier == "working" else ""


def _same_text(namespace: str, slot: str, text: str) -> str:
    return f"text:{value_hash([namespace, slot, text])[:32]}"


def _expiry(turn: Turn, wanted: int | None, tier: Tier) -> int | None:
    kept = settings_of(turn.draft).working_us
    if wanted is None and tier == "working" and kept:
        return turn.env.now_us + kept
    return wanted


def check_new(turn: Turn, memory: Memory) -> None:
    """What a new or changed memory may not be. Raises `bad_value`, `policy_denied`."""
    check_place(memory, memory.tier)
    if memory.tier == "instructions" and turn.actor != "operator":
        raise QuarterdeckError("policy_denied", "instructions come from the operator only")
    if memory.when:
        parse_when(memory.when)
    if memory.when and memory.tier not in ("prospective", "review"):
        raise QuarterdeckError("bad_value", "only a reminder waits for words", hint="Its tier is `prospective`.")
    if memory.pinned and memory.expires_us is not None:
        raise QuarterdeckError("bad_value", "what is pinned does not expire", hint="Leave one of the two out.")
    if memory.pinned and memory.tier in ("review", "working"):
        raise QuarterdeckError(
            "policy_denied", f"nothing of the {memory.tier} tier can be pinned", hint="Endorse or move it first."
        )
    if memory.expires_us is not None and memory.expires_us <= turn.env.now_us:
        raise QuarterdeckError("bad_value", "it would have expired already", hint="Name a time to come, or 30d.")


def record_new(turn: Turn, memory: Memory, *, made_from: tuple[str, ...] = ()) -> None:
    """Emit the event of a memory that is not there yet. What is as usual is left out of the body."""
    body: Plain = {
        "id": memory.id,
        "text": memory.text,
        "title": memory.title,
        "source": memory.source,
        "tier": memory.tier,
        "kind": memory.memory_kind,
        "tags": list(memory.tags),
        "namespace": memory.namespace,
    }
    seldom: Plain = {name: getattr(memory, name) for name in SELDOM if getattr(memory, name)}
    if made_from:
        seldom["made_from"] = list(made_from)
    turn.emit("memory.remembered", body | seldom, labels=memory.labels)


SELDOM = ("pinned", "run", "when", "repeats", "expires_us", "depth", "supersedes", "endorsed")


def apply_remembered(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Remembered)
    memory = Memory(
        seq=event.seq,
        at_us=event.at_us,
        labels=event.labels,
        memory_kind=body.kind,
        **{name: getattr(body, name) for name in _CARRIED},
    )
    put_new(draft, memory, body.made_from)
    if memory.supersedes:
        old = draft.get(Memory, memory.supersedes)
        assert old is not None, "only what exists is superseded"
        draft.put(msgspec.structs.replace(old, seq=event.seq, superseded_by=memory.id))
        draft.link(f"memory:{memory.id}", "supersedes", f"memory:{old.id}", event.seq)


def put_new(draft: Draft, memory: Memory, made_from: tuple[str, ...]) -> None:
    draft.put(memory)
    take_number(draft, memory.id, memory.seq)
    alias = _same_text(memory.namespace, slot_of(memory.tier, memory.run, memory.when), memory.text)
    draft.puts["alias", alias] = Alias(id=alias, target=memory.id, seq=memory.seq)
    for parent in made_from:
        draft.link(f"memory:{memory.id}", "derived_from", parent, memory.seq)


class _Remembered(msgspec.Struct):
    id: str
    text: str
    title: str
    source: str
    tier: Tier
    kind: str
    tags: tuple[str, ...]
    namespace: str
    pinned: bool = False
    run: str = ""
    when: str = ""
    repeats: bool = False
    expires_us: int | None = None
    depth: int = 0
    supersedes: str = ""
    endorsed: str = ""
    made_from: tuple[str, ...] = ()


_CARRIED = tuple(name for name in _Remembered.__struct_fields__ if name not in ("kind", "made_from"))


# --- changing -------------------------------------------------------------------------------------


def _own_note(turn: Turn, id: str, labels: Labels, hash: str = "") -> Memory:
    """The note that may be changed by somebody with these labels. Raises `conflict`, `policy_denied`, `bad_value`."""
    memory = find_current(turn, id)
    if memory.document:
        raise QuarterdeckError(
            "bad_value", f"{id} is a piece of {memory.document}", hint="Change the document and take it in again."
        )
    if hash and hash != text_hash(memory.text):
        raise QuarterdeckError("conflict", f"{id} is no longer what you saw", hint="Read it again, then change it.")
    if INTEGRITY_ORDER[labels.integrity] < INTEGRITY_ORDER[memory.labels.integrity]:
        raise QuarterdeckError(
            "policy_denied", f"{id} is of the operator; nobody else changes it", hint="Remember it as something new."
        )
    return memory


def find_current(turn: Turn, id: str) -> Memory:
    memory = find(turn, Memory, id)
    if not memory.current:
        became = f"replaced by {memory.superseded_by}" if memory.superseded_by else "withdrawn"
        state = "forgotten" if memory.forgotten else became
        raise QuarterdeckError("conflict", f"{id} was {state}", hint=f"See it: quarterdeck memory show {id}")
    return memory


def edit(turn: Turn, command: EditMemory) -> Plain:
    """Change a note in place; its versions stay readable."""
    old = _own_note(turn, command.id, command.labels, command.hash)
    names = ("text", "title", "tags", "memory_kind", "when", "repeats", "expires_us")
    wanted = {name: value for name in names if (value := getattr(command, name)) is not None}
    if command.forever:
        wanted["expires_us"] = None
    if command.text is not None and command.title is None and old.title == title_of(old.text):
        wanted["title"] = title_of(command.text or old.text)  # It was never named by anybody.
    labels = join((old.labels, command.labels))
    new = msgspec.structs.replace(old, labels=labels, **wanted)
    if new == msgspec.structs.replace(old, labels=labels):
        return {"id": old.id, "changed": False}
    check_text(new.text)
    if old.endorsed and new.text != old.text:
        new = msgspec.structs.replace(new, endorsed=text_hash(new.text))
    check_new(turn, new)
    make_room(turn, new)
    body: Plain = {"id": old.id, "changes": msgspec.to_builtins({**wanted, "endorsed": new.endorsed})}
    turn.emit("memory.edited", body, labels=labels)
    return {"id": old.id, "changed": True, "tier": new.tier}


def apply_edited(draft: Draft, event: Event) -> None:
    memory = draft.get(Memory, str(event.body["id"]))
    assert memory is not None, "only what exists is edited"
    changes = msgspec.convert(event.body["changes"], _Changes)
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not msgspec.UNSET}
    draft.put(msgspec.structs.replace(memory, seq=event.seq, labels=event.labels, **given))


class _Changes(msgspec.Struct):
    source: str | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    title: str | msgspec.UnsetType = msgspec.UNSET
    tags: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    memory_kind: str | msgspec.UnsetType = msgspec.UNSET
    when: str | msgspec.UnsetType = msgspec.UNSET
    repeats: bool | msgspec.UnsetType = msgspec.UNSET
    expires_us: int | msgspec.UnsetType | None = msgspec.UNSET
    endorsed: str | msgspec.UnsetType = msgspec.UNSET


def supersede(turn: Turn, command: SupersedeMemory) -> Plain:
    """Put a new text in the place of an old note, in its tier, with its tags."""
    old = _own_note(turn, command.id, command.labels, command.hash)
    check_text(command.text)
    if command.text == old.text:
        return {"id": old.id, "tier": old.tier, "known": True}
    own: Tier = old.tier if old.tier != "review" else "prospective" if old.when else "long-term"
    new = msgspec.structs.replace(
        old,
        id=f"m{turn.number('m')}",
        text=command.text,
        title=command.title or title_of(command.text),
        at_us=turn.env.now_us,
        labels=msgspec.structs.replace(command.labels, sensitivity=join((old.labels, command.labels)).sensitivity),
        tier=tier_for(own, command.labels),
        supersedes=old.id,
        endorsed=text_hash(command.text) if old.endorsed else "",
        fired=(),
        depth=0,
        stands_for=(),
    )
    check_new(turn, new)
    make_room(turn, new, instead_of=old.id)
    record_new(turn, new)
    return {"id": new.id, "tier": new.tier, "supersedes": old.id}


def move(turn: Turn, command: MoveMemory) -> Plain:
    """Lay a memory into another tier. Trust is not touched: from review only an endorsement leads out."""
    memory = find_current(turn, command.id)
    if memory.tier == command.tier and command.run in ("", memory.run):
        return {"id": memory.id, "tier": memory.tier}
    check_place(memory, command.tier)
    run = command.run if command.tier == "working" else ""
    when = memory.when if command.tier in ("prospective", "review") else ""
    new = msgspec.structs.replace(memory, tier=command.tier, run=run or memory.run, when=when)
    new = msgspec.structs.replace(new, pinned=new.pinned and command.tier not in ("review", "working"))
    check_new(turn, new)
    make_room(turn, new)
    body: Plain = {"id": memory.id, "tier": new.tier, "run": new.run, "when": new.when, "pinned": new.pinned}
    turn.emit("memory.moved", body, labels=memory.labels)
    return {"id": memory.id, "tier": new.tier, "was": memory.tier}


def apply_moved(draft: Draft, event: Event) -> None:
    memory = draft.get(Memory, str(event.body["id"]))
    assert memory is not None, "only what exists is moved"
    moved = msgspec.convert(event.body, _Moved)
    draft.put(
        msgspec.structs.replace(
            memory, seq=event.seq, tier=moved.tier, run=moved.run, when=moved.when, pinned=moved.pinned
        )
    )


class _Moved(msgspec.Struct):
    tier: Tier
    run: str
    when: str
    pinned: bool


def pin(turn: Turn, command: PinMemory) -> Plain:
    """Put it into every context, or take it out again."""
    memory = find_current(turn, command.id)
    if memory.pinned != command.pinned:
        new = msgspec.structs.replace(memory, pinned=command.pinned)
        check_new(turn, new)
        make_room(turn, new)
        turn.emit("memory.pinned", {"id": memory.id, "pinned": command.pinned}, labels=memory.labels)
    return {"id": memory.id, "pinned": command.pinned, "tier": memory.tier}


def apply_pinned(draft: Draft, event: Event) -> None:
    memory = draft.get(Memory, str(event.body["id"]))
    assert memory is not None, "only what exists is pinned"
    draft.put(msgspec.structs.replace(memory, seq=event.seq, pinned=bool(event.body["pinned"])))


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    Remember: remember,
    EditMemory: edit,
    SupersedeMemory: supersede,
    MoveMemory: move,
    PinMemory: pin,
}
APPLY: dict[str, Applier] = {
    "memory.remembered": apply_remembered,
    "memory.edited": apply_edited,
    "memory.moved": apply_moved,
    "memory.pinned": apply_pinned,
}
