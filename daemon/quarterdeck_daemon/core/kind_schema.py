"""What a fact must look like: JSON Schema, from the built-in models or from the operator's files kinds/*.json.

One way of checking for both. A schema is compiled once for each text; `$ref` to anything outside is refused,
nothing is fetched. A kind that is not described at all is free-form. The operator may describe a built-in kind
too: then a value must satisfy both.

Beside standard JSON Schema, in properties:
    x-ref      kinds of fact that the text names (`acme`, `client/acme`): it becomes a link named like the field
    x-version  of the whole schema, a number that the operator counts up; each fact says which one it was written by
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, cast

import jsonschema_rs
import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import Asset, Fact, Plain
from .forms import FORMS
from .kind_checks import CHECKS
from .kinds import BUILT_IN, VERSIONS
from .table import Draft, Table

ERRORS_MAX = 10  # That one refusal names.
DEPTH_MAX = 32
COMPILED_MAX = 256
SHOWN_CHARS = 60
CHOICES_MAX = 50  # Allowed values that one refusal names.
NEAR = 0.75  # How alike two names of fields must be to be worth a remark.

_BYTE = re.compile(r" \(byte (\d+)\)")
_FORMATS: dict[str, Callable[[str], bool]] = {name: form.check for name, form in FORMS.items()}
_PATTERNS = jsonschema_rs.RegexOptions(
    size_limit=1 << 20, dfa_size_limit=1 << 21
)  # Linear time, whatever is written.


class Described(NamedTuple):
    """A compiled schema: where it is from, what it names at the top, which of its fields are references."""

    origin: str
    schema: Plain
    validator: jsonschema_rs.Validator
    fields: tuple[str, ...]
    refs: dict[str, tuple[str, ...]]
    version: int


class Fault(NamedTuple):
    path: str
    says: str
    hint: str


def schemas_of(table: Table | Draft, kind: str) -> list[Described]:
    """Return what describes the kind: the built-in model, the operator's file, both or nothing."""
    found = [built_in(kind)] if kind in BUILT_IN else []
    asset = table.get(Asset, f"kind/{kind}")
    if asset is not None and not asset.removed:
        found.append(compiled(asset.text, asset.path))
    return found


def said_of(path: str, reason: str) -> str:
    """The reason of a refusal without the file's name, where that stands before it anyway."""
    rest = reason.removeprefix(f"{path} ").removeprefix(f"{path}: ")
    return f"it {rest}" if rest.startswith("is no ") else rest


def check_in_force(table: Table | Draft, kind: str) -> None:
    """Raise QuarterdeckError `schema` while the operator's file of this kind is broken: nothing goes unchecked."""
    asset = table.get(Asset, f"kind/{kind}")
    if asset is None or not asset.refused:
        return
    reason = said_of(asset.path, asset.refused)
    raise QuarterdeckError(
        "schema",
        f"no {kind} is written while {asset.path} is broken: {reason}",
        hint=f"Mend {asset.path}, or take it away; it is read again at once. Then write the fact again.",
        details={"kind": kind, "file": asset.path, "reason": reason},
    )


def check_value(described: list[Described], kind: str, value: Plain) -> None:
    """Raise QuarterdeckError `schema` naming the field, what it should be and the nearest valid one."""
    faults = [fault for one in described for fault in _faults(one, value)]
    if not faults and kind in CHECKS:
        faults = [Fault(*fault) for fault in CHECKS[kind](value)]
    if not faults:
        return
    first = faults[0]
    named = faults[:ERRORS_MAX]
    plain: list[Plain] = [{"path": fault.path, "message": fault.says, "hint": fault.hint} for fault in named]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise QuarterdeckError(
        "schema",
        f"{kind}: {first.path + ' ' if first.path else ''}{first.says}{more}",
        hint=first.hint or f"See its fields: quarterdeck fact kinds {kind}",
        details={"kind": kind, "path": first.path, "errors": plain},
    )


def remarks_on(described: list[Described], kind: str, value: Plain) -> list[str]:
    """Names that look like a slip of a known field. They are kept all the same."""
    known = [name for one in described for name in one.fields]
    found: list[str] = []
    for name in value:
        near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR) if name not in known else []
        if near and near[0] not in value:
            found.append(f"{name} is kept as a field of your own; {kind} has a field {near[0]}")
    return found[:ERRORS_MAX]


