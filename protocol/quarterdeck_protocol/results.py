"""What the methods give: the shape of each result. A reader ignores fields it does not know.

`at` and `…_at` are ISO 8601 times in UTC; `…_us` are microseconds, `…_ms` milliseconds. Every item of a list has
an `id`. `next` of a page is the cursor of the following one, null at the end.
"""

from __future__ import annotations

from typing import Literal

from .events import Event
from .fact_results import Alerts as Alerts
from .fact_results import AlertView as AlertView
from .fact_results import FactDone as FactDone
from .fact_results import Kinds as Kinds
from .fact_results import KindView as KindView
from .fact_results import Path as Path
from .fact_results import PathStep as PathStep
from .fact_results import ProposalDecided as ProposalDecided
from .fact_results import Proposals as Proposals
from .fact_results import ProposalView as ProposalView
from .fact_results import Transacted as Transacted
from .frames import Plain
from .labels import Labels
from .memory_results import Changed as Changed
from .memory_results import Finding as Finding
from .memory_results import Health as Health
from .memory_results import Keeping as Keeping
from .memory_results import Knob as Knob
from .memory_results import Memories as Memories
from .memory_results import MemoryView as MemoryView
from .memory_results import Retention as Retention
from .memory_results import TierLine as TierLine
from .policy_results import Explanation as Explanation
from .policy_results import TriedRule as TriedRule
from .shapes import Done as Done
from .shapes import Page as Page
from .shapes import Shape as Shape
from .work_results import Actions as Actions
from .work_results import ActionView as ActionView
from .work_results import Approvals as Approvals
from .work_results import ApprovalView as ApprovalView
from .work_results import DeadLetters as DeadLetters
from .work_results import DeadLetterView as DeadLetterView
from .work_results import Decided as Decided
from .work_results import Decisions as Decisions
from .work_results import Deed as Deed
from .work_results import EvidenceView as EvidenceView
from .work_results import PolicyView as PolicyView
from .work_results import RunLine as RunLine
from .work_results import Runs as Runs
from .work_results import RunStarted as RunStarted
from .work_results import RunView as RunView
from .work_results import StepView as StepView

# --- system -----------------------------------------------------------------------------------------


class Hello(Shape, frozen=True, kw_only=True):
    protocol: str
    version: str
    workspace: str
    seq: int
    stopped: bool


class Alert(Shape, frozen=True, kw_only=True):
    """id: of an alert that is kept in the log and can be resolved; "" for one that goes by itself."""

    level: Literal["info", "warning", "critical"]
    text: str
    hint: str = ""
    id: str = ""
    runbook: str = ""


class Status(Shape, frozen=True, kw_only=True):
    """cost_today: money as text, "0" without models. waiting_documents: received and not parsed yet.

    pending_approvals: what waits for the operator, questions of runs (gates) included.
    confinement: how far workers are shut in: full, partial, limits or none.
    """

    running: bool
    stopped: bool
    seq: int
    pending_approvals: int
    active_runs: int
    dead_letters: int
    cost_today: str = "0"
    mode: str = "creative"  # Of runs for which nothing else is said.
    models_ready: int = 0
    open_breakers: int = 0
    queued: int = 0
    alerts: list[Alert] = []
    stop_reason: str = ""
    memories: int = 0
    facts: int = 0
    waiting_documents: int = 0
    workers: int = 0
    confinement: str = "none"
    uptime_s: int = 0
    pid: int = 0


class Ending(Shape, frozen=True, kw_only=True):
    """The daemon ends after this reply."""

    stopping: bool = True


class Check(Shape, frozen=True, kw_only=True):
    """status: "warn" for what works, but not as well as it could."""

    id: str
    ok: bool
    detail: str
    fix: str = ""
    status: str = ""


class Checkup(Shape, frozen=True, kw_only=True):
    ok: bool
    items: list[Check]


