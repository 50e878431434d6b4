"""What the methods about models take and give."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .params import Change, Name, Short, Tags, Text
from .shapes import Page, Shape

Purpose = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class ModelUse(Change, frozen=True, kw_only=True):
    """id: as `model.list` has it."""

    id: Name


class Quality(Shape, frozen=True, kw_only=True):
    """How near the answers of a model come to what the operator decided, at one purpose. says: the same in words.

    n          decided questions with a right answer that it was asked      own  of them, it had answered itself at the time
    agreement  mean of what agrees, 0 to 1; low, high: 95 % interval. None below ten
    failed     of n, no answer      withheld  not shown to it, by their labels
    rejected   questions whose answer was rejected      repeated  how often it gave that answer again
    """

    id: str
    purpose: str
    at_us: int
    n: int = 0
    agreed: float = 0.0
    own: int = 0
    failed: int = 0
    withheld: int = 0
    rejected: int = 0
    repeated: int = 0
    agreement: float | None = None
    low: float | None = None
    high: float | None = None
    says: str = ""


class ModelView(Shape, frozen=True, kw_only=True):
    """One model. kind: `embedder`, which makes the vectors of recall, or `language`, which answers.

    remote     whether texts leave this machine for it
    ready      whether it could be used now; else problem and fix say what is missing and what to do
    used       whether the settings name it; of a language model, whether a route does
    answering  whether recall's answers come from its vectors; while rows move to another model, the old one answers
    path       where its files belong; empty when it has none
    purposes   for which alone it answers; none: for any      routes  purposes whose route names it
    loaded     whether it is in memory now
    tokens_s, first_ms, memory_mb  as `models bench` measured them here; 0: not yet
    quality    how near its answers come to what the operator decided, by purpose, as `model.judge` found it
    """

    id: str
    kind: str
    about: str = ""
    dimension: int = 0
    remote: bool = False
    size_bytes: int = 0
    ready: bool = False
    used: bool = False
    answering: bool = False
    problem: str = ""
    fix: str = ""
    path: str = ""
    backend: str = ""
    model: str = ""
    tier: int = 0
    purposes: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    context_tokens: int = 0
    loaded: bool = False
    tokens_s: float = 0.0
    first_ms: float = 0.0
    memory_mb: int = 0
    quality: list[Quality] = []


class IndexState(Shape, frozen=True, kw_only=True):
    """embedder: whose vectors answer, by its full id.  migrated: rows that have vectors of `migrating_to`."""

    embedder: str = ""
    rows: int = 0
    migrating_to: str = ""
    migrated: int = 0


class ModelAdd(Change, frozen=True, kw_only=True):
    """source: a path on the daemon's machine; or the url of a service, and what the model is called there."""

    id: Name
    source: Text = ""
    sha256: Short = ""
    url: Short = ""
    model: Short = ""
    key: Short = ""
    tier: Annotated[int, Meta(ge=1, le=2)] = 1


class ModelPull(Change, frozen=True, kw_only=True):
    """source: OWNER/REPO[@REVISION]/FILE.gguf of a hub; without one, an embedder of the catalogue. Cut short, it goes on."""

    id: Name
    source: Short = ""
    hub: Short = ""
    sha256: Short = ""
    key: Short = ""
    tier: Annotated[int, Meta(ge=1, le=2)] = 1


class ModelAdded(Shape, frozen=True, kw_only=True):
    id: str
    path: str = ""
    sha256: str = ""


class ModelBench(Change, frozen=True, kw_only=True):
    """id: of a language model."""

    id: Name


class ModelFigures(Shape, frozen=True, kw_only=True):
    """As measured on this machine: tokens written and read in a second, the first token, the most memory."""

    id: str
    model: str
    tokens_s: float
    reads_s: float
    first_ms: float
    load_ms: float
    memory_mb: int


class ModelJudge(Change, frozen=True, kw_only=True):
    """ids: of language models; none: all that are ready.  purposes: none: all.  most: decided questions, the latest first.

    foresee: ask nobody, only say what each would be shown, and what that uses at most.
    """

    ids: Tags = ()
    purposes: Tags = ()
    most: Annotated[int, Meta(ge=1, le=200)] = 50
    foresee: bool = False


class Foreseen(Shape, frozen=True, kw_only=True):
    """What a model is shown, and uses at most."""

    id: str
    remote: bool
    questions: int
    tokens: int
    money: str


class ModelsJudged(Shape, frozen=True, kw_only=True):
    """Before it come chunks {id, done, of}. cases: how many of the decided questions stood unchanged, edited, rejected."""

    cases: dict[str, int]
    foreseen: list[Foreseen]
    items: list[Quality]


class ModelReload(Change, frozen=True, kw_only=True):
    """The settings name other models, or other routes."""


class ModelsReloaded(Shape, frozen=True, kw_only=True):
    models: list[str]


class Models(Page, frozen=True, kw_only=True):
    items: list[ModelView]
    index: IndexState = IndexState()


class ModelUsed(Shape, frozen=True, kw_only=True):
    """changed: false when it was used already."""

    id: str
    changed: bool


class ModelAsk(Change, frozen=True, kw_only=True):
    """One question. The kernel's routes choose who answers it, by its purpose.

    schema   JSON Schema that the answer keeps to      choices  to be weighed; nothing is written then
    secret   whether what stands in it may leave for no other machine, whatever the routes say
    """

    purpose: Purpose = "draft"
    prompt: Text
    system: Text = ""
    schema: dict[str, object] = {}
    choices: Tags = ()
    tokens_max: Annotated[int, Meta(ge=1, le=32_768)] = 512
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.0
    seed: Annotated[int, Meta(ge=0, le=1 << 31)] = 0
    secret: bool = False


class ModelAnswer(Shape, frozen=True, kw_only=True):
    """The answer. Before it come chunks {text, try}; a higher try begins the text anew.

    call    its id in the log: what was asked, of whom, why, and what it cost
    value   of an answer under a schema      scores  of choices, the best first
    finish  "length" when it was cut         cached  it was answered before, and cost nothing now
    """

    call: str
    seq: int
    model: str = ""
    text: str = ""
    value: object = None
    scores: dict[str, float] = {}
    finish: str = ""
    why: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    first_ms: float = 0.0
    ms: float = 0.0
    money: int = 0
    cached: bool = False


class ModelCancel(Change, frozen=True, kw_only=True):
    """id: of a call."""

    id: Name


class CallState(Shape, frozen=True, kw_only=True):
    id: str
    status: str
    seq: int = 0
