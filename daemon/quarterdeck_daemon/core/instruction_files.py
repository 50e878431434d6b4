"""AGENTS.md and SKILL.md: the operator's instructions as files. Each section is one memory of the tier `instructions`.

    # Agents                     ─► for all
    ## Tone                      ─► for all
    # composer, or # Agent: x    ─► this section and those below it are for that agent only

A section begins at a heading of the first or second level, outside of code. Its memory says `AGENTS.md:12`. When the file
changes, what changed is superseded, what is gone is withdrawn, the rest stays as it is. A file whose sections do not fit into
the tier is refused as a whole, and what it said before stays in force.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import yaml

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR

from .entities import Asset, Memory, Plain, Shelf
from .memory import record_new
from .settings import settings_of
from .tiers import tokens_in
from .tokens import tokens_of
from .turn import Turn

ASSET_KIND: Final = "instructions"
KIND: Final = "instruction"
SECTIONS_MAX: Final = 60  # Of one file.
TITLE_CHARS_MAX: Final = 80
_HEADING: Final = re.compile(r"^(#{1,2})\s+(.+?)\s*#*\s*$")
_FENCE: Final = re.compile(r"^\s*(```|~~~)")
_AGENT: Final = re.compile(r"^agent:\s*`?([a-z0-9][a-z0-9_-]*)`?$", re.IGNORECASE)

replace = msgspec.structs.replace


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """key: its heading, numbered when the file has it twice.  line: of the heading, from 1.  agent: "" for all."""

    key: str
    title: str
    text: str
    line: int
    agent: str = ""


def sections_of(text: str, name: str, agents: frozenset[str]) -> tuple[Section, ...]:
    """The sections that say something. name: what is without a heading is called. agents: those that a heading may name.

    Raises `schema` for a front matter that is none and for more than SECTIONS_MAX.
    """
    head, lines, first = _front(text)
    title, said = _described(head)
    found: dict[str, Section] = {}
    for part in _parts(lines, first, agents, title or name, said):
        number = 2
        key = part.key
        while key in found:
            key, number = f"{part.key} ({number})", number + 1
        found[key] = replace(part, key=key)
    if len(found) > SECTIONS_MAX:
        raise QuarterdeckError("schema", f"{len(found)} sections; a file of instructions has at most {SECTIONS_MAX}")
    return tuple(found.values())


def _front(text: str) -> tuple[str, list[str], int]:
    """(front matter, the lines after it, the number of the first of them)."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---":
        return "", lines, 1
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == "---":
            return "\n".join(lines[1:number]), lines[number + 1 :], number + 2
    raise QuarterdeckError("schema", "the front matter is not closed by a line of ---")


