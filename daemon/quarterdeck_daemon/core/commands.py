"""What can be asked of the core: by clients, by answers of processes, by time. Each has one decider."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from .declared import Declared
from .entities import Amounts, Cap, Limit, Per, Plain, Tier
from .orders import Finding, Outcome


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all commands. They carry plain values only."""


# --- memory ---------------------------------------------------------------------------------------


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


class PutFact(Command, frozen=True, kw_only=True):
    fact_kind: str
    key: str
    value: Plain
    if_version: int | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    source: str = ""
    labels: Labels = OPERATOR
    namespace: str = ""  # "": where it is, "default" for a new one.


class RetractFact(Command, frozen=True, kw_only=True):
    """We no longer say so, and never rightly did. Its versions stay; a later put brings it back."""

    fact_kind: str
    key: str
    if_version: int | None = None
    reason: str = ""
    labels: Labels = OPERATOR


class TransactFacts(Command, frozen=True, kw_only=True):
    """Several facts and links, all of them or none."""

    items: tuple[PutFact | RetractFact, ...]
    links: tuple[MakeLink, ...] = ()


class DecideProposal(Command, frozen=True, kw_only=True):
    """Make a captured proposal canonical, or keep it as rejected. hash: of the value that was seen."""

    id: str
    accept: bool
    hash: str = ""
    reason: str = ""
    if_version: int | None = None


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one text. source: `document:doc3` or `memory:m5`."""

    source: str
    findings: tuple[Finding, ...]


class Capture(Command, frozen=True, kw_only=True):
    """Texts that arrived up to a log position have been read for facts."""

    upto: int
    items: tuple[Captured, ...] = ()


class ResolveAlert(Command, frozen=True, kw_only=True):
    id: str
    reason: str = ""


class AnnounceReport(Command, frozen=True, kw_only=True):
    """A report about what agents did can be read. unusual: it says something that is worth a warning."""

    text: str
    hint: str = ""
    unusual: bool = False
    details: Plain = {}


class MakeLink(Command, frozen=True, kw_only=True):
    source: str
    relation: str
    target: str
    remove: bool = False


# --- runs -----------------------------------------------------------------------------------------


class StartRun(Command, frozen=True, kw_only=True):
    playbook: str
    inputs: Plain = {}
    run_id: str = ""
    dry_run: bool = False
    labels: Labels = OPERATOR
    namespace: str = ""  # "": that of the documents that it is given, else the default.
    objective: str = ""  # What it serves.
    caps: tuple[Cap, ...] = ()  # Its budget, in place of its playbook's.


class SteerRun(Command, frozen=True, kw_only=True):
    """Pause, resume, cancel or kill a run."""

    id: str
    verb: str  # "pause", "resume", "cancel" or "kill".
    reason: str = ""


class SteerStep(Command, frozen=True, kw_only=True):
    """Retry a failed step or skip one that has not run."""

    id: str
    step: str
    verb: str  # "retry" or "skip".
    reason: str = ""


class EditStep(Command, frozen=True, kw_only=True):
    """Give a step other input before it runs, or another output in place of its own; None: that stays.

    rerun_after  steps that used the old output are done again, as far as nothing of theirs has left
    """

    id: str
    step: str
    input: Plain | None = None
    output: Plain | None = None
    rerun_after: bool = False
    reason: str = ""


class ReassignStep(Command, frozen=True, kw_only=True):
    """Have another agent do a step that has not succeeded yet; one under way or failed begins anew."""

    id: str
    step: str
    agent: str
    reason: str = ""


class DecideGate(Command, frozen=True, kw_only=True):
    """The operator's word on a step that waits for it. shown_hash: of the question that was read."""

    id: str
    step: str
    approve: bool
    shown_hash: str
    reason: str = ""


class ExamineRuns(Command, frozen=True, kw_only=True):
    """Look at every run that has not ended: what cannot go on is put in quarantine, alone."""


class SignalRun(Command, frozen=True, kw_only=True):
    id: str
    signal: str
    payload: Plain = {}


class ResolveDeadLetter(Command, frozen=True, kw_only=True):
    id: str
    remedy: str  # "retry", "edit", "reroute", "compensate" or "drop".
    reason: str = ""
    input: Plain = {}  # For "edit": what takes the place of the step's whole input.
    agent: str = ""  # For "reroute".


# --- actions --------------------------------------------------------------------------------------


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a decision: which action, and the hash of what the operator saw of it.

    confirm: what was typed for it. None: it was decided where nothing is typed, so none is asked for.
    """

    id: str
    shown_hash: str
    confirm: str | None = None


class LessonDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent shall learn from a decision. to: only about this recipient.  agents: whom it concerns, () the proposer."""

    text: str
    agents: tuple[str, ...] = ()
    to: str = ""
    everybody: bool = False
    expires_us: int | None = None


