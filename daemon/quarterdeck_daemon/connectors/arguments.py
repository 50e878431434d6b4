"""Checks arguments against a verb's declaration, before anything is touched. All refusals are `bad_argument`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from ..core.entities import Plain
from .base import ArgKind, EffectFailed, Verb
from .mail_address import parse_address

LINE_CHARACTERS_MAX = 2_000
TEXT_BYTES_MAX = 1024 * 1024
PATH_BYTES_MAX = 1_024
ITEMS_MAX = 200
AMOUNT_MAX = 10**12  # Minor units.
MESSAGE_ID_BYTES_MAX = 900  # A header line may have 998 bytes.

# Controls, line and paragraph separators, and lone surrogates: nothing of the sort belongs into one line.
_forbidden_in_line = frozenset(("Cc", "Zl", "Zp", "Cs"))
_message_id = re.compile(r"<?[!-;=?-~]+>?")


def bad_argument(name: str, what: str, hint: str = "") -> EffectFailed:
    return EffectFailed("contract", "bad_argument", f"argument {name!r} {what}", hint)


def check_arguments(verb: Verb, args: Plain) -> None:
    """Raise EffectFailed `bad_argument` for a missing, unknown, wrongly typed or dangerous argument."""
    unknown = sorted(set(args) - set(verb.args))
    if unknown:
        raise bad_argument(unknown[0], f"is unknown to {verb.name}", f"Known: {', '.join(verb.args)}.")
    for name, arg in verb.args.items():
        value = args.get(name)
        if value is None or value in ("", []):
            if arg.required:
                raise bad_argument(name, "is missing")
            if value is None:
                continue
        CHECKS[arg.kind](name, value)


def is_line(text: str) -> bool:
    """Whether the text can stand in a header: one line, nothing that a terminal or parser would act on."""
    return not any(unicodedata.category(character) in _forbidden_in_line for character in text)


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise bad_argument(name, f"must be text, not {type(value).__name__}")
    return value


def _strings(name: str, value: object) -> list[str]:
    if not isinstance(value, list):
        raise bad_argument(name, f"must be a list, not {type(value).__name__}")
    if len(value) > ITEMS_MAX:
        raise bad_argument(name, f"has {len(value)} items, {ITEMS_MAX} are allowed")
    return [_string(name, item) for item in value]


def _line(name: str, value: object) -> None:
    text = _string(name, value)
    if len(text) > LINE_CHARACTERS_MAX:
        raise bad_argument(name, f"has {len(text)} characters, {LINE_CHARACTERS_MAX} are allowed")
    if not is_line(text):
        raise bad_argument(name, "contains a line break or control character")


def _text(name: str, value: object) -> None:
    text = _string(name, value)
    if "\0" in text:
        raise bad_argument(name, "contains a NUL character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise bad_argument(name, "contains half a character (a lone surrogate)") from error
    if size > TEXT_BYTES_MAX:
        raise bad_argument(name, f"has {size} bytes, {TEXT_BYTES_MAX} are allowed")


def _addresses(name: str, value: object) -> None:
    for item in _strings(name, value):
        _line(name, item)
        try:
            parse_address(item)
        except ValueError as error:
            raise bad_argument(name, f"holds {item!r}: {error}") from error


def _one_message_id(name: str, value: object) -> None:
    text = _string(name, value)
    if text and (len(text) > MESSAGE_ID_BYTES_MAX or not _message_id.fullmatch(text)):
        raise bad_argument(name, f"holds {text[:80]!r}, which is not a message id")


def _message_ids(name: str, value: object) -> None:
    for item in _strings(name, value):
        _one_message_id(name, item)


def _path(name: str, value: object) -> None:
    """Only the type here: where a path leads is decided on the disk, by paths.py."""
    text = _string(name, value)
    if len(text.encode(errors="replace")) > PATH_BYTES_MAX:
        raise bad_argument(name, f"is longer than {PATH_BYTES_MAX} bytes")


def _amount(name: str, value: object) -> None:
    """Whole minor units (cents): no sign, no fraction, nothing that could be read in two ways."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_argument(name, f"must be a whole number of minor units, not {type(value).__name__}")
    if not 0 < value <= AMOUNT_MAX:
        raise bad_argument(name, f"is {value}; it must lie between 1 and {AMOUNT_MAX}")


CHECKS: dict[ArgKind, Callable[[str, object], None]] = {
    "line": _line,
    "text": _text,
    "addresses": _addresses,
    "message_id": _one_message_id,
    "message_ids": _message_ids,
    "path": _path,
    "amount": _amount,
}
