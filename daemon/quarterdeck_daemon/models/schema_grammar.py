"""A JSON Schema as a grammar of the JSON texts that keep to it. What it cannot keep to it refuses, by name.

Fields are written in the order of `properties`; others only where `additionalProperties` says what they are. No space but
one behind `,` and `:`. A string is at most LENGTH_MAX characters, a number at most fifteen digits and has no exponent: all
narrower than the schema, never wider. `$ref` goes to the same document, and REFS_MAX deep, so that every text has an end.

Known: type, properties, required, additionalProperties, items, minItems, maxItems, enum, const, minLength, maxLength,
pattern (patterns.py), format (FORMATS), minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf (of variants
that exclude each other), $ref, $defs.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

import jsonschema_rs
import msgspec

from . import numerals
from .grammar import DEAD, Grammar, TooLarge
from .patterns import BadPattern, pattern

REFS_MAX = 12
ANY_DEPTH = 4  # Of a value that the schema says nothing about.
ENUM_MAX = 1_000
LENGTH_MAX = 2_000
ITEMS_NEEDED_MAX = 256
FIELDS_MAX = 128

_DAYS = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))"
)
_LEAP = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29"
_DATE = f"(?:\\d{{4}}-{_DAYS}|{_LEAP})"
_TIME = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d"
FORMATS = {
    "date": f"^{_DATE}$",
    "date-time": f"^{_DATE}T{_TIME}(?:Z|[+-](?:0\\d|1[0-4]):[03]0)$",
    "time": f"^{_TIME}Z$",
    "email": "^[A-Za-z0-9]{1,20}(?:[._+-][A-Za-z0-9]{1,20}){0,2}@(?:[a-z0-9]{1,30}(?:-[a-z0-9]{1,30})?\\.){1,3}[a-z]{2,20}$",
    "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}
_NOTES = {
    "title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly",
    "$defs", "definitions", "discriminator",
}  # fmt: skip
_RANGE = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_OF_TYPE = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems", "uniqueItems"},
    "string": {"minLength", "maxLength", "pattern", "format"},
    "number": _RANGE, "integer": _RANGE, "boolean": set(), "null": set(),
}  # fmt: skip
_KNOWN = set().union(*_OF_TYPE.values())
Schema = dict[str, object]


class BadSchema(Exception):
    """What of the schema cannot be kept to, and where."""


def compile_schema(schema: Schema) -> tuple[Grammar, int]:
    """Return a grammar and the node of the whole text. Raises BadSchema."""
    grammar = Grammar()
    compiler = _Compiler(grammar, schema)
    try:
        root = compiler.node(schema, 0, "")
    except RecursionError:
        raise BadSchema("it is nested too deeply") from None
    except TooLarge:
        raise BadSchema("it is too large") from None
    if compiler.faults:
        raise BadSchema("; ".join(compiler.faults[:5]))
    if root == DEAD:
        raise BadSchema(f"nothing finite satisfies it, or only what is more than {REFS_MAX} references deep")
    return grammar, root


class _Compiler:
    def __init__(self, grammar: Grammar, root: Schema) -> None:
        self.faults: list[str] = []
        self._grammar, self._root = grammar, root
        self._made: dict[tuple[str, int], int] = {}
        self._types = {
            "object": self._object, "array": self._array, "string": self._string, "number": self._number,
            "integer": self._integer, "boolean": self._boolean, "null": self._null,
        }  # fmt: skip

    def node(self, schema: object, depth: int, path: str) -> int:
        """The node of a part of the schema. depth: how many references lie above it."""
        if isinstance(schema, bool):
            return self._any(ANY_DEPTH) if schema else DEAD
        if not isinstance(schema, dict):
            return self._fault(path, "is no schema")
        words = {str(one) for one in schema} - _NOTES
        words = {one for one in words if not one.startswith("x-")}
        for single in ("$ref", "anyOf", "oneOf"):
            if single in words:
                if len(words) > 1:
                    return self._fault(path, f"{single} beside {', '.join(sorted(words - {single}))}")
                return (
                    self._reference(schema, depth, path) if single == "$ref" else self._variants(schema, depth, path)
                )
        if words & {"enum", "const"}:
            return self._listed(schema, words, path)
        unknown = words - _KNOWN - {"type"}
        if unknown:
            return self._fault(path, ", ".join(sorted(unknown)))
        types = _types_of(schema, words)
        if not types:
            return self._any(ANY_DEPTH)
        if set(types) - self._types.keys():
            return self._fault(path, f"type {types}")
        return self._grammar.choice(*(self._types[one](schema, depth, path) for one in types))

    def _reference(self, schema: Schema, depth: int, path: str) -> int:
        target = str(schema["$ref"])
        key = (target, depth)
        if key not in self._made:
            found = _pointed(self._root, target)
            if found is None:
                return self._fault(path, f"$ref to {target!r}")
            self._made[key] = DEAD if depth >= REFS_MAX else self.node(found, depth + 1, target)
        return self._made[key]

    def _variants(self, schema: Schema, depth: int, path: str) -> int:
        word = "anyOf" if "anyOf" in schema else "oneOf"
        variants = schema[word]
        if not isinstance(variants, list) or not variants:
            return self._fault(path, f"{word} that lists nothing")
        if word == "oneOf":
            for (at, one), (to, other) in combinations(enumerate(variants), 2):
                if not _apart(self._root, one, other, 0):
                    return self._fault(path, f"oneOf whose variants {at} and {to} may both match (anyOf would do)")
        return self._grammar.choice(
            *(self.node(one, depth, f"{path}/{word}/{at}") for at, one in enumerate(variants))
        )

    def _listed(self, schema: Schema, words: set[str], path: str) -> int:
        values = schema.get("enum", [schema.get("const")])
        if not isinstance(values, list) or not 0 < len(values) <= ENUM_MAX:
            return self._fault(path, f"enum of none, or of more than {ENUM_MAX}")
        if len(words) > 1:
            rest = {word: schema[word] for word in words}
            try:
                fits = jsonschema_rs.validator_for(rest).is_valid
            except (ValueError, jsonschema_rs.ReferencingError):
                return self._fault(path, f"enum beside {', '.join(sorted(words - {'enum'}))}")
            values = [value for value in values if fits(value)]
        return self._grammar.choice(*(self._grammar.literal(msgspec.json.encode(value)) for value in values))

    def _any(self, depth: int) -> int:
        grammar, numeral = self._grammar, numerals.number(None, None, whole=False)
        assert numeral is not None, "there are numbers"
        ways = [
            grammar.string(),
            grammar.add(numeral),
            *(grammar.literal(one) for one in (b"true", b"false", b"null")),
        ]
        if depth:
            inner = self._any(depth - 1)
            ways.append(grammar.sequence(grammar.literal(b"["), grammar.items(inner, 0, None)))
            ways.append(grammar.sequence(grammar.literal(b"{"), grammar.pairs(inner, frozenset(), True)))
        return grammar.choice(*ways)

    def _object(self, schema: Schema, depth: int, path: str) -> int:
        grammar, properties, required = self._grammar, schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            return self._fault(path, "properties or required of another shape")
        others = schema.get("additionalProperties", False)
        fields = dict(properties)
        for name in required:
            fields.setdefault(name, schema.get("additionalProperties", True))
        if len(fields) > FIELDS_MAX:
            return self._fault(path, f"more than {FIELDS_MAX} properties")
        barred = frozenset(msgspec.json.encode(str(name))[1:-1] for name in fields)
        value = self.node(others, depth, f"{path}/additionalProperties")
        tails = {first: grammar.pairs(value, barred, first) for first in (True, False)}
        for name in reversed(fields):
            inner = self.node(fields[name], depth, f"{path}/properties/{name}")
            key = grammar.literal(msgspec.json.encode(str(name)))
            entry = grammar.sequence(key, grammar.colon, inner, tails[False])
            begun = {True: entry, False: grammar.sequence(grammar.comma, entry)}
            tails = begun if name in required else {at: grammar.choice(begun[at], tails[at]) for at in begun}
        return grammar.sequence(grammar.literal(b"{"), tails[True])

    def _array(self, schema: Schema, depth: int, path: str) -> int:
        low, high = self._count(schema, "minItems", path), self._count(schema, "maxItems", path)
        if schema.get("uniqueItems"):
            return self._fault(path, "uniqueItems")
        if (low or 0) > ITEMS_NEEDED_MAX:
            return self._fault(path, f"minItems above {ITEMS_NEEDED_MAX}")
        item = self.node(schema.get("items", True), depth, f"{path}/items")
        return self._grammar.sequence(self._grammar.literal(b"["), self._grammar.items(item, low or 0, high))

    def _string(self, schema: Schema, depth: int, path: str) -> int:
        low, high = self._count(schema, "minLength", path), self._count(schema, "maxLength", path)
        rule = schema.get("pattern")
        if "format" in schema:
            if rule is not None or schema["format"] not in FORMATS:
                return self._fault(path, f"format {schema['format']!r}" + (" beside pattern" if rule else ""))
            rule = FORMATS[str(schema["format"])]
        if rule is None:
            return self._fault(path, f"minLength above {LENGTH_MAX}") if (low or 0) > LENGTH_MAX else (
                self._grammar.string(low or 0, None if high is None else min(high, LENGTH_MAX))
            )  # fmt: skip
        if low or high is not None:
            return self._fault(path, "minLength or maxLength beside a pattern (say {2,5} in the pattern)")
        try:
            return pattern(self._grammar, str(rule))
        except BadPattern as error:
            return self._fault(path, f"pattern that {error}")

    def _number(self, schema: Schema, depth: int, path: str, whole: bool = False) -> int:
        limits: dict[str, Decimal] = {}
        for word in _RANGE & schema.keys():
            limit = schema[word]
            if isinstance(limit, bool) or not isinstance(limit, int | float):
                return self._fault(path, f"{word} that is no number")
            limits[word] = Decimal(repr(limit))
        low, above = _stricter(limits.get("minimum"), limits.get("exclusiveMinimum"), max)
        high, below = _stricter(limits.get("maximum"), limits.get("exclusiveMaximum"), min)
        found = numerals.number(low, high, whole=whole, above=above, below=below)
        return DEAD if found is None else self._grammar.add(found)

    def _integer(self, schema: Schema, depth: int, path: str) -> int:
        return self._number(schema, depth, path, whole=True)

    def _boolean(self, schema: Schema, depth: int, path: str) -> int:
        return self._grammar.choice(self._grammar.literal(b"true"), self._grammar.literal(b"false"))

    def _null(self, schema: Schema, depth: int, path: str) -> int:
        return self._grammar.literal(b"null")

    def _count(self, schema: Schema, word: str, path: str) -> int | None:
        value = schema.get(word)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        self._fault(path, f"{word} that is no count")
        return None

    def _fault(self, path: str, what: str) -> int:
        self.faults.append(f"{what} at {path or '/'}"[:300])
        return DEAD


def _types_of(schema: Schema, words: set[str]) -> list[str]:
    """The types that it allows; without `type` those that its other words speak of."""
    said = schema.get("type")
    if isinstance(said, str):
        return [said]
    if isinstance(said, list):
        types = [str(one) for one in said]
        return [one for one in types if one != "integer" or "number" not in types]
    return [one for one, known in _OF_TYPE.items() if known & words and one != "integer"]


def _stricter(closed: Decimal | None, open_: Decimal | None, pick: object) -> tuple[Decimal | None, bool]:
    """The limit that counts, and whether it is itself left out."""
    if closed is None or open_ is None:
        return (closed, False) if open_ is None else (open_, True)
    tighter = max(closed, open_) if pick is max else min(closed, open_)
    return tighter, tighter == open_


def _pointed(root: Schema, target: str) -> object:
    """What a `#/…` points to; None for nothing, or somewhere else."""
    found: object = root
    if target != "#" and not target.startswith("#/"):
        return None
    for part in target[2:].split("/") if target != "#" else ():
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def _apart(root: Schema, one: object, other: object, depth: int) -> bool:
    """Whether no value can satisfy both: other types, other listed values, or a field that tells them apart."""
    if depth > REFS_MAX:
        return False
    for a, b in ((one, other), (other, one)):
        if isinstance(a, dict) and "$ref" in a:
            return _apart(root, _pointed(root, str(a["$ref"])), b, depth + 1)
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one is False or other is False
    mine, theirs = _values(one), _values(other)
    if mine is not None and theirs is not None:
        return not mine & theirs
    if mine is not None or theirs is not None:
        values, rest = (one.get("enum", [one.get("const")]), other) if mine is not None else (
            other.get("enum", [other.get("const")]), one
        )  # fmt: skip
        return isinstance(values, list) and not set(map(_type, values)) & _broad(rest)
    if not _broad(one) & _broad(other):
        return True
    return _broad(one) == _broad(other) == {"object"} and _told_apart(root, one, other, depth)


def _told_apart(root: Schema, one: Schema, other: Schema, depth: int) -> bool:
    mine, theirs = one.get("properties"), other.get("properties")
    needed, wanted = one.get("required"), other.get("required")
    if not (
        isinstance(mine, dict) and isinstance(theirs, dict) and isinstance(needed, list) and isinstance(wanted, list)
    ):
        return False
    shared = [name for name in mine if name in theirs and name in needed and name in wanted]
    return any(_apart(root, mine[name], theirs[name], depth + 1) for name in shared)


def _values(schema: Schema) -> set[bytes] | None:
    if "const" not in schema and "enum" not in schema:
        return None
    values = schema.get("enum", [schema.get("const")])
    return {msgspec.json.encode(value, order="sorted") for value in values} if isinstance(values, list) else None


def _broad(schema: Schema) -> set[str]:
    types = _types_of(schema, {str(one) for one in schema}) or list(_OF_TYPE)
    return {"number" if one == "integer" else one for one in types}


def _type(value: object) -> str:
    if value is None:
        return "null"
    by = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return by.get(type(value), "")
