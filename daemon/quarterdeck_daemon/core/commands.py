"""What can be asked of the core: by clients, by answers of processes, by time. Each has one decider."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from .entities import Plain, Tier
from .orders import Outcome


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


class ReceiveDocument(Command, frozen=True, kw_only=True):
    """Raw bytes that are already in the blob store. Known `external_id`: nothing happens."""

    connector: str
    external_id: str
    media_type: str
    name: str
    blob: str
    size_bytes: int
    labels: Labels = EXTERNAL
    trigger: bool = False
    tags: tuple[str, ...] = ()


class Endorse(Command, frozen=True, kw_only=True):
    """The operator vouches for the exact text of a memory or the value of a fact."""

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


class SteerRun(Command, frozen=True, kw_only=True):
    """Pause, resume or cancel a run."""

    id: str
    verb: str  # "pause", "resume" or "cancel".
    reason: str = ""


class SteerStep(Command, frozen=True, kw_only=True):
    """Retry a failed step or skip one that has not run."""

    id: str
    step: str
    verb: str  # "retry" or "skip".
    reason: str = ""


class SignalRun(Command, frozen=True, kw_only=True):
    id: str
    signal: str
    payload: Plain = {}


class ResolveDeadLetter(Command, frozen=True, kw_only=True):
    id: str
    remedy: str  # "retry" or "drop".
    reason: str = ""


# --- actions --------------------------------------------------------------------------------------


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a decision: which action, and the hash of what the operator saw of it."""

    id: str
    shown_hash: str


class DecideApprovals(Command, frozen=True, kw_only=True):
    items: tuple[Choice, ...]
    decision: str  # "approve", "reject" or "snooze".
    edits: Plain = {}
    reason: str = ""
    until_us: int | None = None


class UndoAction(Command, frozen=True, kw_only=True):
    id: str
    reason: str = ""


class SettleAction(Command, frozen=True, kw_only=True):
    """The operator says what became of an effect whose outcome nobody could find out."""

    id: str
    happened: bool
    reason: str = ""


# --- the workspace --------------------------------------------------------------------------------


class EngageStop(Command, frozen=True, kw_only=True):
    epoch: int
    reason: str
    by: str = "operator"


class ReleaseStop(Command, frozen=True, kw_only=True):
    """Open again; with `runs`, only those go on and the others are paused."""

    epoch: int
    reason: str
    by: str = "operator"
    runs: tuple[str, ...] | None = None


class AssetFile(msgspec.Struct, frozen=True, kw_only=True):
    asset_kind: str
    name: str
    path: str
    text: str
    hash: str


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


# --- answers and time -----------------------------------------------------------------------------


class DocumentAnswered(Command, frozen=True, kw_only=True):
    document: str
    outcome: Outcome


class StepAnswered(Command, frozen=True, kw_only=True):
    run: str
    step: str
    attempt: int
    outcome: Outcome


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
