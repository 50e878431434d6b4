"""Built-in guards: what no rule, grant or level of autonomy can loosen. Numbers as in docs/policies.md.

    R0  it cannot happen now: no connector offers it, its contract or a budget is broken; while stopped it asks
    R1  something secret is in it                                             deny
    R2  text from outside may have named where it goes                        ask; to pay, delete or run: typed
    R3  text from outside shaped something that leaves the house              ask
    R4  it is more secret than where it goes may receive                      ask once per sink and class
    R5  money, deletion, secrets, running code, steering, many at once, past mending     ask, always, alone
    R6  a rule, preference or procedure for memory that is not the operator's     ask: it stays a proposal until then
    R7  its run has read private things and things from outside, and wants to leave the house     ask
    R8  a standing permission fits and nothing above spoke                    allow, count (grants.py)
    R9  it stays inside and can be taken back                                 allow, unless a rule of yours says otherwise

Every guard is asked; the strictest word stands. More taint or secrecy can only make a word stricter.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from quarterdeck_protocol.labels import SENSITIVITY_ORDER, Sensitivity

from .entities import Plain, Risk
from .verbs import VERBS, Touch, VerbRule
from .vocabulary import Question

Word = Literal["allow", "ask", "deny"]
STRICTNESS: dict[str, int] = {"allow": 0, "ask": 1, "deny": 2}
RISK_ORDER: dict[str, int] = {"low": 0, "medium": 1, "high": 2}
BULK_TARGETS = 5  # More than these is a mailing, not a letter.
NAMED_MAX = 5  # Targets or sources that one reason names.
STRINGS_MAX = 2_000  # Of the arguments, looked through for secrets; more of them is suspicious by itself.
QUARANTINED: frozenset[str] = frozenset(("rule", "preference", "procedure"))
TYPED: frozenset[Touch] = frozenset(("money", "deletion", "execution"))
STEERING: frozenset[str] = frozenset(
    ("quarterdeck.toml", "policies", "playbooks", "agents", "templates", "facts", "kinds", "tests", "schedules")
)
TOUCHING: dict[Touch, str] = {
    "money": "It spends money.",
    "secrets": "It handles secrets.",
    "deletion": "It deletes.",
    "execution": "It runs code.",
    "steering": "It changes what steers Quarterdeck itself.",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one guard says. An `allow` is no permission: it only says that the guard has nothing against it."""

    number: str
    word: Word
    reason: str
    risk: Risk = "low"
    typed: bool = False
    alone: bool = False
    sink: str = ""


class Sink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"pattern": "match"}):
    """The operator's word on what some places may receive: actions that fit `match`, to targets that fit `to`."""

    pattern: str
    receives: Literal["public", "private"]
    to: str = "*"


def findings(asked: Question, sinks: tuple[Sink, ...] = ()) -> list[Finding]:
    """Everything the guards have against it, strictest first, then by number."""
    verb = VERBS.get(asked.name)
    if verb is None:
        return [Finding(number="R0", word="deny", risk="high", reason=f"No connector offers {asked.name}.")]
    found = [one for guard in GUARDS for one in guard(asked, verb)]
    found += _r4(asked, verb, sinks)
    found.sort(key=lambda one: (-STRICTNESS[one.word], one.number))
    return found


def touches_of(asked: Question, verb: VerbRule) -> list[Touch]:
    """What it touches that no standing permission covers."""
    found: list[Touch] = list(verb.touches)
    if verb.spends and "money" not in found:
        found.append("money")
    if not verb.outward and "steering" not in found and any(_steers(target) for target in asked.targets):
        found.append("steering")
    return found


def past_mending(verb: VerbRule) -> bool:
    """Whether nothing takes it back and nothing makes it good."""
    return not (verb.reversible or verb.compensation or verb.mended_by)


def widens(name: str) -> bool:
    """Whether a grant or a level of autonomy may ever allow this kind of action."""
    verb = VERBS.get(name)
    return verb is not None and not verb.touches and not verb.spends and not past_mending(verb)


# --- one by one -----------------------------------------------------------------------------------

Findings = Sequence[Finding]
NOTHING: Findings = ()


def _r0(asked: Question, verb: VerbRule) -> Findings:
    if not asked.obstacles and not asked.stopped:
        return NOTHING
    found = [Finding(number="R0", word="deny", risk="high", reason=obstacle) for obstacle in asked.obstacles]
    if asked.stopped and verb.outward:
        reason = f"Everything is stopped ({asked.stopped}); what is proposed meanwhile asks."
        found.append(Finding(number="R0", word="ask", reason=reason))
    return found


def _r1(asked: Question, verb: VerbRule) -> Findings:
    if asked.labels.sensitivity == "secret":
        return (Finding(number="R1", word="deny", risk="high", reason="It carries something secret."),)
    seen = secret_in(asked.args)
    if seen is None:
        return NOTHING
    return (Finding(number="R1", word="deny", risk="high", reason=f"It looks as if it carried {seen}."),)


def _r2(asked: Question, verb: VerbRule) -> Findings:
    if asked.labels.integrity != "external":
        return NOTHING
    named = asked.strangers if verb.outward else list(asked.targets)
    if not named:
        return NOTHING
    typed = bool(TYPED.intersection(touches_of(asked, verb)))
    reason = f"Text from outside named the target {', '.join(named[:NAMED_MAX])}."
    risk: Risk = "high" if typed else "medium"
    return (Finding(number="R2", word="ask", risk=risk, reason=reason, typed=typed, alone=True),)


def _r3(asked: Question, verb: VerbRule) -> Findings:
    if asked.labels.integrity != "external" or not verb.outward:
        return NOTHING
    sources = ", ".join(asked.labels.sources[:NAMED_MAX])
    reason = "Text from outside shaped what would leave the house" + (f": {sources}." if sources else ".")
    return (Finding(number="R3", word="ask", reason=reason),)


