"""How schedules, tasks and objectives look on the wire."""

from __future__ import annotations

from ..core.durations import length_of
from ..core.entities import Objective, Plain, Run, Schedule, Task
from ..core.progress import Node, Progress
from ..core.schedules import shown_times
from .views import iso, plain

RUNS_SHOWN_MAX = 100  # Of one node of a tree: the newest.


def schedule_view(schedule: Schedule, now_us: int, *, next_count: int = 3) -> Plain:
    return {
        "id": schedule.id,
        "playbook": schedule.playbook,
        "kind": schedule.rule.kind,
        "rule": schedule.rule.text,
        "when": schedule.rule.when,
        "zone": schedule.rule.zone,
        "state": _state(schedule),
        "at": iso(schedule.at_us),
        "next": shown_times(schedule, now_us, count=next_count) if schedule.live else [],
        "next_at": iso(schedule.next_us) if schedule.live else None,
        "wakes_at": iso(schedule.wake_us) if schedule.live else None,
        "last_at": iso(schedule.last_us) if schedule.last_us else None,
        "inputs": schedule.inputs,
        "missed": schedule.missed,
        "missed_max": schedule.missed_max,
        "overlap": schedule.overlap,
        "jitter": length_of(schedule.jitter_us) if schedule.jitter_us else "",
        "priority": schedule.priority,
        "window": schedule.window,
        "objective": schedule.objective,
        "namespace": schedule.namespace,
        "file": schedule.file,
        "note": schedule.note,
        "fired": schedule.fired,
        "missed_count": schedule.missed_count,
        "runs": list(schedule.runs),
        "queued": len(schedule.queued),
        "refused": schedule.refused,
        "seq": schedule.seq,
    }


def _state(schedule: Schedule) -> str:
    if schedule.removed:
        return "removed"
    return "paused" if schedule.paused else "over" if schedule.over else "live"


def task_view(task: Task) -> Plain:
    proposal, accepted = task.proposal, task.acceptance
    return {
        "id": task.id,
        "title": task.title,
        "state": task.state,
        "owner": task.owner,
        "at": iso(task.at_us),
        "by": task.by,
        "text": task.text,
        "due_at": iso(task.due_us),
        "overdue": task.overdue,
        "accept": task.accept,
        "criteria": list(task.criteria),
        "accepted": {**plain(accepted), "at": iso(accepted.at_us)} if accepted is not None else {},
        "evidence": list(task.evidence),
        "parent": task.parent,
        "source": task.source,
        "note": task.note,
        "proposal": {**plain(proposal), "at": iso(proposal.at_us), "due_at": iso(proposal.due_us)}
        if proposal
        else {},
        "priority": task.priority,
        "namespace": task.namespace,
        "ended_at": iso(task.ended_us),
        "labels": plain(task.labels),
        "seq": task.seq,
    }


def objective_line(objective: Objective, progress: Progress, now_us: int) -> Plain:
    replan = objective.replan
    return {
        "id": objective.id,
        "title": objective.title,
        "state": objective.state,
        "owner": objective.owner,
        "at": iso(objective.at_us),
        "parent": objective.parent,
        "due_at": iso(objective.due_us),
        "late_itself": objective.live and objective.due_us is not None and objective.due_us < now_us,
        **plain(progress),
        "replan": {**plain(replan), "at": iso(replan.at_us)} if replan is not None else {},
        "namespace": objective.namespace,
        "seq": objective.seq,
    }


def objective_view(node: Node, now_us: int) -> Plain:
    objective = node.objective
    return {
        **objective_line(objective, node.progress, now_us),
        "text": objective.text,
        "criteria": list(objective.criteria),
        "note": objective.note,
        "ended_at": iso(objective.ended_us),
        "tree": tree_view(node),
    }


def tree_view(node: Node) -> Plain:
    """Nested nodes: projects first, then tasks, runs with their steps, schedules."""
    objective = node.objective
    runs = sorted(node.runs, key=lambda run: -run.at_us)[:RUNS_SHOWN_MAX]
    schedules: list[Plain] = [
        _leaf("schedule", one.id, f"{one.playbook}  {one.rule.kind} {one.rule.text}", _state(one))
        for one in node.schedules
    ]
    children = [
        *map(tree_view, node.projects),
        *(_leaf("task", one.id, one.title, one.state) | {"due_at": iso(one.due_us), "owner": one.owner} for one in node.tasks),
        *map(_run_node, runs),
        *schedules,
    ]  # fmt: skip
    kind = "project" if objective.parent else "objective"
    return {
        **_leaf(kind, objective.id, objective.title, objective.state),
        "share": node.progress.share,
        "due_at": iso(objective.due_us),
        "children": children,
    }


def _run_node(run: Run) -> Plain:
    steps = [_leaf("step", step.id, step.agent, step.status) for step in run.steps.values()]
    return {**_leaf("run", run.id, run.playbook, run.status), "children": steps}


def _leaf(kind: str, id: str, title: str, state: str) -> Plain:
    leaf: Plain = {"id": id, "kind": kind, "title": title, "state": state}
    return leaf


def version_line(task: Task, kind: str, actor: str, at_us: int) -> Plain:
    """One change in the history of a task."""
    return {
        "seq": task.seq,
        "at": iso(at_us),
        "by": actor,
        "kind": kind,
        "state": task.state,
        "owner": task.owner,
        "due_at": iso(task.due_us),
        "note": task.note,
    }
