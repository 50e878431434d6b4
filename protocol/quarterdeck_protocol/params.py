"""What the methods take: one frozen struct each. Unknown fields are refused, so a typing error is never silence.

Times are ISO 8601 text. `as_of` is a log position or a time; the daemon answers `out_of_range` for one that
does not exist. Lists are paged: hand the `next` of a page back as `cursor`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .frames import Plain
from .labels import Labels

LIMIT_MAX = 1_000
TEXT_CHARS_MAX = 500_000  # Of one remembered text; a request is at most 1 MiB anyway.
NAME_CHARS_MAX = 500
WAIT_MS_MAX = 600_000
ITEMS_MAX = 500  # Of one decision.
QUERIES_MAX = 256  # Of one search.

Tier = Literal["instructions", "core", "working", "project", "long-term", "review", "prospective"]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Short = Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Tags = Annotated[tuple[Name, ...], Meta(max_length=64)]


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all params."""


class Nothing(Params, frozen=True, kw_only=True):
    """No params: `{}`."""


class Read(Params, frozen=True, kw_only=True):
    """as_of: a sequence number or an ISO time; left out: now."""

    as_of: int | str | None = None


class Listing(Read, frozen=True, kw_only=True):
    limit: Limit = 50
    cursor: Short | None = None


class ReadOne(Read, frozen=True, kw_only=True):
    id: Name


class Versions(ReadOne, frozen=True, kw_only=True):
    limit: Limit = 1_000
    cursor: Short | None = None


class Change(Params, frozen=True, kw_only=True):
    """reason: why, for the log."""

    reason: Short = ""


class ChangeOne(Change, frozen=True, kw_only=True):
    id: Name


# --- system -----------------------------------------------------------------------------------------


class StopEngage(Change, frozen=True, kw_only=True):
    """kill: end the workers too. The effector, the only way out, is ended in any case."""

    kill: bool = False


class StopRelease(Change, frozen=True, kw_only=True):
    """runs, actions: only these go on, other runs are paused and other actions held back; left out: all go on."""

    runs: tuple[Name, ...] | None = None
    actions: tuple[Name, ...] | None = None


# --- memory -----------------------------------------------------------------------------------------


class MemoryRemember(Params, frozen=True, kw_only=True):
    """Either `text`, or a document: its bytes as `document`, or their hash as `upload` when they were sent before.

    media_type: left out, it is told by name and content.  name: the file's.  path: where it lies, if it may change:
    other content under the same path takes the place of what was there.

    pinned: in every context.  run: whose working memory it is.  expires: a length such as 30d, or an ISO time.
    when: words whose appearance brings it back, all of them, a comma between alternatives; repeats: each time.
    made_from: `kind:id` of what the text was made from; it is trusted no more than those.
    """

    text: Text = ""
    document: bytes | None = None
    upload: Short = ""
    media_type: Short = ""
    name: Short = ""
    path: Short = ""
    title: Short = ""
    source: Short = ""
    tier: Tier = "long-term"
    kind: Name = "note"
    tags: Tags = ()
    labels: Labels | None = None
    namespace: Name = "default"
    pinned: bool = False
    when: Short = ""
    repeats: bool = False
    run: Short = ""
    expires: Short = ""
    made_from: Tags = ()


class Filters(Read, frozen=True, kw_only=True):
    """What a search is about. since, until: ISO times between which it was remembered.

    past: superseded and withdrawn versions too.  floor: leave out what has too little to do with the question, so
    that an empty answer means that nothing is known.  mode: one side of recall alone, for measuring.
    """

    limit: Limit = 10
    tier: Tier | None = None
    kind: Short | None = None
    tags: Tags = ()
    namespace: Short | None = None
    source: Short | None = None
    since: Short | None = None
    until: Short | None = None
    past: bool = False
    floor: bool = True
    mode: Literal["hybrid", "keyword", "vector"] = "hybrid"


class MemorySearch(Filters, frozen=True, kw_only=True):
    query: Annotated[str, Meta(max_length=4_000)]


class MemorySearchMany(Filters, frozen=True, kw_only=True):
    """The same filters for several questions; one list of items for each, in their order."""

    queries: Annotated[tuple[Annotated[str, Meta(max_length=4_000)], ...], Meta(min_length=1, max_length=QUERIES_MAX)]


class MemoryEndorse(ChangeOne, frozen=True, kw_only=True):
    """hash: of the text that was read, when the caller wants to be sure that it is still that one."""

    hash: Short = ""


class Linked(ReadOne, frozen=True, kw_only=True):
    """depth: how many steps along the links."""

    depth: Annotated[int, Meta(ge=1, le=16)] = 8


class MemoryExport(Read, frozen=True, kw_only=True):
    """past: what was superseded or withdrawn too.  originals: the bytes of documents as they came."""

    namespace: Short | None = None
    past: bool = False
    originals: bool = False


