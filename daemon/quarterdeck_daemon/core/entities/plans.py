"""What was asked for, and how it is to be done."""

from __future__ import annotations

from typing import ClassVar, Literal

from quarterdeck_protocol.labels import OPERATOR, Labels

from .base import Entity, Plain

PlanStatus = Literal["drafting", "asks", "ready", "approved", "rejected", "failed"]
PlanSource = Literal["", "playbook", "composed", "model", "operator"]


class Plan(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """One intent and the plan for it. Id `plan1`.

    asks      it cannot be planned as it stands; `question` says what is missing, `missing` which inputs
    source    a playbook of the workspace as it is, one composed from agents, one a model wrote, or the operator's edit
    text      the playbook that would be run, pinned by `hash`; `inputs` what it is given
    why       why this one: {"rule", "score", "words"}; `alternatives`: what else was considered, best first
    working   the run in which it is worked out      run  the run that it became
    """

    kind: ClassVar[str] = "plan"
    intent: str
    status: PlanStatus
    at_us: int
    working: str = ""
    source: PlanSource = ""
    playbook: str = ""
    text: str = ""
    hash: str = ""
    inputs: Plain = {}
    question: str = ""
    missing: tuple[Plain, ...] = ()
    why: Plain = {}
    alternatives: tuple[Plain, ...] = ()
    run: str = ""
    mode: str = ""
    version: int = 0  # Counts drafts and edits.
    edited: bool = False
    reason: str = ""
    decided_us: int = 0
    labels: Labels = OPERATOR

    @property
    def live(self) -> bool:
        return self.status in ("drafting", "asks", "ready")
