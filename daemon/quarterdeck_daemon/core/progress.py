"""How far an objective is: what serves it, counted from below, with what holds it up and what is late.

A task counts as done or not; a run counts by its steps, as done when it ended well. What was cancelled counts for nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from .entities import ENTITIES, DeadLetter, Objective, Run, Schedule, Task
from .objective_parts import parts_of
from .table import Table

NODES_MAX: Final = 10_000
LISTED_MAX: Final = 50
WELL: Final = frozenset(("succeeded", "no_op"))


class Progress(msgspec.Struct, kw_only=True):
    """share: done, 0 to 1; None when nothing serves it that could be done.  counts: kind -> state -> how many."""

    share: float | None = None
    counts: dict[str, dict[str, int]] = {}
    blocked: list[str] = []
    late: list[str] = []
    more: bool = False  # There is more below than was counted.


class Node(msgspec.Struct, kw_only=True):
    """An objective with its projects, and the rest of what serves it."""

    objective: Objective
    progress: Progress
    projects: list[Node] = []
    tasks: list[Task] = []
    runs: list[Run] = []
    schedules: list[Schedule] = []


def tree_of(table: Table, objective: Objective, now_us: int) -> Node:
    """Return the objective with everything below it, each project with its own progress."""
    walk = _Walk(table, now_us)
    return walk.node(objective, frozenset())[0]


class _Sum(msgspec.Struct):
    """Leaves counted so far."""

    leaves: int = 0
    done: float = 0.0
    counts: dict[str, Counter[str]] = msgspec.field(default_factory=dict)
    blocked: list[str] = msgspec.field(default_factory=list)
    late: list[str] = msgspec.field(default_factory=list)

    def count(self, kind: str, state: str) -> None:
        self.counts.setdefault(kind, Counter())[state] += 1

    def add(self, other: _Sum) -> None:
        self.leaves += other.leaves
        self.done += other.done
        self.blocked += other.blocked
        self.late += other.late
        for kind, states in other.counts.items():
            self.counts.setdefault(kind, Counter()).update(states)


class _Walk:
    def __init__(self, table: Table, now_us: int) -> None:
        self._table = table
        self._now_us = now_us
        self._nodes = 0
        self._dead: dict[str, str] = {letter.run: letter.id for letter in table.live(DeadLetter)}

    def node(self, objective: Objective, above: frozenset[str]) -> tuple[Node, _Sum]:
        whole = _Sum()
        found = Node(objective=objective, progress=Progress())
        for name in parts_of(self._table, objective.id):
            kind, _, id = name.partition(":")
            entity = self._table.get(ENTITIES[kind], id)
            self._nodes += 1
            if entity is None or id in above or self._nodes > NODES_MAX:
                continue
            if isinstance(entity, Objective):
                below, part = self.node(entity, above | {objective.id})
                found.projects.append(below)
                whole.add(part)
                self._project(entity, whole)
            elif isinstance(entity, Task):
                found.tasks.append(entity)
                self._task(entity, whole)
            elif isinstance(entity, Run):
                found.runs.append(entity)
                self._run(entity, whole)
            elif isinstance(entity, Schedule) and not entity.removed:
                found.schedules.append(entity)
                whole.count("schedules", "paused" if entity.paused else "over" if entity.over else "live")
        found.progress = self._progress(whole)
        return found, whole

    def _progress(self, whole: _Sum) -> Progress:
        return Progress(
            share=whole.done / whole.leaves if whole.leaves else None,
            counts={kind: dict(states) for kind, states in sorted(whole.counts.items())},
            blocked=whole.blocked[:LISTED_MAX],
            late=whole.late[:LISTED_MAX],
            more=self._nodes > NODES_MAX,
        )

    def _project(self, project: Objective, whole: _Sum) -> None:
        whole.count("projects", project.state)
        if project.state == "paused":
            whole.blocked.append(f"{project.id} is paused")
        if project.live and project.due_us is not None and project.due_us < self._now_us:
            whole.late.append(project.id)

    def _task(self, task: Task, whole: _Sum) -> None:
        whole.count("tasks", task.state)
        if task.state != "cancelled":
            whole.leaves += 1
            whole.done += task.state == "done"
        if task.state in ("waiting", "review") or task.proposal is not None:
            whole.blocked.append(f"{task.id} waits for {'your word' if task.state != 'waiting' else 'something'}")
        if task.live and task.due_us is not None and task.due_us < self._now_us:
            whole.late.append(task.id)

    def _run(self, run: Run, whole: _Sum) -> None:
        whole.count("runs", run.status)
        if run.status != "cancelled":
            whole.leaves += 1
            over = sum(step.status in ("succeeded", "skipped") for step in run.steps.values())
            whole.done += 1.0 if run.status in WELL else min(0.99, over / max(1, len(run.steps)))
        if run.id in self._dead:
            whole.blocked.append(f"{run.id} gave up: {self._dead[run.id]}")
        elif run.status == "paused":
            whole.blocked.append(f"{run.id} is paused")
        elif run.live and (
            asked := [id for step in run.steps.values() if step.status == "waiting" for id in step.actions]
        ):
            whole.blocked.append(f"{run.id} waits for approval of {', '.join(asked[:3])}")
