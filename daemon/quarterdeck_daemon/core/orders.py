"""Work orders: what the kernel asks of the outside, and the shapes in which it answers.

An order goes to a worker (parse, run an agent) or to the effector (an outward effect). Order ids
are derived from the state, so the same piece of work has the same id after a restart, and the
dispatcher sends it once. An answer comes back as a command; it is recorded before it is used.

Frames between daemon and process: DEALER/ROUTER, `[empty, body]`, body a MessagePack map
`{"type": "hello"|"order"|"answer"|"notice"|"cancel", ...}` of the structs below.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from .entities import Alternative, Amounts, Evidence, Plain

FailureClass = Literal["transient", "permanent", "contract", "crash", "timeout", "stopped", "uncertain"]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why work did not succeed. `transient`, `crash` and `timeout` may be tried again, the rest not."""

    failure: FailureClass
    code: str
    message: str
    hint: str = ""
    wait_ms: int = 0  # What the other side asked us to wait before the next try.


# --- daemon -> process ----------------------------------------------------------------------------


class ParseDocument(msgspec.Struct, frozen=True, kw_only=True, tag="document.parse"):
    """Turn raw bytes into text and metadata. For workers."""

    document: str
    media_type: str
    data: bytes
    name: str = ""


class RunStep(msgspec.Struct, frozen=True, kw_only=True, tag="step.run"):
    """Run one agent once. `input` is the step's resolved input, `context` what its `reads` found.

    Context values by kind of read:
      document  {"id", "title", "text", "meta", "labels"}      fact   {"id", "key", "value", "version"} or None
      facts     [fact, …]      template {"id", "name", "text", "variants"}
      recall    [{"id", "title", "text", "score", "source"}, …]
      tasks     [{"id", "title", "text", "state", "owner", "due_us", "accept", "criteria", "evidence", "parent", "key", "note"}, …]
      action    {"id", "connector", "verb", "args", "targets", "result", "status"}
      context   {"budget", "query", "tokens", "pieces": [{"part", "id", "title", "text", "source", "span", "labels", …}]}
    `workspace` is always there: {"name", "operator", "timezone"}.

    file      text of the agent's file when its prompt is what does the work, "" when code does
    purposes  for which a model would answer; none in a deterministic step
    replies   to what the agent asked in its earlier turns at this attempt, in the order of asking
    asked     hashes of those questions: an agent that asks something else now is not a function of what it is given
    mode      deterministic, exploratory or creative; "": as free as can be
    """

    run: str
    step: str
    attempt: int
    agent: str
    input: Plain
    context: Plain
    now_us: int
    file: str = ""
    purposes: tuple[str, ...] = ()
    replies: tuple[ModelReply, ...] = ()
    asked: tuple[str, ...] = ()
    mode: str = ""


class ExecuteEffect(msgspec.Struct, frozen=True, kw_only=True, tag="effect.execute"):
    """Carry out one permitted action. For the effector, which checks every field again by itself.

    approved_hash  what the policy or the operator permitted; must equal the hash of the arguments
    epoch          of the fence when the intent was recorded; another epoch means: do not send
    reserved       whether all limits and budgets that it counts in hold a place for it
    """

    action: str
    operation_id: str
    connector: str
    verb: str
    args: Plain
    targets: tuple[str, ...]
    approved_hash: str
    epoch: int
    reserved: bool = True


class ReconcileEffect(msgspec.Struct, frozen=True, kw_only=True, tag="effect.reconcile"):
    """Find out whether an effect of unknown outcome happened; never repeat it."""

    action: str
    operation_id: str
    connector: str
    verb: str
    args: Plain


class PutRows(msgspec.Struct, frozen=True, kw_only=True, tag="rows.put"):
    """Take rows into the index. For the indexer. body: a MessagePack `Feed` of recall/api.py."""

    body: bytes


class SearchRows(msgspec.Struct, frozen=True, kw_only=True, tag="rows.search"):
    """Answer questions from the index. For the indexer. body: a MessagePack list of `Question` of recall/api.py."""

    body: bytes


