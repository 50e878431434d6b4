"""Params and results of intents and plans: what was asked, how it would be done, and the operator's word on it."""

from __future__ import annotations

from typing import Literal

from .frames import Plain
from .params import Change, ChangeOne, Listing, Name, Params, Short, Text
from .shapes import Page, Shape


class IntentSubmit(Change, frozen=True, kw_only=True):
    """Say what is to be done. The answer is a plan; nothing of it is done.

    plan     one that asked for something; `text` is the answer to it
    dry_run  also try its agents on what is there, and say which actions they would propose; nothing is recorded of that
    """

    text: Text
    mode: Literal["", "deterministic", "exploratory", "creative"] = ""
    plan: Short = ""
    dry_run: bool = False


class PlanList(Listing, frozen=True, kw_only=True):
    """open: only those that wait for a word."""

    open: bool = False


class PlanGet(Params, frozen=True, kw_only=True):
    """dry_run: also say which actions its agents would propose."""

    id: Name
    dry_run: bool = False


class PlanEdit(ChangeOne, frozen=True, kw_only=True):
    """inputs: those that change, None takes one away.  playbook: another one.  text: the playbook itself.

    seq: of the plan as it was seen; another one by now is a conflict.
    """

    inputs: Plain = {}
    playbook: Short = ""
    text: Text = ""
    seq: int = 0


class PlanApprove(ChangeOne, frozen=True, kw_only=True):
    shown_hash: Short
    run_id: Short = ""


class PlanSave(ChangeOne, frozen=True, kw_only=True):
    """Write it to playbooks/NAME.yaml. dry_run: only say what would be written."""

    name: Name
    dry_run: bool = False


class PlanView(Shape, frozen=True, kw_only=True):
    """One plan. status: drafting, asks, ready, approved, rejected or failed.

    steps       what would be done, with the effects that each may propose and what the rules say to them
    foreseen    {effects, asks, cannot_undo, risks, most_ms, tokens, models, unknown, typical_ms, runs}
    shown_hash  to be given back with an approval
    would       after a dry run: {actions, stops, notes}
    confidence  share of such plans that stood as drafted, null below ten decisions; basis: the same in words
    evidence    {claim, source, quote, span}      used  what was read to find it, as `kind:id`      undo  in words
    """

    id: str
    intent: str
    status: str
    source: str
    playbook: str
    text: str
    inputs: Plain
    question: str
    missing: list[Plain]
    why: Plain
    alternatives: list[Plain]
    steps: list[Plain]
    foreseen: Plain
    shown_hash: str
    run: str
    working: str
    mode: str
    version: int
    edited: bool
    reason: str
    at: str
    seq: int
    would: Plain = {}
    confidence: float | None = None
    basis: str = ""
    evidence: list[Plain] = []
    used: list[str] = []
    undo: str = ""


class IntentPlan(Shape, frozen=True, kw_only=True):
    plan: PlanView


class Plans(Page, frozen=True, kw_only=True):
    items: list[PlanView]


class PlanChanged(Shape, frozen=True, kw_only=True):
    plan: str
    status: str


class PlanStarted(Shape, frozen=True, kw_only=True):
    plan: str
    run_id: str


class PlanSaved(Shape, frozen=True, kw_only=True):
    path: str
    text: str
    written: bool