class StopState(Shape, frozen=True, kw_only=True):
    """in_flight: actions that were on the wire when the stop came.  states: how each that had not ended stood then.

    held_back: actions that a release of some left where they were
    """

    stopped: bool
    epoch: int
    seq: int = 0
    in_flight: list[str] = []
    states: dict[str, str] = {}
    unlisted: int = 0
    paused_runs: list[str] = []
    held_back: list[str] = []


# --- memory -----------------------------------------------------------------------------------------


class Remembered(Shape, frozen=True, kw_only=True):
    """chunks: ids of the pieces of a long text. document: id, when bytes were given; parsing goes on behind.

    known: it was there already, word for word, and id is that one's.
    """

    id: str
    seq: int
    chunks: list[str] = []
    document: str = ""
    tier: str = ""
    known: bool = False


class Why(Shape, frozen=True, kw_only=True):
    """Parts of a score, each 0..1 before weighting, and the words that matched.

    relevance: what the floor looks at: the share of the question's words that it has, and likeness in meaning.
    words: the same for people.
    """

    keyword: float = 0.0
    vector: float = 0.0
    recency: float = 0.0
    terms: list[str] = []
    relevance: float = 0.0
    words: str = ""


class Hit(Shape, frozen=True, kw_only=True):
    id: str
    score: float
    text: str
    title: str
    source: str
    span: tuple[int, int] | None
    at: str
    tier: str
    labels: Labels
    why: Why
    document: str = ""
    kind: str = "note"
    tags: list[str] = []
    entity: str = ""
    superseded: bool = False


class Hits(Shape, frozen=True, kw_only=True):
    """Best first. behind: events of the log that the index has yet to see; it is being built again then.

    words_only: the embedder cannot be asked now, so meaning did not count.
    """

    items: list[Hit]
    behind: int = 0
    words_only: bool = False


class Answer(Shape, frozen=True, kw_only=True):
    items: list[Hit]


class Answers(Shape, frozen=True, kw_only=True):
    """One for each question, in their order."""

    answers: list[Answer]
    behind: int = 0
    words_only: bool = False


class MemoryExported(Shape, frozen=True, kw_only=True):
    """After the chunks `{"records": [record, …]}`, `{"links": [{source, relation, target}, …]}` and, when asked
    for, `{"original": {hash, name, media_type, offset, size_bytes, data}}`, or `{"absent": {id, why}}`
    for an original that is gone: pruned, forgotten or missing."""

    count: int
    head_seq: int


class Record(Shape, frozen=True, kw_only=True):
    """One entity as it was at `seq`. entity: `kind:id`; fields: its own values."""

    id: str
    entity: str
    seq: int
    at: str
    labels: Labels
    fields: Plain


class Records(Page, frozen=True, kw_only=True):
    items: list[Record]


class Trace(Shape, frozen=True, kw_only=True):
    """One entity on the way back to raw inputs, or forward to uses. depth: steps from the one asked for.

    place     where a chunk's words stand: `{document, source, line, to_line, page, quote}`, page "" without pages
    origin    who brought it, when it was made from nothing else   standing  why it no longer counts, if it does not
    """

    id: str
    entity: str
    relation: str
    via: str
    depth: int
    title: str = ""
    at: str = ""
    place: Plain = {}
    origin: str = ""
    standing: str = ""


class Traces(Shape, frozen=True, kw_only=True):
    items: list[Trace]


# --- facts ------------------------------------------------------------------------------------------


class FactStored(Shape, frozen=True, kw_only=True):
    """remarks: names of fields that look like a slip of a known one; they are kept as they are."""

    id: str
    version: int
    seq: int
    remarks: list[str] = []


