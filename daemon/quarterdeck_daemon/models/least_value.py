"""The least value that a JSON Schema allows: what a script that names no value answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

DEPTH_MAX = 16
ITEMS_MAX = 64


def least_value(schema: Mapping[str, object]) -> object:
    """Return a small value for the schema. Not every schema is understood: the caller checks what came out."""
    return _least(schema, schema, 0)


def _least(schema: object, root: Mapping[str, object], depth: int) -> object:
    if not isinstance(schema, Mapping) or depth > DEPTH_MAX:
        return None
    if isinstance(ref := schema.get("$ref"), str):
        return _least(_at(root, ref), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if isinstance(given := schema.get("enum"), list) and given:
        return given[0]
    for several in ("anyOf", "oneOf"):
        if isinstance(ways := schema.get(several), list) and ways:
            return _least({**schema, several: None, **_map(ways[0])}, root, depth + 1)
    if isinstance(parts := schema.get("allOf"), list):
        joined: dict[str, object] = {name: value for name, value in schema.items() if name != "allOf"}
        for part in parts:
            joined |= _map(part)
        return _least(joined, root, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or (kind is None and "properties" in schema):
        known, needed = _map(schema.get("properties")), schema.get("required")
        names = needed if isinstance(needed, list) else []
        return {str(name): _least(known.get(str(name), {}), root, depth + 1) for name in names}
    if kind == "array":
        count = min(_number(schema, "minItems", 0), ITEMS_MAX)
        return [_least(schema.get("items", {}), root, depth + 1) for _ in range(int(count))]
    return _PLAIN.get(str(kind), _nothing)(schema)


def _text(schema: Mapping[str, object]) -> object:
    return "x" * int(min(_number(schema, "minLength", 0), 10_000))


def _integer(schema: Mapping[str, object]) -> object:
    low = _number(
        schema, "minimum", _number(schema, "exclusiveMinimum", -1) + 1 if "exclusiveMinimum" in schema else 0
    )
    return int(min(low, _number(schema, "maximum", low))) if "minimum" not in schema else int(low)


def _float(schema: Mapping[str, object]) -> object:
    low = _number(
        schema, "minimum", _number(schema, "exclusiveMinimum", -1) + 1 if "exclusiveMinimum" in schema else 0
    )
    return min(low, _number(schema, "maximum", low)) if "minimum" not in schema else low


def _nothing(schema: Mapping[str, object]) -> object:
    return None


_PLAIN: dict[str, Callable[[Mapping[str, object]], object]] = {
    "string": _text,
    "integer": _integer,
    "number": _float,
    "boolean": lambda schema: False,
    "null": _nothing,
}


def _number(schema: Mapping[str, object], name: str, default: float) -> float:
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default


def _map(value: object) -> dict[str, object]:
    return {str(name): one for name, one in value.items()} if isinstance(value, Mapping) else {}


def _at(root: Mapping[str, object], ref: str) -> object:
    here: object = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        if part:
            here = _map(here).get(part.replace("~1", "/").replace("~0", "~"))
    return here
