"""A playbook's text with its places: every key and value knows the line and column where it stands.

YAML 1.1 takes `on` for true and a date for an object; a playbook means the text. Aliases are refused: a few lines of
them unfold into more than any memory holds, or into themselves. A key that stands twice is a fault, not the last one.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
import yaml

from .playbook_form import PLAYBOOK_BYTES_MAX

Path = tuple[str | int, ...]
NESTING_MAX: Final = 32


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, and where: line and column count from 1. level `warning`: it can be used all the same."""

    line: int
    column: int
    message: str
    hint: str = ""
    level: str = "error"

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """plain: the values; keys, values: (line, column) of each by its path; faults: what kept it from being read."""

    plain: object
    keys: dict[Path, tuple[int, int]]
    values: dict[Path, tuple[int, int]]
    faults: tuple[Fault, ...] = ()

    def fault(self, path: Path, message: str, *, hint: str = "", at_key: bool = False, level: str = "error") -> Fault:
        """A fault at this path, or at the nearest one around it that stands in the text."""
        places = self.keys if at_key else self.values
        while path and path not in places:
            path = path[:-1]
            places = self.values
        line, column = places.get(path, (1, 1))
        return Fault(line=line, column=column, message=message, hint=hint, level=level)


class _TextKeys(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # The stubs leave it out.
            raise yaml.MarkedYAMLError(problem="aliases are not taken here", problem_mark=mark)
        return super().compose_node(parent, index)


_TextKeys.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_TextKeys.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"\A(?:true|false)\Z"), list("tf"))


class _Values(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # In C where it was built.
    """Values alone, read quickly, by the same rules."""


_Values.yaml_implicit_resolvers = _TextKeys.yaml_implicit_resolvers


def values_of(text: str) -> object:
    """The values of a text that was read without a fault before."""
    return yaml.load(text, Loader=_Values)  # A safe loader, of plain values.


def read_text(text: str) -> Read:
    """Read the text. What is no YAML, or too much of it, comes back as a fault."""
    if len(text) > PLAYBOOK_BYTES_MAX:
        return _unreadable(Fault(line=0, column=0, message=f"a playbook has at most {PLAYBOOK_BYTES_MAX} characters"))
    loader = _TextKeys(text)
    keys: dict[Path, tuple[int, int]] = {}
    values: dict[Path, tuple[int, int]] = {}
    faults: list[Fault] = []
    try:
        node = loader.get_single_node()
        if node is not None:
            _note(node, (), keys, values, faults)
        plain: object = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        told = error.problem or error.context or "this is no YAML"
        return _unreadable(Fault(line=line, column=column, message=told, hint="Mend the YAML there."))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        told = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).replace("\n", " ")
        return _unreadable(Fault(line=1, column=1, message=told, hint="Mend the YAML there."))
    return Read(plain=plain, keys=keys, values=values, faults=tuple(faults))


def _unreadable(fault: Fault) -> Read:
    return Read(plain=None, keys={}, values={}, faults=(fault,))


def _note(
    node: yaml.Node, path: Path, keys: dict[Path, tuple[int, int]], values: dict[Path, tuple[int, int]],
    faults: list[Fault],
) -> None:  # fmt: skip
    """Write down where everything below this node stands."""
    values[path] = _place(node)
    if len(path) > NESTING_MAX:
        raise RecursionError
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _note(child, (*path, index), keys, values, faults)
    elif isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            name = str(key.value)
            line, column = _place(key)
            if (*path, name) in keys:
                faults.append(Fault(line=line, column=column, message=f"{name!r} stands here a second time"))
            keys[*path, name] = line, column
            _note(child, (*path, name), keys, values, faults)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
