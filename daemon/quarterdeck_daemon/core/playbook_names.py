"""What the expressions of a playbook name, and what of it nothing gives when they are asked.

All of it is a doubt and no fault: a text of an old log was taken without it, and must be taken again.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from .expressions import Program
from .playbook_form import StepSpec

ROOTS: Final = frozenset(("inputs", "steps", "run"))
OF_COMPENSATION: Final = frozenset(("output", "action", "args", "result"))
RESERVED: Final = ROOTS | {"joined", "each"}
_STEP_NAMED: Final = re.compile(r"\bsteps\.([A-Za-z_][A-Za-z0-9_]*)")
_INPUT_NAMED: Final = re.compile(r"\binputs\.([A-Za-z_][A-Za-z0-9_]*)")
_OPEN: Final = re.compile(r"\$\{[^}]*\Z")


class Doubt(NamedTuple):
    message: str
    hint: str


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What a playbook gives its expressions. before: by step, all that are over when it begins."""

    steps: Sequence[str]
    inputs: frozenset[str]
    before: Mapping[str, frozenset[str]]

    def doubts(self, asked: Program, spec: StepSpec | None, *, undoing: bool = False) -> Iterator[Doubt]:
        """About one expression. spec: the step that asks it, None for outputs. undoing: it is asked to take back."""
        text = asked.text
        for name in dict.fromkeys(_STEP_NAMED.findall(text)):
            if name not in self.steps:
                yield Doubt(f"{text!r} names the step {name!r}, which does not exist", near(name, self.steps))
            elif spec is not None and not undoing and name not in self.before.get(spec.id, ()):
                told = f"step {spec.id!r} reads {name!r}, and does not come after it: it may have no output yet"
                yield Doubt(told, f"Add {name} to its needs.")
        for name in dict.fromkeys(_INPUT_NAMED.findall(text)):
            if name not in self.inputs:
                yield Doubt(
                    f"{text!r} names the input {name!r}, which does not exist", near(name, sorted(self.inputs))
                )
        given = ROOTS | (OF_COMPENSATION if undoing else frozenset()) | _own(spec)
        for name in sorted(asked.names - given):
            yield Doubt(f"{text!r} names {name!r}, which nothing gives here", near(name, sorted(given)))


def _own(spec: StepSpec | None) -> frozenset[str]:
    """What only this step is given: its item, and what came together before it."""
    if spec is None:
        return frozenset()
    return frozenset(({spec.item, "each"} if spec.each else set()) | ({"joined"} if spec.needs else set()))


def before_each(after: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """By step, everything that it comes after, however far back. A circle comes after itself."""
    found: dict[str, frozenset[str]] = {}
    for id in after:
        seen: set[str] = set()
        ahead = list(after[id])
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += after.get(name, ())
        found[id] = frozenset(seen)
    return found


def is_unclosed(text: str) -> bool:
    """Whether a `${` in it has no `}`: the rest would be taken as it stands, and leave as it stands."""
    return _OPEN.search(text) is not None


def near(word: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {found[0]}?" if found else f"There are: {', '.join(known[:12]) or 'none'}."