class SourceText(msgspec.Struct, frozen=True, kw_only=True):
    """A text to look for facts in. source: `document:doc3` or `memory:m5`.  meta: of a document, as its parser left it."""

    source: str
    text: str
    at_us: int
    title: str = ""
    media_type: str = ""
    meta: Plain = {}
    by_operator: bool = False


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model is asked. Plain data: the same request is the same question, whoever asks.

    purpose      route, classify, extract, draft, judge, plan …: by it the router chooses who answers
    schema       JSON Schema that the answer keeps to; the reply then carries the decoded `value`
    choices      the labels to choose from: each is weighed by its likelihood, nothing is written
    tokens_max   of the answer      temperature  0: always the likeliest      seed  of the draws otherwise
    labels       of everything that went into it; something secret never goes to a remote model
    value_minor  what a good answer is worth to the operator, in minor units; 0: as its purpose says
    again        how many answers to it were too weak; for each a larger model is asked
    """

    purpose: str
    prompt: str
    system: str = ""
    schema: Plain = {}
    choices: tuple[str, ...] = ()
    tokens_max: int = 512
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    labels: Labels = OPERATOR
    value_minor: int = 0
    again: int = 0


class AskModel(msgspec.Struct, frozen=True, kw_only=True, tag="model.ask"):
    """Have one model answer. For the host of that model. model: its name in the settings.  stream: tell pieces as they come."""

    call: str
    model: str
    request: ModelRequest
    stream: bool = False


class FindFacts(msgspec.Struct, frozen=True, kw_only=True, tag="facts.find"):
    """Look for facts in texts. For workers. own: names and addresses of the house itself, which are nobody else's."""

    texts: tuple[SourceText, ...]
    own: tuple[str, ...] = ()


Work = AskModel | FindFacts | ParseDocument | RunStep | ExecuteEffect | ReconcileEffect | PutRows | SearchRows


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Envelope of work. A process that has not answered after `deadline_ms` is killed."""

    id: str
    work: Work
    deadline_ms: int


# --- process -> daemon ----------------------------------------------------------------------------


class ParsedChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the text along its structure; `span` are characters [from, to) of the text."""

    text: str
    span: tuple[int, int]
    title: str = ""  # The path to it: "Contract > 3. Fees, p. 4".
    language: str = ""  # ISO 639-1, "" when nobody could tell.


class ParsedFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that stands in a structured file of the operator's (facts/*.toml)."""

    fact_kind: str
    key: str
    value: Plain


class Parsed(msgspec.Struct, frozen=True, kw_only=True, tag="parsed"):
    """What a parser found. `unreadable` says why there is no text, if so."""

    title: str
    text: str
    meta: Plain
    chunks: tuple[ParsedChunk, ...] = ()
    facts: tuple[ParsedFact, ...] = ()
    unreadable: str = ""


class ProposedFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact an agent believes, with what it was taken from. Stored in the review tier."""

    fact_kind: str
    key: str
    value: Plain
    source: str = ""
    namespace: str = ""  # "": where the fact is, the default for a new one.


class ProposedAction(msgspec.Struct, frozen=True, kw_only=True):
    """An effect an agent wants. Agents cannot do more than ask."""

    connector: str
    verb: str
    args: Plain
    targets: tuple[str, ...]
    summary: str
    why: str
    evidence: tuple[Evidence, ...] = ()
    confidence: float = 0.0
    risks: tuple[str, ...] = ()
    undo: str = ""
    group: str = ""
    compensates: str = ""  # The action that this one mends, when it is a correction.
    compensation: Plain = {}  # How to take it back: {"verb": "practice.cancel", "args": {…}}; "": as its verb says.
    alternatives: tuple[Alternative, ...] = ()  # What else it could have proposed, and why it did not.


class ProposedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that an agent makes, or a change of one that it proposes. What is empty stays as it is.

    id     of the task that is meant; "": the one with this `key`, else a new one
    state  open, doing, waiting or done; of what needs acceptance, done means that the operator is asked
    """

    title: str = ""
    id: str = ""
    key: str = ""  # The agent's own name for it, so that it is not made twice.
    text: str = ""
    owner: str = ""
    state: str = ""
    due_us: int | None = None
    accept: bool = False
    criteria: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()  # `document:doc3`, `fact:invoice/12`, a path or an address.
    parent: str = ""
    note: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found in a text.

    value     what it says of the fact `fact_kind/key`
    party     whether it speaks of somebody: then of the known fact that `mentions` leads to, if there is one
    mentions  names, addresses and domains by which that somebody may be known, best first
    beside    the same for those whom it concerns: the client of an invoice
    known, related  the facts that those led to; filled in by the daemon, which knows them
    """

    fact_kind: str
    key: str
    value: Plain
    evidence: tuple[Evidence, ...]
    party: bool = False
    mentions: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


class FoundIn(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    findings: tuple[Finding, ...]


class FoundFacts(msgspec.Struct, frozen=True, kw_only=True, tag="facts.found"):
    """What was found, text by text."""

    items: tuple[FoundIn, ...]


class StepDone(msgspec.Struct, frozen=True, kw_only=True, tag="step.done"):
    """What an agent returned. `output` must satisfy the agent's contract.

    used  tokens and money that it really used, for budgets; None: it does not tell, and all it had reserved counts
    """

    output: Plain
    facts: tuple[ProposedFact, ...] = ()
    actions: tuple[ProposedAction, ...] = ()
    used: Amounts | None = None
    tasks: tuple[ProposedTask, ...] = ()


class StepAsks(msgspec.Struct, frozen=True, kw_only=True, tag="step.asks"):
    """The agent cannot go on before a model has answered these; it is run again with their replies, in this order."""

    requests: tuple[ModelRequest, ...]


class ModelReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="model.replied"):
    """What a model answered.

    model    name and hash of what answered; "" when nobody did: then `refused` says why, and the asker does without
    value    of an answer under a schema      scores  of choices: likelihoods that sum to 1, the best first
    finish   why it ended      reused  of tokens_in, how many were there from the request before
    """

    model: str = ""
    text: str = ""
    value: object = None
    scores: dict[str, float] = {}
    finish: Literal["stop", "length", "cancelled"] = "stop"
    tokens_in: int = 0
    tokens_out: int = 0
    reused: int = 0
    first_ms: float = 0.0  # Until the first token.
    ms: float = 0.0
    cached: bool = False  # It is the answer to the same request before.
    refused: str = ""


class EffectDone(msgspec.Struct, frozen=True, kw_only=True, tag="effect.done"):
    """The effect happened; `already` when an earlier try had done it."""

    result: Plain
    already: bool = False


class EffectAbsent(msgspec.Struct, frozen=True, kw_only=True, tag="effect.absent"):
    """Reconciliation proved that the effect did not happen."""


class RowsPut(msgspec.Struct, frozen=True, kw_only=True, tag="rows.taken"):
    """How far the index goes now. body: a MessagePack `Applied` of recall/api.py."""

    body: bytes


class RowsFound(msgspec.Struct, frozen=True, kw_only=True, tag="rows.found"):
    """One list of `Find` of recall/api.py for each question. body: MessagePack.  words_only: no embedder answered."""

    body: bytes
    words_only: bool = False


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The work did not succeed. For an effect, `uncertain` means: it may have happened."""

    failure: Failure


