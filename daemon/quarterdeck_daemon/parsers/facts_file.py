"""facts/*.toml: the operator's canonical facts, `[[kind]]` tables with a `key`. All of a file or nothing."""

from __future__ import annotations

import datetime
import re
import tomllib

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Parsed, ParsedFact, ParseDocument

KEY_CHARS_MAX = 200
_KIND = re.compile(r"[a-z][a-z0-9_-]*")


class FactsError(Exception):
    """The file says something that is not a fact; the text names the line and the mending."""


def parse_facts(order: ParseDocument) -> Parsed:
    """Facts in the order of the file; `unreadable` names the line of the first mistake."""
    try:
        text = order.data.decode("utf-8")
        facts = _facts(text)
    except UnicodeDecodeError as error:
        line = order.data[: error.start].count(b"\n") + 1
        return _refused(order, "", f"line {line}: not UTF-8; save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        last = f"at line {text.count(chr(10)) + 1}, the end"
        return _refused(order, text, f"not valid TOML: {error}".replace("at end of document", last))
    except (FactsError, RecursionError) as error:
        return _refused(order, text, str(error))
    return Parsed(title=order.name, text=text, meta={"facts": str(len(facts))}, facts=facts)


def _refused(order: ParseDocument, text: str, reason: str) -> Parsed:
    meta: Plain = {"unreadable": "malformed"}
    return Parsed(title=order.name, text=text, meta=meta, unreadable=f"{order.name}: {reason}")


def _facts(text: str) -> tuple[ParsedFact, ...]:
    found: dict[tuple[str, str], ParsedFact] = {}
    for kind, tables in tomllib.loads(text).items():
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            line = _line(text, rf"^\s*\[?{re.escape(kind)}\b", 0)
            raise FactsError(f"line {line}: {kind!r} must be written as a table [[{kind}]]")
        if not _KIND.fullmatch(kind):
            raise FactsError(f"line {_table_line(text, kind, 0)}: a kind is lower-case letters, digits, - and _")
        for index, table in enumerate(tables):
            fact = _fact(kind, table, _table_line(text, kind, index))
            if (kind, fact.key) in found:
                raise FactsError(f"line {_table_line(text, kind, index)}: {kind} {fact.key!r} stands here twice")
            found[kind, fact.key] = fact
    return tuple(found.values())


def _fact(kind: str, table: dict[str, object], line: int) -> ParsedFact:
    key = table.get("key")
    if not isinstance(key, str) or not key.strip():
        raise FactsError(f'line {line}: [[{kind}]] needs a text `key`, such as key = "northwind"')
    if len(key) > KEY_CHARS_MAX:
        raise FactsError(f"line {line}: the key is longer than {KEY_CHARS_MAX} characters")
    value = {name: _plain(item) for name, item in table.items() if name != "key"}
    return ParsedFact(fact_kind=kind, key=key, value=value)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value


def _table_line(text: str, kind: str, index: int) -> int:
    return _line(text, rf"^\s*\[\[\s*['\"]?{re.escape(kind)}['\"]?\s*\]\]", index)


def _line(text: str, pattern: str, index: int) -> int:
    """Line (from 1) of match number `index`; 1 when the text is written in another way."""
    matches = list(re.finditer(pattern, text, re.MULTILINE))
    if index >= len(matches):
        return 1
    blank = len(matches[index][0]) - len(matches[index][0].lstrip())
    return text.count("\n", 0, matches[index].start() + blank) + 1