def version_of(described: list[Described], kind: str) -> int:
    """The version that a fact of this kind is written by: the built-in's, which reading lifts from, else the file's."""
    return described[0].version if described else 0


# --- compiling ------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)  # There are fewer.
def built_in(kind: str) -> Described:
    raw = cast(Plain, msgspec.json.schema(BUILT_IN[kind]))
    definitions = cast("dict[str, Plain]", raw["$defs"])
    schema = cast(Plain, _without_null(definitions[BUILT_IN[kind].__name__], definitions))
    return _compile(schema, "built in", VERSIONS[kind])


@functools.lru_cache(maxsize=COMPILED_MAX)
def compiled(text: str, path: str) -> Described:
    """Compile the operator's schema. Raises QuarterdeckError `schema` that says what is wrong with it."""
    try:
        schema: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise QuarterdeckError("schema", f"{path} is no JSON: {_placed(error, text)}") from error
    if not isinstance(schema, dict) or schema.get("type", "object") != "object" or _too_deep(schema, 0):
        raise QuarterdeckError("schema", f'{path} is no JSON Schema of an object: {{"type": "object", …}}')
    version = schema.get("x-version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= 1_000_000:
        raise QuarterdeckError("schema", f"{path}: x-version is a number from 1 on")
    return _compile(schema, path, version)


def _compile(schema: Plain, origin: str, version: int) -> Described:
    try:
        validator = jsonschema_rs.validator_for(
            schema, formats=_FORMATS, validate_formats=True, pattern_options=_PATTERNS, offline=True
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        said = str(getattr(error, "message", error)).splitlines()[0]
        place = _path(getattr(error, "instance_path", ()))
        said = f"at {place}: {said}" if place else said
        raise QuarterdeckError(
            "schema", f"{origin} is no JSON Schema: {said}", hint="json-schema.org says how."
        ) from error
    properties = schema.get("properties")
    fields = properties if isinstance(properties, dict) else {}
    refs = {name: kinds for name, field in fields.items() if (kinds := _ref_kinds(field))}
    return Described(origin, schema, validator, tuple(fields), refs, version)


def _placed(error: Exception, text: str) -> str:
    """The error with the line instead of the byte."""
    found = _BYTE.search(str(error))
    if found is None:
        return str(error)
    line = text.encode()[: int(found.group(1))].count(b"\n") + 1
    return f"{str(error)[: found.start()]} (line {line})"


def _ref_kinds(field: object) -> tuple[str, ...]:
    kinds = field.get("x-ref") if isinstance(field, dict) else None
    return tuple(kind for kind in kinds if isinstance(kind, str)) if isinstance(kinds, list) else ()


def _too_deep(value: object, depth: int) -> bool:
    inner: Iterable[object] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > DEPTH_MAX or any(_too_deep(item, depth + 1) for item in inner)


def _without_null(schema: object, definitions: dict[str, Plain]) -> object:
    """A model's schema as people want to read it: references put in place, `or null` said in the type."""
    if isinstance(schema, list):
        return [_without_null(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _without_null(definitions[str(schema["$ref"]).rpartition("/")[2]], definitions)
    kept = {
        name: _without_null(item, definitions) for name, item in schema.items() if name not in ("default", "title")
    }
    choices = kept.get("anyOf")
    if isinstance(choices, list) and len(choices) == 2 and choices[1] == {"type": "null"}:
        one: Plain = dict(choices[0])
        if "enum" in one:
            return {"enum": [*cast("list[object]", one["enum"]), None]}
        return {**one, "type": [one["type"], "null"]}
    if kept.get("required") == []:
        del kept["required"]
    return kept


# --- saying what is wrong -------------------------------------------------------------------------


def _faults(described: Described, value: Plain) -> list[Fault]:
    try:
        errors = list(described.validator.iter_errors(value))
    except (ValueError, TypeError) as error:
        return [
            Fault("", f"holds what JSON cannot say: {str(error).splitlines()[0]}", "Use text, numbers, lists, maps.")
        ]
    faults = [_fault(described, error) for error in errors]
    return sorted(faults, key=lambda fault: (not fault.hint.startswith("Did you mean"), fault.path))


def _fault(described: Described, error: jsonschema_rs.ValidationError) -> Fault:
    path = _path(error.instance_path)
    where = [str(part) for part in error.schema_path]
    if "format" in where[-1:] and (form := FORMS.get(_at(described.schema, where))):
        return Fault(path, f"{_shown(error.instance)} is not {form.says}", form.hint)
    if where[-1:] == ["anyOf"] and "x-ref" not in where:
        hint = 'Write 1200.5, "1200.50" or {"minor": 120050, "currency": "EUR"}.'
        return Fault(path, f"{_shown(error.instance)} is not an amount", hint if _is_money(described, where) else "")
    options = getattr(error.kind, "options", None)
    if where[-1:] == ["enum"] and isinstance(options, list):
        return _of_choice(path, error.instance, options)
    unexpected = getattr(error.kind, "unexpected", None)
    if where[-1:] == ["additionalProperties"] and unexpected:
        near = difflib.get_close_matches(str(unexpected[0]), described.fields, n=1, cutoff=0.4)
        hint = f"Did you mean `{near[0]}`?" if near else f"Its fields: {', '.join(described.fields)}."
        return Fault(_join(path, str(unexpected[0])), "is not a field of this kind", hint)
    near = difflib.get_close_matches(path, described.fields, n=1, cutoff=0.99) if path else []
    wanted = f"The field {near[0]} {_said(described.schema, near[0])}." if near else ""
    return Fault(path, error.message[:300], wanted)


def _of_choice(path: str, found: object, options: list[object]) -> Fault:
    """A value that is none of those allowed: all of them are named, and the nearest."""
    words = [str(one) if isinstance(one, str) else msgspec.json.encode(one).decode() for one in options]
    given = [word for word, one in zip(words, options, strict=True) if one is not None]
    more = f" and {len(given) - CHOICES_MAX} more" if len(given) > CHOICES_MAX else ""
    near = difflib.get_close_matches(str(found), given, n=1, cutoff=0.6)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    return Fault(
        path, f"{_shown(found)} is none of those allowed", f"{meant}Allowed: {', '.join(given[:CHOICES_MAX])}{more}."
    )


def _is_money(described: Described, where: list[str]) -> bool:
    return described.origin == "built in" and len(where) > 1


def _said(schema: Plain, field: str) -> str:
    properties = cast("dict[str, Plain]", schema.get("properties", {}))
    described = properties.get(field, {})
    kind = described.get("type")
    types = [one for one in kind if one != "null"] if isinstance(kind, list) else [kind]
    return f"takes {' or '.join(map(str, types))}" if kind else "takes one of " + str(described.get("enum", "others"))


def _at(schema: object, where: list[str]) -> str:
    for part in where:
        schema = (
            schema[int(part)] if isinstance(schema, list) else schema.get(part) if isinstance(schema, dict) else None
        )
    return str(schema)


def _path(parts: Iterable[str | int]) -> str:
    path = ""
    for part in parts:
        path = f"{path}[{part}]" if isinstance(part, int) else _join(path, part)
    return path


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"


# --- references -----------------------------------------------------------------------------------


def refs_in(table: Table | Draft, described: list[Described], value: Plain) -> tuple[tuple[str, str], ...]:
    """Return (field, fact id) of everything at the top of the value that names another fact.

    A field that its kind calls a reference may leave the kind out. In any other field only `kind/key` counts,
    and only if such a fact exists: "and/or" is no reference.
    """
    found: dict[tuple[str, str], None] = {}
    for name, item in value.items():
        kinds = next((one.refs[name] for one in described if name in one.refs), ())
        for text in item if isinstance(item, list) else [item]:
            target = _target(table, kinds, text) if isinstance(text, str) else None
            if target is not None:
                found[name, target] = None
    return tuple(found)


def _target(table: Table | Draft, kinds: tuple[str, ...], text: str) -> str | None:
    kind, slash, key = text.partition("/")
    if slash and key and (kind in kinds or (" " not in kind and table.get(Fact, text[:400]) is not None)):
        return text
    if not kinds or not text or len(text) > 200:
        return None
    named = [f"{one}/{text}" for one in kinds]
    return next((id for id in named if table.get(Fact, id) is not None), named[0])