class FactView(Shape, frozen=True, kw_only=True):
    """id: `kind/key`.

    version         of what is shown; latest_version: the last one that was learned, for compare-and-set
    valid_from, valid_to  the span [from, to) for which it is true, as the versions learned later left it
    spans           the stretches [from, to) that are left to it; none when later versions lie over all of it
    superseded_by_version  the later one that took over at its end
    retracted       whether this version took the fact back; reason says why
    kind_version    of the kind's schema by which it was written
    """

    id: str
    kind: str
    key: str
    value: Plain
    version: int
    seq: int
    at: str
    labels: Labels
    tier: str
    source: str = ""
    valid_from: str | None = None
    valid_to: str | None = None
    latest_version: int = 0
    superseded_by_version: int | None = None
    spans: list[tuple[str | None, str | None]] = []
    retracted: bool = False
    reason: str = ""
    namespace: str = "default"
    kind_version: int = 0
    proposes: str = ""
    hash: str = ""


class Facts(Page, frozen=True, kw_only=True):
    items: list[FactView]


class Neighbour(Shape, frozen=True, kw_only=True):
    """direction: `out` when the nearer one is the source of the link.  depth: steps from the fact asked for.

    via: the nearer one, where that is not the fact asked for.
    """

    id: str
    relation: str
    direction: Literal["out", "in"]
    seq: int
    depth: int = 1
    via: str = ""


class Neighbours(Page, frozen=True, kw_only=True):
    """cut: there is more than was looked at."""

    items: list[Neighbour]
    cut: bool = False


# --- steering files ---------------------------------------------------------------------------------


class AssetView(Shape, frozen=True, kw_only=True):
    """A playbook, policy file, template or agent. error: why it is not in use."""

    id: str
    name: str
    path: str = ""
    hash: str = ""
    version: str = ""
    description: str = ""
    error: str = ""
    details: Plain = {}


class Assets(Page, frozen=True, kw_only=True):
    items: list[AssetView]


class Complaint(Shape, frozen=True, kw_only=True):
    message: str
    line: int = 0
    hint: str = ""
    column: int = 0
    level: str = "error"


class Validation(Shape, frozen=True, kw_only=True):
    """warnings: what does not keep it from being used."""

    ok: bool
    name: str = ""
    errors: list[Complaint] = []
    warnings: list[Complaint] = []


class ConnectorView(Shape, frozen=True, kw_only=True):
    """effect_class: A native key, B check before write, C neither; by verb."""

    id: str
    healthy: bool
    detail: str = ""
    verbs: dict[str, str] = {}


class Connectors(Page, frozen=True, kw_only=True):
    items: list[ConnectorView]


# --- time, audit, cost ------------------------------------------------------------------------------


class Timeline(Shape, frozen=True, kw_only=True):
    """next: `after` (or `before`, when newest came first) of the following page; null at the end.

    A page may be shorter than `limit` and still have a `next`: pages are cut by bytes too.
    """

    items: list[Event]
    next: int | None = None


class TimelineEntry(Shape, frozen=True, kw_only=True):
    """One event, opened. Of the fields after `event`, those that apply to its kind are filled.

    context_tokens     of each read that the step was shown; of a `context` read, by part
    context_forgotten  `kind:id` that it was shown and that can no longer be read: [forgotten] stands for them
    context_differs    reads that cannot be made again as they were shown
    """

    event: Event
    inputs: Plain = {}
    context: Plain = {}
    prompt: str = ""
    output: Plain = {}
    verdict: Plain = {}
    args: Plain = {}
    cost: str = "0"
    cause: Event | None = None
    consequences: list[Event] = []
    context_tokens: Plain = {}
    context_forgotten: list[str] = []
    context_differs: list[str] = []


class CostLine(Shape, frozen=True, kw_only=True):
    id: str
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    money: str = "0"


class Costs(Shape, frozen=True, kw_only=True):
    """models: what they did on these days, how often a known answer did, what that saved.  forecast: of this month."""

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    money: str = "0"
    items: list[CostLine] = []
    budgets: list[Plain] = []
    complete: bool = True
    models: Plain = {}
    forecast: Plain = {}


class Ingested(Shape, frozen=True, kw_only=True):
    """documents: parsed. runs: settled (ended, or waiting for somebody). waiting: still on their way."""

    documents: int
    runs: int
    waiting: int
