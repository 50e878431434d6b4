"""Modes: how far models take part in a run, shown to the operator and in force where a step begins.

    deterministic  rules and templates; no model is asked
    exploratory    models read, sort and judge; what is drafted comes from templates
    creative       models draft, too

A run has the mode of its start, else of its playbook, else of the workspace; a run within a run is no freer than the
one above. A step, and its agent, may be stricter than the run, never freer.
"""

from __future__ import annotations

from typing import cast, get_args

from .entities import Mode, Models, Run
from .playbook_form import StepSpec
from .scopes import declared_for
from .table import Table

ORDER: tuple[Mode, ...] = get_args(Mode)
WRITES = frozenset(("draft",))  # Purposes that make text for others to read.


def models_of(table: Table) -> Models:
    """The recorded models, or none."""
    return table.get(Models, "workspace") or Models(id="workspace")


def strictest(*modes: str) -> Mode:
    """The strictest of those that are said; "" says nothing. The freest when none says anything."""
    said = [cast(Mode, mode) for mode in modes if mode]
    return min(said, key=ORDER.index, default="creative")


def mode_of_run(table: Table, run: Run) -> Mode:
    return run.mode or models_of(table).mode


def mode_of_step(table: Table, run: Run, spec: StepSpec) -> Mode:
    """What is in force when the step begins now."""
    return strictest(mode_of_run(table, run), spec.mode, declared_for(table, f"agent:{spec.agent}").mode)


def allows(mode: Mode, purpose: str) -> bool:
    return mode == "creative" or (mode == "exploratory" and purpose not in WRITES)
