"""The operator's rules as they are written: files of TOML with conditions in CEL. rulebook.py asks them."""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
from collections.abc import Sequence

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .durations import duration_us
from .entities import Risk
from .expressions import Unanswerable, program
from .guards import Sink, Word
from .vocabulary import TERMS

RULES_MAX = 1_000
SINKS_MAX = 200


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"pattern": "match"}):
    """firm: its *ask* is one whatever permission or autonomy was given.  cool: how long it waits after a yes."""

    id: str
    pattern: str
    verdict: Word
    when: str = ""
    risk: Risk = "medium"
    hold: str = ""
    reason: str = ""
    firm: bool = False
    cool: str = ""


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...] = ()
    sink: tuple[Sink, ...] = ()
    description: str = ""


Files = Sequence[tuple[str, PolicyFile]]


@functools.lru_cache(maxsize=64)
def parse_policy(text: str) -> PolicyFile:
    """Return the rules of one file. Raises QuarterdeckError `schema` with place and reason."""
    try:
        policy = msgspec.convert(tomllib.loads(text), PolicyFile)
        for rule in policy.rule:
            if rule.hold:
                duration_us(rule.hold)
            if rule.cool:
                duration_us(rule.cool)
            if rule.when:
                program(rule.when)
    except (
        tomllib.TOMLDecodeError,
        msgspec.ValidationError,
        QuarterdeckError,
        Unanswerable,
        RecursionError,
    ) as error:
        raise QuarterdeckError("schema", str(error), hint="See docs/policies.md for what a policy holds.") from error
    if len(policy.rule) > RULES_MAX or len(policy.sink) > SINKS_MAX:
        raise QuarterdeckError("schema", f"a policy file has at most {RULES_MAX} rules and {SINKS_MAX} sinks")
    return policy


def slips_in(rule: Rule) -> list[str]:
    """Names in its condition that no term has: it will always ask. Each with the nearest term."""
    if not rule.when:
        return []
    known = program(rule.when).names - own_names(rule.when)
    return [_slip(name) for name in sorted(known - TERMS.keys())]


def _slip(name: str) -> str:
    near = difflib.get_close_matches(name, TERMS, n=1)
    return f"there is no term {name!r}" + (f"; did you mean {near[0]}?" if near else "")


def own_names(when: str) -> set[str]:
    """Names that the condition gives itself: the first argument of all, exists, map and filter."""
    return set(re.findall(r"\.(?:all|exists|exists_one|map|filter)\(\s*([a-z_][a-zA-Z0-9_]*)\s*,", when))


def unreadable(where: str, reason: str) -> PolicyFile:
    """What stands for a file that cannot be read: everything asks, unless a rule that can be read denies."""
    rule = Rule(id="unreadable", pattern="*", verdict="ask", when="unreadable", firm=True, reason=reason)
    return PolicyFile(rule=(rule,), description=where)
