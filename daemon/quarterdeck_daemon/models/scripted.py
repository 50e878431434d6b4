"""A model that says what its script says: for tests, and for the practice company where no model is at hand.

A script is a YAML file. The first rule whose purpose and pattern fit the request answers it; no rule, no answer.

    pace: 0                        # tokens a second; 0: at once
    answers:
      - purpose: classify          # left out: any
        match: "invoice (\\d+)"     # regular expression, looked for in the prompt; left out: any
        choice: invoice            # of a request with choices; left out: the one that shares most words with the prompt
      - purpose: extract
        value: {number: "{1}"}     # of a request with a schema, {1} is the first group; left out: the least valid value
      - text: "Dear {1}, thank you."
      - fail: transient            # or permanent, crash, timeout …: for the failing kind of day

Promises the same request gets the same answer, token by token; a value is valid under its schema, or refused as a
         breach of contract, as with any other model.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

from ..core.orders import FailureClass, ModelReply, ModelRequest
from ..core.tokens import PIECE
from .api import Cancelled, ModelFailure, Sink
from .asked import check_request, check_room, validator_of
from .least_value import least_value

SCRIPT_BYTES_MAX = 4 << 20
RULES_MAX = 10_000
PATTERN_CHARS_MAX = 1_000
_GROUP = re.compile(r"\{(\d)\}")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    purpose: str = ""
    match: str = ""
    text: str | None = None
    value: object = msgspec.UNSET
    choice: str = ""
    fail: FailureClass | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answers: tuple[Rule, ...]
    pace: float = 0.0


class ScriptedBackend:
    """`Backend` over a script."""

    remote = False
    at_once = 1

    def __init__(self, path: Path, name: str, *, context_tokens: int = 2_048) -> None:
        """Raises ModelFailure `permanent`: bad_model, when the script cannot be read."""
        self._script, hash = read_script(path)
        self._rules = [(rule, re.compile(rule.match, re.IGNORECASE)) for rule in self._script.answers]
        self._id = f"{name}-{hash[:12]}"
        self._context_tokens = context_tokens
        self._before: list[str] = []

    @property
    def id(self) -> str:
        return self._id

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def answer(self, request: ModelRequest, sink: Sink, cancelled: Cancelled) -> ModelReply:
        began = time.perf_counter()
        check_request(request)
        wrong = validator_of(request.schema) if request.schema else None
        asked = [*_pieces(request.system), *_pieces(request.prompt)]
        check_room(len(asked), request.tokens_max, self._context_tokens)
        reused, self._before = _common(self._before, asked), asked
        rule, found = self._rule(request)
        if rule.fail is not None:
            raise ModelFailure(rule.fail, "scripted", "the script says so")
        base = ModelReply(model=self._id, tokens_in=len(asked), reused=reused)
        if request.choices:
            return msgspec.structs.replace(base, scores=_scores(rule, request), ms=_ms(began), first_ms=_ms(began))
        if wrong is None:
            text = _filled(rule.text, found)
            text = text if isinstance(text, str) else ""
            return self._say(base, _until(text, request.stop), request, sink, cancelled, began)
        value = least_value(request.schema) if rule.value is msgspec.UNSET else _filled(rule.value, found)
        if why := wrong(value):
            raise ModelFailure("contract", "bad_answer", f"the script's value breaks the schema: {why}")
        text = msgspec.json.encode(value).decode()
        made = self._say(base, text, request, sink, cancelled, began)
        if made.finish == "length":
            raise ModelFailure("contract", "bad_answer", f"its value needs more than {request.tokens_max} tokens")
        return made if made.finish == "cancelled" else msgspec.structs.replace(made, value=value)

    def _rule(self, request: ModelRequest) -> tuple[Rule, re.Match[str]]:
        for rule, pattern in self._rules:
            if rule.purpose in ("", request.purpose) and (found := pattern.search(request.prompt)) is not None:
                return rule, found
        raise ModelFailure("permanent", "not_scripted", f"the script has no answer to this ({request.purpose})")

    def _say(
        self, base: ModelReply, text: str, request: ModelRequest, sink: Sink, cancelled: Cancelled, began: float
    ) -> ModelReply:
        said: list[str] = []
        finish, first = "stop", 0.0
        for piece in _pieces(text):
            if cancelled():
                finish = "cancelled"
                break
            if len(said) == request.tokens_max:
                finish = "length"
                break
            if self._script.pace:
                time.sleep(1 / self._script.pace)
            said.append(piece)
            first = first or _ms(began)
            sink(piece)
        return msgspec.structs.replace(
            base, text="".join(said), tokens_out=len(said), finish=finish, first_ms=first, ms=_ms(began)
        )

    def close(self) -> None:
        self._before = []


def read_script(path: Path) -> tuple[Script, str]:
    """Return the script and the SHA-256 of its bytes. Raises ModelFailure `permanent`: bad_model."""
    try:
        with path.open("rb") as file:
            data = file.read(SCRIPT_BYTES_MAX + 1)
        if len(data) > SCRIPT_BYTES_MAX:
            raise ValueError(f"it is larger than {SCRIPT_BYTES_MAX:,} bytes")
        script = msgspec.convert(yaml.safe_load(data), Script)
        if len(script.answers) > RULES_MAX or not 0 <= script.pace < math.inf:
            raise ValueError(f"it has more than {RULES_MAX:,} answers, or no pace")
        for rule in script.answers:
            if len(rule.match) > PATTERN_CHARS_MAX:
                raise ValueError(f"a pattern is longer than {PATTERN_CHARS_MAX} characters")
            re.compile(rule.match)
    except (OSError, ValueError, yaml.YAMLError, re.error, RecursionError) as error:
        why = " ".join(str(error).split())[:300]
        raise ModelFailure(
            "permanent", "bad_model", f"{path.name} is no script: {why}", "models/scripted.py tells how one looks."
        ) from error
    return script, hashlib.sha256(data).hexdigest()


def _scores(rule: Rule, request: ModelRequest) -> dict[str, float]:
    """Likelihoods by the words that a label shares with the prompt; nine tenths for the one that the rule names."""
    if rule.choice and rule.choice not in request.choices:
        raise ModelFailure("contract", "bad_answer", f"the script chooses {rule.choice!r}, which is no choice here")
    words = set(re.findall(r"\w+", request.prompt.lower()))
    weights = {one: 1.0 + len(words & set(re.findall(r"\w+", one.lower()))) for one in request.choices}
    if rule.choice:
        weights[rule.choice] = 9 * sum(weight for one, weight in weights.items() if one != rule.choice) or 1.0
    total = sum(weights.values())
    return {one: weights[one] / total for one in sorted(weights, key=lambda one: -weights[one])}


def _filled(value: object, found: re.Match[str]) -> object:
    """Put the groups of the match where {1} to {9} stand."""
    if isinstance(value, str):
        groups = found.groups()
        return _GROUP.sub(
            lambda at: (groups[int(at[1]) - 1] or "") if 0 < int(at[1]) <= len(groups) else at[0], value
        )
    if isinstance(value, list):
        return [_filled(one, found) for one in value]
    if isinstance(value, dict):
        return {name: _filled(one, found) for name, one in value.items()}
    return value


def _until(text: str, stops: tuple[str, ...]) -> str:
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]


def _pieces(text: str) -> list[str]:
    """The text in pieces of a token each; what stands before a piece belongs to it."""
    return list(_cut(text))


def _cut(text: str) -> Iterator[str]:
    begin = 0
    for found in PIECE.finditer(text):
        yield text[begin : found.end()]
        begin = found.end()
    if begin < len(text):
        yield text[begin:]


def _common(before: list[str], asked: list[str]) -> int:
    return next(
        (at for at, (a, b) in enumerate(zip(before, asked, strict=False)) if a != b), min(len(before), len(asked))
    )


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1_000
