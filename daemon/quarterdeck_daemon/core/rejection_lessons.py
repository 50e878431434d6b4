"""What an agent learns from a decision: the operator's reason, kept as a lesson with a scope and an end.

A lesson is a memory of the kind `lesson` (lessons.py): it lies in the next context of the agents that its tags name, is listed
with the other memories, and is taken back as they are. Its words are the operator's own, never the agent's.
"""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .commands import LessonDraft, Remember
from .entities import Action
from .lessons import KIND
from .memory import remember
from .turn import Turn

LESSON_CHARS_MAX = 2_000
AGENTS_MAX = 20


def check_lesson(draft: LessonDraft) -> None:
    """Raise `bad_value` for a lesson that says nothing, `out_of_range` for one that nobody could keep in mind."""
    if not draft.text.strip():
        raise QuarterdeckError("bad_value", "a lesson says something", hint="Give the reason; it becomes the lesson.")
    if len(draft.text) > LESSON_CHARS_MAX or len(draft.agents) > AGENTS_MAX:
        raise QuarterdeckError(
            "out_of_range", f"a lesson has at most {LESSON_CHARS_MAX} characters and is for {AGENTS_MAX} agents"
        )


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided on. agents: whoever made it.  about: what such a thing is called.  verb: of an action."""

    id: str
    agents: tuple[str, ...]
    about: str
    verb: str = ""
    namespace: str


def source_of(action: Action) -> Source:
    name = f"{action.connector}.{action.verb}"
    return Source(id=action.id, agents=(action.agent,), about=name, verb=name, namespace=action.namespaces[0])


def learn(turn: Turn, source: Source, draft: LessonDraft) -> str:
    """Keep a lesson that was checked. Returns the id of the memory."""
    agents = () if draft.everybody else draft.agents or source.agents
    about = source.about + (f" to {draft.to}" if draft.to else "")
    tags = [f"agent:{agent}" for agent in agents]
    tags += [f"verb:{source.verb}"] if source.verb else []
    tags += [f"from:{source.id}", *([f"to:{draft.to}"] if draft.to else [])]
    command = Remember(
        text=draft.text,
        title=f"About {about}: {draft.text.strip().splitlines()[0]}"[:120],
        source=f"decision on {source.id}",
        memory_kind=KIND,
        tags=tuple(tags),
        namespace=source.namespace,
        expires_us=draft.expires_us,
    )
    return str(remember(turn, command)["id"])