Outcome = (
    FoundFacts | ModelReply | Parsed | StepAsks | StepDone | EffectDone | EffectAbsent | RowsPut | RowsFound | Failed
)


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="answer"):
    """The answer to the order of the same id."""

    id: str
    outcome: Outcome


ConfinementLevel = Literal["full", "partial", "limits", "none"]


class Confinement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a process that handles what strangers wrote is shut in; `full` is all layers.

    parts    the layers in force: limits, powers, landlock and its version, seccomp
    missing  what this machine does not offer, and why
    """

    level: ConfinementLevel = "none"
    parts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class HostedModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The model of a host, as it is now. name: in the settings.  id: name and content, "" before it is known.

    at_once       requests that it takes at the same time; 0: it is about to end
    problem, fix  why it is not ready, and what mends it
    """

    name: str = ""
    id: str = ""
    context_tokens: int = 0
    at_once: int = 1
    remote: bool = False
    loading: bool = False  # What it was asked waits for that, and its time begins afterwards.
    loaded: bool = False
    ready: bool = True
    problem: str = ""
    fix: str = ""


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """First message of a process. The token came to it through its standard input.

    agents   what a worker can run: {name, version, purpose, reads, inputs, outputs, effects, facts}
    applied  how far an indexer's index goes: a MessagePack `Applied` of recall/api.py
    confined how far a worker is shut in
    model    what a model host has; said again when that changes
    """

    role: Literal["worker", "effector", "indexer", "model"]
    pid: int
    token: str
    agents: tuple[Plain, ...] = ()
    applied: bytes = b""
    confined: Confinement = Confinement()
    model: HostedModel = HostedModel()


class Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="said"):
    """A piece of a streamed answer to the order of this id. Pieces are shown, the reply is what counts."""

    id: str
    text: str


class Started(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="started"):
    """The effector passed every check and is about to touch the wire for the order of this id."""

    id: str


class Offer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="offer"):
    """A connector sees these external ids. The daemon answers `Wanted` with those it does not have.

    present  after a complete look, the names of all that lies below `roots`: what was there before and is no longer
             among them is gone. None: nothing is said about what is gone.
    """

    connector: str
    external_ids: tuple[str, ...]
    present: tuple[str, ...] | None = None
    roots: tuple[str, ...] = ()


class Arrived(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="arrived"):
    """One thing from outside, raw. Acknowledged by `Kept` once it is durable.

    external_id  stable for one content at one place: e.g. "mail/inbox/0001.eml#<blake2b-16 of content>"
    trigger      whether playbooks may start on it (new mail yes, the backlog of notes no)
    """

    connector: str
    external_id: str
    media_type: str
    name: str
    data: bytes
    labels: Labels = EXTERNAL
    trigger: bool = False


ProcessMessage = Hello | Answer | Said | Started | Offer | Arrived


class OrderMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="order"):
    order: Order


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="cancel"):
    """Nobody waits for the answer to this order any more. A host ends it soon; its answer only frees the place."""

    id: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="wanted"):
    connector: str
    external_ids: tuple[str, ...]


class Kept(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="kept"):
    external_id: str


DaemonMessage = OrderMessage | Cancel | Wanted | Kept
