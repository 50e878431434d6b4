"""Params and results of steering runs: edits, another agent, the operator's word, saving as a playbook."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .frames import Plain
from .params import ChangeOne, Name
from .shapes import Shape

SAVED_INPUTS_MAX = 64


class RunEditStep(ChangeOne, frozen=True, kw_only=True):
    """input: fields that replace those of the playbook, before the step works.  output: in place of its own.

    rerun_after: steps that used the old output, or the step itself with its new input, are done again, as far as
    nothing of theirs has left.
    """

    step: Name
    input: Plain | None = None
    output: Plain | None = None
    rerun_after: bool = False


class RunReassign(ChangeOne, frozen=True, kw_only=True):
    step: Name
    agent: Name


class RunSave(ChangeOne, frozen=True, kw_only=True):
    """Write the run's plan to playbooks/NAME.yaml. inputs: those that must be given; the others keep this run's values.

    dry_run: only say what would be written.
    """

    name: Name
    inputs: Annotated[tuple[Name, ...], Meta(max_length=SAVED_INPUTS_MAX)] | None = None
    dry_run: bool = False


class StepKept(Shape, frozen=True, kw_only=True):
    step: str
    because: str


class StepEdited(Shape, frozen=True, kw_only=True):
    """used_by: steps that may have used the old value.  rerun: done again.  kept: not, and why."""

    id: str
    seq: int
    step: str
    status: str
    used_by: list[str] = []
    rerun: list[str] = []
    kept: list[StepKept] = []
    agent: str = ""


class RunSaved(Shape, frozen=True, kw_only=True):
    """left_out: what of the run a playbook cannot say."""

    id: str
    name: str
    path: str
    text: str
    left_out: list[str] = []
    written: bool = True


class PlaybookSchema(Shape, frozen=True, kw_only=True):
    """JSON Schema of playbooks; first_line: the comment by which an editor finds it."""

    schema: Plain
    first_line: str
