"""Whether the plain values of a steering file have its shape: every fault at once, each with its place in the text.

It reads the published JSON Schema, so that what an editor says and what we say are the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from .entities import Plain
from .playbook_text import Fault, Path, Read

_NAMES: Final = {
    "object": "a map",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class _Form(NamedTuple):
    read: Read
    schema: Plain
    called: str

    def fault(self, path: Path, message: str, *, hint: str = "", at_key: bool = False) -> Fault:
        return self.read.fault(path, message, hint=hint, at_key=at_key)


def shape_faults(read: Read, schema: Plain, called: str) -> list[Fault]:
    """What does not fit the schema. called: what the whole of it is, such as "a playbook"."""
    return list(_faults(_Form(read, schema, called), schema, read.plain, ()))


def _faults(form: _Form, schema: Plain, value: object, path: Path) -> Iterator[Fault]:
    schema = _resolved(form, schema)
    options = schema.get("anyOf")
    if isinstance(options, list):
        yield from _none_of(form, options, value, path)
        return
    wanted = schema.get("type")
    if isinstance(wanted, str) and not _is(value, wanted):
        yield form.fault(path, f"{_called(form, path)} is {_shown(value)}, not {_NAMES[wanted]}")
        return
    allowed = schema.get("enum")
    if isinstance(allowed, list) and value not in allowed:
        yield form.fault(
            path,
            f"{_called(form, path)} is {_shown(value)}",
            hint=_one_of(value, [str(one) for one in allowed if one]),
        )
    yield from _range(form, schema, value, path)
    if isinstance(value, dict):
        yield from _of_map(form, schema, value, path)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from _faults(form, _map(schema["items"]), item, (*path, index))


def _resolved(form: _Form, schema: Plain) -> Plain:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    parts = _map(form.schema["$defs"])
    return _map(parts[reference.rpartition("/")[2]])


def _none_of(form: _Form, options: list[object], value: object, path: Path) -> Iterator[Fault]:
    """The value fits none of several shapes: the faults of the one that it looks like are told."""
    found = [list(_faults(form, _map(option), value, path)) for option in options]
    if any(not faults for faults in found):
        return
    alike = [
        faults
        for option, faults in zip(options, found, strict=True)
        if _is(value, str(_resolved(form, _map(option)).get("type")))
    ]
    yield from (alike or found)[0]


def _range(form: _Form, schema: Plain, value: object, path: Path) -> Iterator[Fault]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if isinstance(value, int) and (
        (isinstance(low, int) and value < low) or (isinstance(high, int) and value > high)
    ):
        wanted = f"{low} to {high}" if high is not None else f"{low} or more"
        yield form.fault(path, f"{_called(form, path)} is {wanted}, not {value}")
    least, most = schema.get("minItems"), schema.get("maxItems")
    if (
        isinstance(value, list)
        and isinstance(least, int)
        and isinstance(most, int)
        and not least <= len(value) <= most
    ):
        yield form.fault(path, f"{form.called} has {least} to {most} {path[-1]}, this one {len(value)}")


def _of_map(form: _Form, schema: Plain, value: dict[object, object], path: Path) -> Iterator[Fault]:
    fields = schema.get("properties")
    known = fields if isinstance(fields, dict) else {}
    others = schema.get("additionalProperties", True)
    names = schema.get("propertyNames")
    for key, one in value.items():
        here = (*path, str(key))
        if not isinstance(key, str):
            yield form.fault(here, f"{key!r} is no name", hint="Write it in quotes.", at_key=True)
        elif key in known:
            yield from _faults(form, _map(known[key]), one, here)
        elif others is False:
            yield form.fault(
                here, f"{_owner(form, path)} has no field {key!r}", hint=_one_of(key, list(known)), at_key=True
            )
        else:
            if isinstance(names, dict):
                yield from _faults(form, names, key, here)
            if isinstance(others, dict):
                yield from _faults(form, others, one, here)
    required = schema.get("required")
    for key in required if isinstance(required, list) else ():
        if key not in value:
            yield form.fault(path, f"{_owner(form, path)} needs the field {key!r}")


def _is(value: object, type_name: str) -> bool:
    return isinstance(value, _TYPES.get(type_name, ())) and (type_name == "boolean" or not isinstance(value, bool))


def _map(value: object) -> Plain:
    return cast(Plain, value) if isinstance(value, dict) else {}


def _called(form: _Form, path: Path) -> str:
    return ".".join(str(part) for part in path) or form.called


def _owner(form: _Form, path: Path) -> str:
    if len(path) == 2 and path[0] == "steps":
        return "a step"
    return str(path[-1]) if path and isinstance(path[-1], str) else _called(form, path)


def _shown(value: object) -> str:
    return {dict: "a map", list: "a list", type(None): "nothing"}.get(type(value)) or repr(value)[:60]


def _one_of(word: object, known: list[str]) -> str:
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"Did you mean {near[0]}?" if near else f"It can be: {', '.join(known)}."