class DecideApprovals(Command, frozen=True, kw_only=True):
    items: tuple[Choice, ...]
    decision: str  # "approve", "reject" or "snooze".
    edits: Plain = {}
    reason: str = ""
    until_us: int | None = None
    until_event: str = ""  # For snooze: what brings it back before; see approvals.py.
    lesson: LessonDraft | None = None
    shown_us: int | None = None  # When it was put before the operator, if the face told.


class UndoAction(Command, frozen=True, kw_only=True):
    id: str
    reason: str = ""


class Undo(Command, frozen=True, kw_only=True):
    """Take back what a scope did: "action:a17", "run:r3", "agent:outreach", "undoing:u2" or "everything".

    since_us, until_us  only what was proposed then; for agents and everything     dry_run  only say what would happen
    plan_hash           of the plan that was seen: another one is a conflict
    """

    scope: str
    since_us: int | None = None
    until_us: int | None = None
    dry_run: bool = False
    plan_hash: str = ""
    reason: str = ""


class SettleAction(Command, frozen=True, kw_only=True):
    """The operator says what became of an effect whose outcome nobody could find out."""

    id: str
    happened: bool
    reason: str = ""


# --- permissions and trust ------------------------------------------------------------------------


class GivePermission(Command, frozen=True, kw_only=True):
    """A standing permission of the operator's; see grants.py. to: patterns of targets, or `known`."""

    agent: str
    action: str
    to: tuple[str, ...]
    uses_max: int
    expires_us: int
    per_day: int = 0
    amount_max: int | None = None
    reason: str = ""


class RevokePermission(Command, frozen=True, kw_only=True):
    id: str
    reason: str = ""


class SetAutonomy(Command, frozen=True, kw_only=True):
    """How far an agent may go in one kind of action. decline: it stays as it is, in spite of what was proposed."""

    agent: str
    action: str
    level: str = ""
    decline: bool = False
    reason: str = ""


# --- the workspace --------------------------------------------------------------------------------


class EngageStop(Command, frozen=True, kw_only=True):
    epoch: int
    reason: str
    by: str = "operator"


class ReleaseStop(Command, frozen=True, kw_only=True):
    """Open again; with `runs` or `actions`, only those go on: other runs are paused, other actions held back."""

    epoch: int
    reason: str
    by: str = "operator"
    runs: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None


class LetGo(Command, frozen=True, kw_only=True):
    """Let go on what a partial release kept back: runs that it paused, actions that it held back."""

    runs: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    reason: str = ""


class AssetFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """unread: why its text could not be read; then `text` and `hash` are empty."""

    asset_kind: str
    name: str
    path: str
    text: str
    hash: str
    unread: str = ""


class LoadAssets(Command, frozen=True, kw_only=True):
    """All steering files as they lie in the workspace now; what is missing from the list was removed."""

    files: tuple[AssetFile, ...]


class Configure(Command, frozen=True, kw_only=True):
    """Settings that decisions depend on; recorded, so that a replay knows them."""

    name: str
    operator: str
    timezone: str
    hold_us: int
    expires_us: int
    step_deadline_ms: int
    core_tokens: int = 2_000
    instructions_tokens: int = 2_000
    pinned_tokens: int = 2_000
    working_tokens: int = 4_000
    working_us: int = 7 * 86_400_000_000
    batch_window: str = ""
    cooling_us: int = 0
    warn_percent: int = 0
    high_per_minute: int = 6


class ConfigureLimits(Command, frozen=True, kw_only=True):
    """What the settings say about limits and failures; see core/entities.py, `Limits`."""

    rules: tuple[Limit, ...] = ()
    breaker_failures: int = 5
    breaker_window_us: int = 60_000_000
    breaker_open_us: int = 30_000_000
    escalate_us: int = 4 * 3_600_000_000


class RaiseBudget(Command, frozen=True, kw_only=True):
    """Give more to what is limited, in the present span of time. scope: `run:r1`, `agent:composer` …"""

    scope: str
    per: Per
    more: Amounts
    reason: str = ""


class SetBudget(Command, frozen=True, kw_only=True):
    """Limit one run, in place of what its playbook says."""

    run: str
    caps: tuple[Cap, ...]


class ResetBreaker(Command, frozen=True, kw_only=True):
    """Close it by hand. id: `agent:composer`, `connector:mail`, `model:draft`."""

    id: str
    reason: str = ""


