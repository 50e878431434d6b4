"""The same call as the operator would type it: what the `@` screen shows, and teaches."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from .views import Decision, LessonView, Shown

READS: dict[str, str] = {
    "system.status": "quarterdeck status",
    "approval.list": "quarterdeck approvals",
    "run.list": "quarterdeck runs list",
}


def decision_line(
    items: tuple[Shown, ...],
    decision: Decision,
    edits: Mapping[str, str] | None,
    reason: str,
    until: str,
    lesson: LessonView | None = None,
) -> str:
    words = ["quarterdeck", "edit" if edits else decision, *(item.id for item in items)]
    words += [f"--{name}={text[:20] + '...' * (len(text) > 20)}" for name, text in (edits or {}).items()]
    words += ["--reason", reason] if reason else []
    words += ["--until", until] if until else []
    if lesson is not None:
        words += ["--lesson", *(["--lesson-to", lesson.to] if lesson.to else [])]
        words += ["--lesson-all"] if lesson.everybody else []
    return shlex.join(words)


def rule_line(id: str) -> str:
    return shlex.join(["quarterdeck", "approve", id, "--always"])


def undo_line(id: str) -> str:
    return shlex.join(["quarterdeck", "undo", id])


def stop_line(kill: bool) -> str:
    return "quarterdeck stop --kill" if kill else "quarterdeck stop"


def release_line(reason: str, runs: tuple[str, ...] | None) -> str:
    chosen = [word for run in runs or () for word in ("--run", run)]
    return shlex.join(["quarterdeck", "resume", *chosen, "--reason", reason])


def source_line(id: str) -> str:
    return shlex.join(["quarterdeck", "memory", "show", id])