# --- facts ------------------------------------------------------------------------------------------


class FactPut(Params, frozen=True, kw_only=True):
    """if_version: what the caller believes the present version to be, 0 for none.

    valid_from, valid_to: the span [from, to) for which it is true, dates (whole days, UTC) or times. Without
    valid_from a first version holds since ever, a later one since it was learned.  namespace: left out, as it is.
    """

    kind: Name
    key: Name
    value: Plain
    if_version: Annotated[int, Meta(ge=0)] | None = None
    valid_from: Short | None = None
    valid_to: Short | None = None
    source: Short = ""
    labels: Labels | None = None
    namespace: Short = ""


class FactRetract(Change, frozen=True, kw_only=True):
    """We no longer say so. Its versions stay, and a later put brings it back."""

    kind: Name
    key: Name
    if_version: Annotated[int, Meta(ge=0)] | None = None


class FactItem(FactPut, frozen=True, kw_only=True):
    """One item of a transaction.  retract: take it back instead; then `value` is left out."""

    value: Plain = {}
    retract: bool = False


class LinkItem(Params, frozen=True, kw_only=True):
    source: Name
    relation: Name
    target: Name
    remove: bool = False


class FactTransact(Change, frozen=True, kw_only=True):
    """All items and links or none; each fact at most once. A conflict names every item that has another version."""

    items: Annotated[tuple[FactItem, ...], Meta(max_length=ITEMS_MAX)] = ()
    links: Annotated[tuple[LinkItem, ...], Meta(max_length=ITEMS_MAX)] = ()


class FactKinds(Listing, frozen=True, kw_only=True):
    """kind: only this one."""

    kind: Short = ""


class FactGet(Read, frozen=True, kw_only=True):
    """as_of: what we believed then.  valid_at: what was true then."""

    kind: Name
    key: Name
    valid_at: Short | None = None


class FactHistory(Listing, frozen=True, kw_only=True):
    """as_of: as it was known then.  valid_at: only the versions that speak about that time."""

    kind: Name
    key: Name
    valid_at: Short | None = None


class FactQuery(Listing, frozen=True, kw_only=True):
    """where: field -> value (equal) or field -> {operator: operand, …}; all must hold. Fields may be dotted paths.

    Operators: `= != > >= < <= in "not in" contains prefix exists`.  order: fields, `-field` for descending, as one
    text with commas or a list.  proposed: what was captured and waits, too.
    """

    kind: Name
    where: Plain = {}
    order: Short | Annotated[tuple[Name, ...], Meta(max_length=4)] = ""
    valid_at: Short | None = None
    namespace: Short | None = None
    tier: Tier | None = None
    proposed: bool = False


class FactLink(Change, frozen=True, kw_only=True):
    """source, target: `kind/key` of facts."""

    source: Name
    relation: Name
    target: Name


class FactNeighbours(Listing, frozen=True, kw_only=True):
    """depth: steps along the links, either way.  relation: one, or a list of those that count."""

    kind: Name
    key: Name
    relation: Short | Tags | None = None
    depth: Annotated[int, Meta(ge=1, le=8)] = 1
    direction: Literal["out", "in", "both"] = "both"


class FactPath(Read, frozen=True, kw_only=True):
    """source, target: `kind/key`.  max: steps at most."""

    source: Name
    target: Name
    max: Annotated[int, Meta(ge=1, le=8)] = 6
    relation: Short | Tags | None = None


class FactProposed(Listing, frozen=True, kw_only=True):
    """outcome: those that wait, or what became of them.  kind, source: only those."""

    outcome: Literal["open", "accepted", "rejected", "all"] = "open"
    kind: Short = ""
    source: Short = ""


class FactDecide(ChangeOne, frozen=True, kw_only=True):
    """id: `kind/key~p3`, or `p3`.  hash: of the value that was seen.  if_version: of the fact that it changes."""

    hash: Short = ""
    if_version: Annotated[int, Meta(ge=0)] | None = None


# --- alerts -----------------------------------------------------------------------------------------


class AlertList(Listing, frozen=True, kw_only=True):
    """all: those that were resolved too."""

    all: bool = False
    level: Literal["info", "warning", "critical"] | None = None


# --- runs -------------------------------------------------------------------------------------------


class RunBudget(Params, frozen=True, kw_only=True):
    """The most that a run may use; 0 is no limit. money: in minor units.  over: what is done with work that does not fit."""

    calls: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    minutes: Annotated[float, Meta(ge=0, le=5_256_000)] = 0.0
    tokens: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    money: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    over: Literal["escalate", "stop"] = "escalate"


class RunStart(Change, frozen=True, kw_only=True):
    """run_id: the caller's own id for it.  dry_run: say what it would do.

    budget, mode: in place of those of its playbook.

    objective: what it serves.

    namespace: whose work it is; left out, that of the documents among its inputs.
    """

    playbook: Name
    inputs: Plain = {}
    run_id: Short = ""
    dry_run: bool = False
    namespace: Short = ""
    objective: Short = ""
    budget: RunBudget | None = None
    mode: Literal["", "deterministic", "exploratory", "creative"] = ""