def _r4(asked: Question, verb: VerbRule, sinks: tuple[Sink, ...]) -> Findings:
    if not verb.outward:
        return NOTHING
    held = asked.labels.sensitivity
    return [
        Finding(number="R4", word="ask", sink=sink,
                reason=f"{sink} may receive what is {receives}, and this is {held}. Your yes holds from then on.")
        for sink, receives in _sinks(asked, verb, sinks)
        if SENSITIVITY_ORDER[held] > SENSITIVITY_ORDER[receives] and f"{sink}:{held}" not in asked.consents
    ]  # fmt: skip


def _r5(asked: Question, verb: VerbRule) -> Findings:
    external = asked.labels.integrity == "external"
    found = [
        Finding(
            number="R5",
            word="ask",
            risk="high",
            reason=TOUCHING[touch],
            typed=touch in TYPED and external,
            alone=True,
        )
        for touch in touches_of(asked, verb)
    ]
    if past_mending(verb):
        reason = "Nothing takes it back, and nothing makes it good."
        found.append(Finding(number="R5", word="ask", risk="high", reason=reason, alone=True))
    if len(asked.targets) > BULK_TARGETS:
        reason = f"It goes to {len(asked.targets)} targets at once."
        found.append(Finding(number="R5", word="ask", risk="high", reason=reason, alone=True))
    return found


def _r6(asked: Question, verb: VerbRule) -> Findings:
    kind = asked.args.get("kind")
    if asked.connector != "memory" or kind not in QUARANTINED or asked.labels.integrity == "operator":
        return NOTHING
    return (
        Finding(
            number="R6", word="ask", reason=f"A {kind} is yours to give; this one was not written by you.", alone=True
        ),
    )


def _r7(asked: Question, verb: VerbRule) -> Findings:
    read = asked.read
    external = "external" in (read.integrity, asked.labels.integrity)
    private = read.sensitivity != "public" or asked.labels.sensitivity != "public"
    if not verb.outward or not external or not private:
        return NOTHING
    reason = "Its run has read private things and text from outside, and wants to leave the house."
    return (Finding(number="R7", word="ask", reason=reason),)


GUARDS: tuple[Callable[[Question, VerbRule], Findings], ...] = (_r0, _r1, _r2, _r3, _r5, _r6, _r7)


# --- sinks ----------------------------------------------------------------------------------------


def _sinks(asked: Question, verb: VerbRule, sinks: tuple[Sink, ...]) -> Iterator[tuple[str, Sensitivity]]:
    """Where it goes, and what may go there: what the verb says, and every description of the operator's that fits."""
    yield asked.name, verb.receives
    for sink in sinks:
        if fits(sink.pattern, asked.name) and any(fits(sink.to, target) for target in asked.targets):
            yield f"{asked.name} to {sink.to}", sink.receives


@functools.lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join("[^@,;<>()\\s]*" if char == "*" else re.escape(char) for char in text.lower()))


def fits(pattern: str, text: str) -> bool:
    """Whether a name or a target fits a pattern as a whole. `*` stands for a run of characters of one address or path.

    It never reaches over an @, a comma or a space, so no list of addresses and no display name fits `*@known.test`.
    """
    return _pattern(pattern).fullmatch(text.lower()) is not None


def _steers(path: str) -> bool:
    """Whether a path may lead to what steers the house. Spelled strangely, it may."""
    parts = [
        part for part in unicodedata.normalize("NFKC", path).casefold().replace("\\", "/").split("/") if part != "."
    ]
    parts = [part.rstrip(". ") if part != ".." else part for part in parts if part]
    strange = path.startswith(("/", "~")) or "\\" in path or ".." in parts or not parts
    return strange or parts[0] in STEERING or any(part.startswith(".") or not part for part in parts)


# --- secrets --------------------------------------------------------------------------------------

_SECRET = re.compile(
    r"(?P<key>-----BEGIN [A-Z ]*PRIVATE KEY-----)"
    r"|(?P<aws>\bAKIA[0-9A-Z]{16}\b)"
    r"|(?P<github>\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40}))"
    r"|(?P<slack>\bxox[abprs]-[A-Za-z0-9-]{10})"
    r"|(?P<stripe>\b[rs]k_live_[A-Za-z0-9]{16})"
    r"|(?P<api>\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32})"
    r"|(?P<age>\bAGE-SECRET-KEY-1[0-9A-Z]{20})"
)
_MARKS = (
    "_",
    "AKIA",
    "xox",
    "sk-",
    "-----BEGIN",
    "AGE-SECRET-KEY-1",
)  # One of them is in all that the pattern finds.
_FINER = (
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "_live_",
    *_MARKS[1:],
)  # Looking is much faster than matching.
_CALLED = {
    "key": "a private key", "aws": "an access key", "github": "a token of GitHub", "slack": "a token of Slack",
    "stripe": "a live key of Stripe", "api": "an API key", "age": "an age key",
}  # fmt: skip


def secret_in(args: Plain) -> str | None:
    """What kind of secret the arguments seem to hold, by its shape; None when none is seen."""
    text = "\n".join(_strings(args))
    if not any(mark in text for mark in _MARKS) or not any(mark in text for mark in _FINER):
        return None
    match = _SECRET.search(text)
    return _CALLED[match.lastgroup or "key"] if match is not None else None


def _strings(value: object) -> list[str]:
    """Every string in a plain value, keys as well."""
    found: list[str] = []
    left = [value]
    while left and len(found) < STRINGS_MAX:
        one = left.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            left += one
            left += one.values()
        elif isinstance(one, list | tuple):
            left += one
    return found