class DeclareScopes(Command, frozen=True, kw_only=True):
    """Who may read and write what: "agent:composer", "connector:mail", "editor", "script", "observer"."""

    declared: dict[str, Declared]


class NoteRefusal(Command, frozen=True, kw_only=True):
    """A client looked at something out of its scope. entity: `kind:id`, never its content."""

    who: str
    entity: str
    rule: str
    verb: str = "read"


# --- going back -----------------------------------------------------------------------------------


class CreateSnapshot(Command, frozen=True, kw_only=True):
    """Name a position of the log; None: as it is now."""

    name: str
    at_seq: int | None = None
    note: str = ""


class RemoveSnapshot(Command, frozen=True, kw_only=True):
    name: str
    reason: str = ""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it shall be: `fields` are those that differ from the version at `expected_seq`."""

    entity: str  # `memory:m12`, `fact:client/acme` or `document:doc3`.
    expected_seq: int
    then_seq: int  # The version that comes back; 0 when there was none yet.
    fields: Plain


class RestoredEdge(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    relation: str
    target: str
    remove: bool


class RewindRecords(Command, frozen=True, kw_only=True):
    """A slice of a rewind, planned on the present; see core/time_travel.py.

    rewind  the one that goes on, "" for the first slice     total  what the whole sets out to change
    done    what the slices before have written              last   this slice ends it, and cancels the runs of `cancel`
    told    what the answer says besides, so that a repetition says it again; names things, holds no content
    """

    to_seq: int
    scope: str
    changes: tuple[Restored, ...]
    edges: tuple[RestoredEdge, ...] = ()
    cancel: tuple[str, ...] = ()
    rewind: str = ""
    total: int = 0
    done: int = 0
    last: bool = True
    reason: str = ""
    told: Plain = {}


class NoteFork(Command, frozen=True, kw_only=True):
    """A fork of this workspace was made; for the log of the one that it was made from."""

    fork: str
    path: str
    at_seq: int
    reason: str = ""
    told: Plain = {}  # What the answer says besides.


class BecomeFork(Command, frozen=True, kw_only=True):
    """The first command of a fork's own life: it is stopped, and nothing of its origin goes on by itself.

    restored   it was made of a backup     forgotten  bodies of `memory.forgotten` that the origin wrote after it
    """

    fork: str
    forked_from: str
    at_seq: int
    epoch: int
    reason: str = ""
    restored: bool = False
    forgotten: tuple[Plain, ...] = ()


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure takes away; see store/api.py, `Removal`."""

    epoch: int
    subjects: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    thinned: tuple[str, ...] = ()
    events: tuple[int, ...] = ()
    blobs: tuple[str, ...] = ()


class BeginErasure(Command, frozen=True, kw_only=True):
    """Forget all this for good.

    identifiers  what to look for when it is proven      operations  of actions that go
    names        outside names that must not come in again, `connector:external id`
    """

    removal: Names
    counts: dict[str, int]
    identifiers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    reason: str = ""


class ProveErasure(Command, frozen=True, kw_only=True):
    """It is gone: what was looked through, and what was found."""

    id: str
    proof: Plain


class CloseErasure(Command, frozen=True, kw_only=True):
    """The list of what went is gone as well."""

    id: str


# --- answers and time -----------------------------------------------------------------------------


class DocumentAnswered(Command, frozen=True, kw_only=True):
    document: str
    outcome: Outcome


class StepAnswered(Command, frozen=True, kw_only=True):
    run: str
    step: str
    attempt: int
    outcome: Outcome
    via: str = ""  # The remote executor that did it: its word is a stranger's. "": our own worker.


class RecallAnswered(Command, frozen=True, kw_only=True):
    """What the index found for the `recall` reads of a step: read name -> hits."""

    run: str
    step: str
    hits: dict[str, list[Plain]]


class EffectStarted(Command, frozen=True, kw_only=True):
    action: str


class EffectAnswered(Command, frozen=True, kw_only=True):
    action: str
    outcome: Outcome


class Wake(Command, frozen=True, kw_only=True):
    """The time that an entity waited for has come."""

    entity: str  # "run:r1" or "action:a1".
    due_us: int  # The moment that was waited for; the waiting itself is measured without the wall clock.


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What the rim must do for an entity now. `key` makes the same need the same after a restart.

    parse     document         step    run, step, attempt      recall  run, step
    effect    action           reconcile  action               wake    entity, at_us
    """

    kind: str
    key: str
    entity: str
    step: str = ""
    attempt: int = 0
    at_us: int = 0
