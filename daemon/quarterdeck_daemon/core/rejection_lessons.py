"""What an agent learns from a decision: the operator's reason or edit, kept as a lesson with a scope and an end.

A lesson is a memory of the kind `lesson` (lessons.py): it lies in the next context of the agents that its tags name, is listed
with the other memories, and is taken back as they are. Its words are the operator's own, never the agent's: an edit without
words is described (edit_words.py), and of a draft that text from outside shaped without what stood there before.
"""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import INTEGRITY_ORDER

from .commands import LessonDraft, Remember
from .edit_words import changes, described
from .entities import Action, Run
from .lessons import KIND
from .memory import remember
from .turn import Turn

LESSON_CHARS_MAX = 2_000
AGENTS_MAX = 20
OUTSIDE = INTEGRITY_ORDER["external"]

replace = msgspec.structs.replace


def check_lesson(draft: LessonDraft, *, edits: bool = False) -> None:
    """Raise `bad_value` for a lesson that says nothing, `out_of_range` for one that nobody could keep in mind.

    edits: the decision changes something, so that a lesson without words describes that.
    """
    if not (draft.text.strip() or edits):
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


def source_of(turn: Turn, action: Action) -> Source:
    """Who proposed it and who worked for it before: whoever wrote the draft learns from what became of it."""
    name = f"{action.connector}.{action.verb}"
    run = turn.draft.get(Run, action.run) if action.run else None
    worked = [step.agent for step in run.steps.values() if step.agent and step.sources] if run is not None else []
    agents = tuple(dict.fromkeys((action.agent, *worked)))[:AGENTS_MAX]
    return Source(id=action.id, agents=agents, about=name, verb=name, namespace=action.namespaces[0])


def with_words(action: Action, draft: LessonDraft) -> LessonDraft:
    """The lesson with its edit described, when the operator gave no words. Raises `bad_value` when there is nothing to say."""
    if draft.text.strip():
        return draft
    said = described(
        changes(action.proposed_args, action.args), whole=INTEGRITY_ORDER[action.labels.integrity] > OUTSIDE
    )
    if not said or not action.proposed_args:
        raise QuarterdeckError(
            "bad_value", "the edit says nothing that could be learned", hint="Give --reason 'TEXT'."
        )
    return replace(draft, text=f"The operator {said}."[:LESSON_CHARS_MAX])


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
