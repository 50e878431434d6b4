"""Results about work: runs, approvals, actions, dead letters. See results.py for the conventions."""

from __future__ import annotations

from .frames import Plain
from .labels import Labels
from .shapes import Page, Shape

# --- runs -------------------------------------------------------------------------------------------


class RunStarted(Shape, frozen=True, kw_only=True):
    """plan: the steps it would take, for a dry run."""

    run_id: str
    seq: int
    plan: list[Plain] = []


class StepView(Shape, frozen=True, kw_only=True):
    id: str
    agent: str
    status: str
    attempts: int
    input: Plain = {}
    output: Plain = {}
    error: Plain = {}
    actions: list[str] = []
    sources: list[str] = []
    started_at: str | None = None
    ended_at: str | None = None
    wakes_at: str | None = None
    queued_for: str = ""
    parent: str = ""  # The fan-out of which it is a share.
    item: object = None
    gate: str = ""  # What the operator is asked.
    run: str = ""  # The run that is its work.
    agent_version: str = ""
    given: bool = False  # Its output is the operator's word.
    mode: str = ""  # In force when it began.
    calls: list[Plain] = []  # {id, purpose, model, status, why, reused, tokens, money}: what it asked models.
    needs: list[str] = []  # Steps that come before it.
    does: str = ""  # As its playbook describes it.
    when: str = ""  # The condition under which it is done.
    tries_max: int = 0  # 0: its playbook cannot be read any more.
    timeout: str = ""


class RunLine(Shape, frozen=True, kw_only=True):
    id: str
    run_id: str
    playbook: str
    status: str
    at: str
    ended_at: str | None = None
    reason: str = ""
    cause: str = ""
    namespace: str = "default"
    parent: str = ""
    priority: str = "normal"
    origin: str = ""  # What began it by itself: `schedule:s2`.
    objective: str = ""  # What it serves.
    gates: list[Plain] = []  # {id, step, text}: what waits for the operator's yes; `id` as approval.list has it.
    trouble: str = ""  # Why it is in quarantine.
    mode: str = ""  # How far models take part; "" in a list: as the workspace says.


class Runs(Page, frozen=True, kw_only=True):
    items: list[RunLine]


class RunView(RunLine, frozen=True, kw_only=True):
    seq: int
    steps: list[StepView]
    inputs: Plain = {}
    cost: str = "0"
    labels: Labels = Labels()
    outputs: Plain = {}
    agents: dict[str, str] = {}
    late_at: str | None = None
    deadline_at: str | None = None
    opens_at: str | None = None
    remedies: list[str] = []


# --- approvals and actions --------------------------------------------------------------------------


class Deed(Shape, frozen=True, kw_only=True):
    """What would happen: exactly this and to exactly these."""

    connector: str
    verb: str
    args: Plain
    targets: list[str]


class EvidenceView(Shape, frozen=True, kw_only=True):
    claim: str
    source: str
    quote: str = ""
    span: tuple[int, int] | None = None


class Alternative(Shape, frozen=True, kw_only=True):
    """What else was considered. id: opens it, when it is something that is there.  why: what spoke for the other."""

    what: str
    id: str = ""
    why: str = ""


class PolicyView(Shape, frozen=True, kw_only=True):
    """guards: numbers of the built-in rules that spoke.  grant: the permission that allowed it.  level: of autonomy.

    typed: a yes must be typed.  alone: decided by itself, never in a group.  report: done unasked, told afterwards.
    """

    verdict: str
    rule: str
    where: str
    reasons: list[str] = []
    guards: list[str] = []
    grant: str = ""
    level: str = ""
    typed: bool = False
    alone: bool = False
    report: bool = False


class ApprovalView(Shape, frozen=True, kw_only=True):
    """confidence: counted from the record of its agent, null without enough of it; basis: what it rests on, in words.

    group: what is alike is decided together under this name.  group_items: who is in it.  ticked: whether the group's yes
    takes it along.  outlier: why not, in words.  confirm: what must be typed for a yes, "" for nothing.  cools_ms: how long
    it waits after a yes, to be read again.  returned: what had changed when it came back from that.

    calibrated: what a confidence like this one was worth before: {n, stood, observed, low, high, says}; {} when none is stated.
    made_with: lessons that were before whoever made it, and the template, as `memory:m12` and `asset:template/x`.
    used: all that its run had read when it was made, as `kind:id`.  alternatives: what else was considered.

    gate: a question of a run, of the id `RUN/STEP`; `action.args` holds it and what the steps before it gave. It has nothing
    to edit, is in no group, and no rule can be made of it.
    """

    id: str
    action: Deed
    summary: str
    risk: str
    why: str
    evidence: list[EvidenceView]
    confidence: float | None
    policy: PolicyView
    undo: str
    cost: str
    expires_at: str | None
    shown_hash: str
    group: str
    agent: str = ""
    run: str = ""
    step: str = ""
    at: str = ""
    risks: list[str] = []
    labels: Labels = Labels()
    snoozed_until: str | None = None
    snoozed_on: str = ""
    basis: str = ""
    group_items: list[str] = []
    ticked: bool = False
    outlier: str = ""
    gate: bool = False
    confirm: str = ""
    cools_ms: int = 0
    returned: list[str] = []
    calibrated: Plain = {}
    alternatives: list[Alternative] = []
    made_with: list[str] = []
    used: list[str] = []


class Approvals(Page, frozen=True, kw_only=True):
    items: list[ApprovalView]


class Decided(Shape, frozen=True, kw_only=True):
    """Of one item. error: a code when it was not decided, `conflict` when it is no longer what was shown.

    confirm: what must be typed, when that was missing.  lesson: the id of what was learned.  cooling: it is read again first.
    """

    id: str
    ok: bool
    status: str = ""
    error: str = ""
    message: str = ""
    hint: str = ""
    confirm: str = ""
    lesson: str = ""
    cooling: bool = False
    releases_at: str | None = None


class Decisions(Shape, frozen=True, kw_only=True):
    items: list[Decided]
    seq: int


class ActionView(ApprovalView, frozen=True, kw_only=True):
    status: str
    seq: int = 0
    result: Plain = {}
    error: Plain = {}
    proposed_args: Plain = {}
    approved_by: str = ""
    releases_at: str | None = None
    compensates: str = ""
    compensated_by: str = ""
    held_back: str = ""
    looks_at: str | None = None
    cooling: bool = False


class Actions(Page, frozen=True, kw_only=True):
    items: list[ActionView]


class DeadLetterView(Shape, frozen=True, kw_only=True):
    id: str
    run: str
    step: str
    error: Plain
    attempts: int
    at: str
    remedies: list[str]
    resolved: str = ""
    agent: str = ""
    playbook: str = ""
    diagnosis: str = ""
    escalated: bool = False


class DeadLetters(Page, frozen=True, kw_only=True):
    items: list[DeadLetterView]