class RunList(Listing, frozen=True, kw_only=True):
    """live: only those that have not ended."""

    live: bool = False
    status: Short | None = None
    playbook: Short | None = None


class RunStep(ChangeOne, frozen=True, kw_only=True):
    step: Name


class RunSignal(ChangeOne, frozen=True, kw_only=True):
    """A signal that comes before its waiter is kept for it."""

    signal: Name
    payload: Plain = {}


# --- approvals and actions --------------------------------------------------------------------------


class ApprovalList(Listing, frozen=True, kw_only=True):
    """away: what was put away by `snooze`, too."""

    group: Short | None = None
    run: Short | None = None
    away: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item of a decision: which action or gate (`r3/ask`), and the hash of what was seen of it.

    confirm: what was typed for a high risk
    """

    id: Name
    shown_hash: Name
    confirm: Short = ""


class Lesson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an agent shall learn from a decision. text: "" takes the reason.  agents: () is whoever proposed it.

    to: only about this recipient.  everybody: for all agents.  until: ISO time, "" is for good.
    """

    text: Annotated[str, Meta(max_length=2_000)] = ""
    agents: Annotated[tuple[Name, ...], Meta(max_length=20)] = ()
    to: Short = ""
    everybody: bool = False
    until: Short = ""


class ApprovalDecide(Change, frozen=True, kw_only=True):
    """edits: arguments to change before approving a single item.  until: ISO time, for snooze.

    confirm      for a single high risk, what was typed; for several it stands with each item
    until_event  for snooze: `reply`, `run:r3` or `fact:client/acme`; it comes back then, or at `until`
    lesson       what is to be learned from it          shown_at_ms  when it was put on the screen, since 1970
    """

    items: Annotated[tuple[Choice, ...], Meta(min_length=1, max_length=ITEMS_MAX)]
    decision: Literal["approve", "reject", "snooze"]
    edits: Plain = {}
    until: Short | None = None
    confirm: Short = ""
    until_event: Short = ""
    lesson: Lesson | None = None
    shown_at_ms: Annotated[int, Meta(ge=0, le=1 << 50)] | None = None


class ActionList(Listing, frozen=True, kw_only=True):
    """live: only those that have not ended."""

    live: bool = False
    status: Short | None = None
    run: Short | None = None
    connector: Short | None = None


class ActionSettle(ChangeOne, frozen=True, kw_only=True):
    """happened: whether the effect took place, as the operator found out elsewhere."""

    happened: bool


class DeadLetterList(Listing, frozen=True, kw_only=True):
    """all: those that were resolved too."""

    run: Short | None = None
    all: bool = False


class DeadLetterResolve(ChangeOne, frozen=True, kw_only=True):
    """input: for `edit`, values that take the place of those of the step's last input.  agent: for `reroute`."""

    remedy: Literal["retry", "edit", "reroute", "compensate", "drop"]
    input: Plain = {}
    agent: Short = ""


# --- steering files ---------------------------------------------------------------------------------


class PlaybookValidate(Params, frozen=True, kw_only=True):
    """Either the name of a playbook of the workspace, or the text of one."""

    name: Short = ""
    text: Text = ""


class PolicyExplain(Read, frozen=True, kw_only=True):
    """Either the id of an action, or one that is only thought of, by this agent if one is named."""

    id: Short = ""
    agent: Short = ""
    connector: Short = ""
    verb: Short = ""
    args: Plain = {}
    targets: Tags = ()
    labels: Labels | None = None


# --- time, audit, cost ------------------------------------------------------------------------------


class Filter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that are given must fit. kinds: exact or `noun.*`.  entity: `kind:id`.  text: part of the body's text."""

    kinds: Tags = ()
    run: Short | None = None
    actor: Short | None = None
    entity: Short | None = None
    text: Short | None = None


class TimelineRead(Read, frozen=True, kw_only=True):
    """With `after`: oldest first from there. Without: newest first, below `before`. Both ends are excluded.

    as_of: as if the log ended there.
    """

    after: Annotated[int, Meta(ge=0)] | None = None
    before: Annotated[int, Meta(ge=0)] | None = None
    limit: Limit = 50
    filter: Filter = Filter()


class TimelineEvent(Params, frozen=True, kw_only=True):
    seq: Annotated[int, Meta(ge=1)]


class CostReport(Read, frozen=True, kw_only=True):
    """by: only lines of this kind; `outcome` is how a run ended."""

    since: Short | None = None
    until: Short | None = None
    by: Literal["", "agent", "connector", "run", "model", "purpose", "outcome"] = ""


class IngestWait(Params, frozen=True, kw_only=True):
    timeout_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)] = 30_000
