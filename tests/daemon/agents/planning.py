"""From words to a plan as the daemon works it out: coordinator, planner, then the check that every playbook passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from quarterdeck_daemon.core.agent_files import read_agent
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.plans import draft_of
from quarterdeck_daemon.core.playbook import parse_playbook
from quarterdeck_daemon.core.shown import _plain_agent, _plain_playbook
from quarterdeck_daemon.service.agents import TEAM

from .reading import STUDIO, studio_facts
from .trial import Answers, trial

FACTS = studio_facts()
PLAYBOOKS = {path.stem: path.read_text("utf-8") for path in sorted((STUDIO / "playbooks").glob("*.yaml"))}
CONTRACTS: list[object] = [_plain_agent(path.read_text("utf-8")) for path in sorted(TEAM.glob("*.md"))]
EFFECTS = {path.stem: read_agent(path.read_text("utf-8")).form.effects for path in sorted(Path(TEAM).glob("*.md"))}


@dataclass(frozen=True)
class Found:
    """playbook: its name, or that of a composed plan; "" when a question is asked. asks: what is asked for."""

    playbook: str
    inputs: Plain
    asks: str
    why: Plain
    agents: tuple[str, ...] = ()
    score: float = 0.0
    alternatives: list[object] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "asks" if self.asks else "ready"

    @property
    def effects(self) -> set[str]:
        return {effect for agent in self.agents for effect in EFFECTS.get(agent, ())}


def planned(
    intent: str,
    answers: Answers | None = None,
    *,
    past: list[Plain] | None = None,
    playbooks: dict[str, str] | None = None,
    context: Plain | None = None,
) -> Found:
    """The plan for these words on the practice company. playbooks: others than its own."""
    texts = PLAYBOOKS if playbooks is None else playbooks
    known: Plain = {"contacts": FACTS["contact"], "clients": FACTS["client"], "agents": CONTRACTS}
    seen = {
        **known,
        "playbooks": [_plain_playbook(text) for text in texts.values()],
        "past": past or [],
        **(context or {}),
    }
    route = trial("coordinator", {"intent": intent}, seen, answers).output
    if name := str(route["found"]):
        return _found(texts[name], route["inputs"], route)
    given: Plain = {"intent": intent, "wanted": route["agents"], "slots": route["slots"]}
    composed = trial("planner", given, known, answers).output
    if text := str(composed["text"]):
        return _found(text, composed["inputs"], {**route, "why": composed["why"]})
    question = str(composed["question"] or route["question"])
    return Found("", {}, question, {}, alternatives=_list(route["alternatives"]))


def _found(text: str, inputs: object, route: Plain) -> Found:
    playbook = parse_playbook(text)
    drafted = draft_of(playbook, text, dict(inputs) if isinstance(inputs, dict) else {})
    why = route["why"]
    return Found(
        playbook.name, drafted["inputs"], str(drafted["question"]), why if isinstance(why, dict) else {},  # type: ignore[arg-type]
        tuple(step.agent for step in playbook.steps), alternatives=_list(route["alternatives"]),
    )  # fmt: skip


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []
