"""Conditions and references in playbooks and policies: CEL, the Common Expression Language.

CEL always ends, has no side effects and is linear in its input, so operators may write it freely.
A name that is missing, a type that does not fit or a syntax error is `Unanswerable`; what that means
(skip, ask, fail) is for the caller to say, and is never "yes".

The binding's package imports a command line tool of half a second on import, so its compiled
module is loaded by itself.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import re
import sys
from types import ModuleType
from typing import cast

from .entities import Plain

EXPRESSION_CHARS_MAX = 2_000
REASON_CHARS_MAX = 500  # Why there is no answer goes into the log; the parser would draw kilobytes of it.
_WHOLE = re.compile(r"\A\$\{(.*)\}\Z", re.DOTALL)
# References such as `steps.extract.output`; words that CEL reserves are left to CEL.
_PATH = re.compile(
    r"\A(?!(?:true|false|null|in|as|if|for|let|var|void)\b)[a-z_][a-zA-Z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)*\Z"
)
_INNER = re.compile(r"\$\{([^}]*)\}")


class Unanswerable(ValueError):
    """The expression has no answer for these values; the message says which part."""


class Scope:
    """Values handed to CEL once, for many expressions: handing them over costs more than most answers do.

    A value that CEL cannot hold is left out, so that only what asks for it has no answer.
    """

    def __init__(self, values: Plain) -> None:
        try:
            self.context: object = _engine().Context(values)
        except (TypeError, ValueError, OverflowError, RecursionError):  # Found out value by value.
            self.context = _engine().Context({name: value for name, value in values.items() if _fits(value)})


def _fits(value: object) -> bool:
    try:
        _engine().Context({"value": value})
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True


class Program:
    """A compiled expression."""

    def __init__(self, text: str) -> None:
        if len(text) > EXPRESSION_CHARS_MAX:
            raise Unanswerable(f"an expression has at most {EXPRESSION_CHARS_MAX} characters, this one {len(text)}")
        self.text = text
        self._path = text.split(".") if _PATH.match(text) else None
        try:
            self._program = _engine().compile(text)
        except Exception as error:
            raise Unanswerable(_short(f"{text!r}: {error}")) from error

    def answer(self, values: Plain) -> object:
        """Evaluate over plain values. Raises Unanswerable for a missing name or a wrong type."""
        if self._path is not None:
            return self._walk(self._path, values)
        try:
            return cast(object, self._program.execute(values))
        except Exception as error:  # The binding raises whatever fits: ZeroDivisionError, IndexError, KeyError …
            raise Unanswerable(_short(f"{self.text!r}: {error}")) from error

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The names that it reads, without those that it gives itself in `all`, `exists`, `map` or `filter`."""
        return frozenset(cast(list[str], self._program.variables()))

    def answer_in(self, scope: Scope) -> object:
        """Evaluate over a scope. Raises Unanswerable as `answer` does."""
        try:
            return cast(object, self._program.execute(scope.context))
        except Exception as error:
            raise Unanswerable(_short(f"{self.text!r}: {error}")) from error

    def _walk(self, path: list[str], values: Plain) -> object:
        """Follow `a.b.c` through maps: what CEL does, without handing the whole state to it."""
        found: object = values
        for name in path:
            if not isinstance(found, dict) or name not in found:
                raise Unanswerable(_short(f"{self.text!r}: {name!r} is missing"))
            found = found[name]
        return found


@functools.lru_cache(maxsize=1024)
def program(text: str) -> Program:
    """Return the compiled expression; raises Unanswerable when it does not parse."""
    return Program(text)


def holds(text: str, values: Plain) -> bool:
    """Whether a condition is true. Only `true` is true; anything else that is no bool is Unanswerable."""
    answer = program(text).answer(values)
    if not isinstance(answer, bool):
        raise Unanswerable(f"{text!r} gives {type(answer).__name__}, a condition gives true or false")
    return answer


def resolve(template: object, values: Plain) -> object:
    """Fill `${…}` in a plain value: a whole string becomes the answer itself, inside a text its string form."""
    if isinstance(template, str):
        whole = _WHOLE.match(template)
        if whole and "${" not in whole.group(1):
            return program(whole.group(1).strip()).answer(values)
        return _INNER.sub(lambda found: _as_text(program(found.group(1).strip()).answer(values)), template)
    if isinstance(template, dict):
        return {key: resolve(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [resolve(value, values) for value in template]
    return template


def templates_in(text: str) -> list[str]:
    """The expressions that `resolve` would ask for in a text."""
    whole = _WHOLE.match(text)
    if whole and "${" not in whole.group(1):
        return [whole.group(1).strip()]
    return [found.strip() for found in _INNER.findall(text)]


def listed(text: str, values: Plain) -> list[object]:
    """The list that an expression gives. Raises Unanswerable for anything else."""
    templates = templates_in(text)
    answer = program(templates[0] if templates else text).answer(values)
    if not isinstance(answer, list):
        raise Unanswerable(f"{text!r} gives {type(answer).__name__}, a fan-out needs a list")
    return answer


def _short(reason: str) -> str:
    return reason if len(reason) <= REASON_CHARS_MAX else reason[: REASON_CHARS_MAX - 1] + "…"


def _as_text(value: object) -> str:
    return "" if value is None else str(value)


@functools.lru_cache(maxsize=1)
def _engine() -> ModuleType:
    found = importlib.util.find_spec("cel")
    if found is None or not found.submodule_search_locations:
        raise ImportError("the package common-expression-language is missing; install Quarterdeck again")
    name = "cel.cel"
    if name in sys.modules:
        return sys.modules[name]
    inner = importlib.machinery.PathFinder.find_spec(name, list(found.submodule_search_locations))
    if inner is None or inner.loader is None:
        raise ImportError("the package common-expression-language has no compiled module for this machine")
    module = importlib.util.module_from_spec(inner)
    inner.loader.exec_module(module)
    sys.modules[name] = module
    return module
