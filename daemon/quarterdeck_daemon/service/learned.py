"""How lessons, suggestions and what they were worth look on the wire."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.approvals import difference
from ..core.entities import Action, Asset, Habit, Memory, Merit, Plain, Shelf
from ..core.habits import shown_hash, text_of
from ..core.lessons import KIND, SHELF, for_agent
from ..core.merits import effect, scope_of, tagged
from ..core.table import Table
from .views import iso


def lessons_in(table: Table, *, every: bool, agent: str | None) -> list[Memory]:
    """Newest first. every: what was taken back, has ended or was replaced, too."""
    shelf = table.get(Shelf, SHELF)
    ids = dict.fromkeys(shelf.places if shelf is not None else ())
    if every:
        ids |= dict.fromkeys(one.id.removeprefix("memory:") for one in table.scan(Merit, prefix="memory:"))
    found = [memory for id in ids if (memory := table.get(Memory, id)) is not None and not memory.forgotten]
    fitting = [one for one in found if agent is None or for_agent(one, agent)]
    return sorted(fitting, key=lambda one: (-one.at_us, -one.seq))


def is_lesson(memory: Memory) -> bool:
    return memory.memory_kind == KIND


def lesson_view(table: Table, memory: Memory) -> Plain:
    name = f"memory:{memory.id}"
    scope = () if table.get(Merit, name) is not None else scope_of(table, memory)
    return {
        "id": memory.id,
        "text": memory.text,
        "title": memory.title,
        "status": _status(memory),
        "agents": tagged(memory, "agent"),
        "actions": tagged(memory, "verb"),
        "to": tagged(memory, "to"),
        "taught": tagged(memory, "from"),
        "at": iso(memory.at_us),
        "expires_at": iso(memory.expires_us),
        "effect": effect(table, name, scope),
        "seq": memory.seq,
    }


def _status(memory: Memory) -> str:
    if memory.withdrawn:
        return "withdrawn"
    return "replaced" if memory.superseded_by else "in_review" if memory.tier == "review" else "in_force"


def diff_of(table: Table, memory: Memory) -> str:
    """The edit that taught it, as a unified diff of what was proposed and what was approved; "" when there is none."""
    for id in tagged(memory, "from"):
        habit = table.get(Habit, id)
        action = table.get(Action, habit.actions[-1] if habit is not None else id)
        if action is not None and action.proposed_args:
            return difference(action.proposed_args, action.args)
    return ""


def suggested_view(table: Table, habit: Habit) -> Plain:
    agent, _, action = habit.record.partition("/")
    text = text_of(table, habit)
    return {
        "id": habit.id, "agent": agent, "action": action, "text": text, "count": len(habit.actions),
        "actions": list(habit.actions), "status": habit.status, "lesson": habit.lesson, "shown_hash": shown_hash(text),
        "at": iso(habit.at_us),
    }  # fmt: skip


def suggested_in(table: Table, *, every: bool) -> Iterator[Plain]:
    """Edits that could become lessons, oldest first: those that wait for a word, or all that were ever asked about."""
    found = table.scan(Habit) if every else table.live(Habit)
    for habit in sorted(found, key=lambda one: one.at_us):
        yield suggested_view(table, habit)


def template_records(table: Table) -> Iterator[Plain]:
    """What became of what was made from each template that is there."""
    for asset in table.scan(Asset, prefix="template/"):
        if "@" not in asset.id and not asset.removed:
            told = effect(table, f"asset:{asset.id}", ())
            yield {"id": asset.id, "name": asset.name, "path": asset.path, "effect": told}
