"""How a person is recognised in text: names, addresses and numbers in the forms in which people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

WORDS_MAX = 300
NAME_CHARS_MIN = 3
DIGITS_MIN = 6  # Fewer are no telephone number that could be told from others.
PROBES_MAX = 20
PROBE_CHARS_MIN, PROBE_CHARS_MAX = 16, 80
_JOINT = r"(?:[^\w@]|_){1,4}"  # "Ines Marlow", "Marlow, Ines", "ines-marlow", a line break between.
_PHONE = re.compile(r"\+?[\d\s\-./()]{6,}")


class Traces:
    """Finds the identifiers of one person, whatever their case and the way in which they are broken or joined."""

    def __init__(self, identifiers: Iterable[str]) -> None:
        self.identifiers = tuple(dict.fromkeys(one.strip() for one in identifiers if one.strip()))[:WORDS_MAX]
        patterns = [pattern for one in self.identifiers for pattern in _patterns(one)]
        self._any = re.compile("|".join(patterns)) if patterns else None

    def __bool__(self) -> bool:
        return self._any is not None

    def in_text(self, text: str) -> bool:
        return self._any is not None and self._any.search(text.casefold()) is not None

    def in_value(self, value: object) -> bool:
        """Whether the strings of a plain value say one of them, also when first and last name are two fields."""
        return self._any is not None and self.in_text(text_of(value))


def text_of(value: object) -> str:
    """All strings of a plain value in one text, a line each; keys of maps after the values."""
    values: list[str] = []
    keys: list[str] = []
    _collect(value, values, keys)
    return "\n".join((*values, "\0", *keys))


def _collect(value: object, values: list[str], keys: list[str]) -> None:
    if isinstance(value, str):
        values.append(value)
    elif isinstance(value, dict):
        for key, one in value.items():
            if isinstance(key, str):
                keys.append(key)
            _collect(one, values, keys)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            _collect(one, values, keys)


def strings_in(value: object) -> Iterator[str]:
    """Every string of a plain value, keys of maps too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from strings_in(key)
            yield from strings_in(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from strings_in(one)


def contacts_in(value: object) -> Iterator[str]:
    """Addresses and telephone numbers among the strings of a value."""
    for text in strings_in(value):
        if len(text) > 200:
            continue
        if ("@" in text and " " not in text.strip()) or (
            _PHONE.fullmatch(text.strip()) and len(_digits(text)) >= DIGITS_MIN
        ):
            yield text.strip()


def probes_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Lines that are long enough to be of one text alone: when they are in no file, the text is not."""
    found: dict[str, None] = {}
    for text in texts:
        line = max(text.splitlines(), key=len, default="").strip()[:PROBE_CHARS_MAX]
        if len(line) >= PROBE_CHARS_MIN:
            found[line] = None
        if len(found) == PROBES_MAX:
            break
    return tuple(found)


def _patterns(identifier: str) -> list[str]:
    text = identifier.casefold()
    digits = _digits(text)
    if len(digits) >= DIGITS_MIN and _PHONE.fullmatch(text):
        return [r"(?<!\d)(?:00)?" + r"[\s\-./()]*".join(digits) + r"(?!\d)"]
    if "@" in text:
        return [r"(?<![\w.])" + re.escape(text) + r"(?!\w)"]
    parts = re.findall(r"[^\W_]+", text)
    if not parts or len("".join(parts)) < NAME_CHARS_MIN:
        return []
    orders = [parts] if len(parts) == 1 else [parts, [parts[-1], *parts[:-1]]]
    return [rf"(?<![^\W_]){_JOINT.join(map(re.escape, order))}(?![^\W_])" for order in orders]


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())