def _described(head: str) -> tuple[str, str]:
    """The name and the description of a skill."""
    try:
        found = yaml.safe_load(head) if head else {}
    except yaml.YAMLError as error:
        raise QuarterdeckError("schema", f"the front matter is no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict):
        raise QuarterdeckError("schema", "the front matter has no fields")
    return str(found.get("name") or ""), str(found.get("description") or "").strip()


def _parts(lines: list[str], first: int, agents: frozenset[str], name: str, said: str) -> Iterator[Section]:
    title, began, kept, fenced = name, first, [said] if said else [], False
    scope: tuple[int, str] = (0, "")  # The level of the heading that named an agent, and the agent.
    for number, line in enumerate(lines, start=first):
        fenced ^= _FENCE.match(line) is not None
        heading = None if fenced else _HEADING.match(line)
        if heading is None:
            kept.append(line)
            continue
        yield from _section(title, kept, began, scope[1])
        level, title, began, kept = len(heading[1]), heading[2], number, []
        named = _named(title, agents)
        if named or level <= scope[0]:
            scope = (level, named)
    yield from _section(title, kept, began, scope[1])


def _named(title: str, agents: frozenset[str]) -> str:
    spelled = _AGENT.match(title)
    bare = title.strip("`").casefold()
    return spelled[1].lower() if spelled else bare if bare in agents else ""


def _section(title: str, kept: list[str], line: int, agent: str) -> Iterator[Section]:
    body = "\n".join(kept).strip()
    if body:
        shown = title[:TITLE_CHARS_MAX]
        yield Section(key=shown, title=shown, text=f"{shown}\n{body}", line=line, agent=agent)


# --- taken in -------------------------------------------------------------------------------------


def check(turn: Turn, path: str, text: str, name: str) -> None:
    """Raise `schema` for a file that cannot be read, `budget_exceeded` when its sections do not fit into the tier."""
    own = {memory.id for memory in _of_file(turn, path)}
    others = sum(size for id, size in tokens_in(turn.draft, "instructions").items() if id not in own)
    tokens = sum(tokens_of(one.text) for one in sections_of(text, name, _agents(turn)))
    cap = settings_of(turn.draft).instructions_tokens
    if others + tokens > cap:
        raise QuarterdeckError(
            "budget_exceeded",
            f"it has {tokens:,} tokens; the instructions tier holds {others:,} of {cap:,} already. "
            "Shorten it, or raise instructions_tokens in [memory]",
        )


def _agents(turn: Turn) -> frozenset[str]:
    return frozenset(
        one.name.casefold()
        for one in turn.draft.scan(Asset, prefix="agent/")
        if not one.removed and "@" not in one.id
    )


def _of_file(turn: Turn, path: str) -> list[Memory]:
    """The memories that a file gave and that still count."""
    shelf = turn.draft.get(Shelf, "standing")
    found = (turn.draft.get(Memory, id) for id in (shelf.places if shelf is not None else ()))
    return [one for one in found if one is not None and f"file:{path}" in one.tags and one.current]


def take_in(turn: Turn, event: Event) -> None:
    """A file of instructions was read: make the memories what it says."""
    if event.body.get("asset_kind") != ASSET_KIND:
        return
    path, name, text = (str(event.body[field]) for field in ("path", "name", "text"))
    known = {_tag(one, "section"): one for one in _of_file(turn, path)}
    found = {one.key: one for one in sections_of(text, name, _agents(turn))}
    _withdraw(turn, [memory for key, memory in known.items() if key not in found], f"{path} says it no more")
    for key, section in found.items():
        _settle(turn, path, section, known.get(key))


def _settle(turn: Turn, path: str, section: Section, old: Memory | None) -> None:
    tags = [f"file:{path}", f"section:{section.key}", *([f"agent:{section.agent}"] if section.agent else [])]
    source = f"{path}:{section.line}"
    if old is not None and old.text == section.text and old.tags == tuple(tags):
        if old.source != source:
            turn.emit("memory.edited", {"id": old.id, "changes": {"source": source}}, labels=old.labels)
        return
    memory = Memory(
        id=f"m{turn.number('m')}", text=section.text, title=section.title, source=source, tier="instructions",
        memory_kind=KIND, tags=tuple(tags), at_us=turn.env.now_us, labels=OPERATOR, supersedes=old.id if old else "",
    )  # fmt: skip
    record_new(turn, memory)


def let_go(turn: Turn, event: Event) -> None:
    """A file of instructions is gone."""
    if str(event.body["id"]).startswith(f"{ASSET_KIND}/"):
        path = str(event.body["path"])
        _withdraw(turn, _of_file(turn, path), f"{path} is gone")


def _withdraw(turn: Turn, memories: list[Memory], reason: str) -> None:
    if memories:
        body: Plain = {"ids": [f"memory:{one.id}" for one in memories], "reason": reason}
        turn.emit("memory.withdrawn", body)


def _tag(memory: Memory, name: str) -> str:
    return next((tag.partition(":")[2] for tag in memory.tags if tag.startswith(f"{name}:")), "")


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"asset.loaded": take_in, "asset.removed": let_go}
