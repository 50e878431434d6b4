"""The typed word that a risky yes costs: the amount, the recipient's name, or how many get it.

It must be read off what is about to happen; a key pressed in passing types nothing. And only so many risky ones are
approved in a minute, whatever is typed.
"""

from __future__ import annotations

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import Action, Plain
from .vocabulary import amount_of, domain_of

MINUTE_US = 60_000_000


def confirmations(connector: str, verb: str, args: Plain, targets: tuple[str, ...]) -> tuple[str, ...]:
    """What may be typed for it, the usual word first: `312.50`, `x.test`, `14`. Cases and blanks do not count."""
    found = amount_of(f"{connector}.{verb}", args)
    if found is not None:
        money = f"{found[0] // 100}.{found[0] % 100:02}"
        return (money, f"{money} {found[1]}", f"{found[1]} {money}", str(found[0]))
    if len(targets) > 1:
        return (str(len(targets)), *targets)
    return _names(targets) or (verb,)


def _names(targets: tuple[str, ...]) -> tuple[str, ...]:
    """One target: where it goes, the whole of it, or who gets it."""
    if not targets:
        return ()
    target = targets[0]
    local = target.partition("@")[0] if "@" in target else ""
    return tuple(dict.fromkeys(name for name in (domain_of(target), target, local) if name))


def _said(word: str) -> str:
    return " ".join(word.split()).casefold()


def needs_word(action: Action) -> bool:
    """Whether a yes to it must be typed."""
    return action.verdict.risk == "high" or action.verdict.typed


def word_for(action: Action) -> str:
    """What is typed for a yes to the action as it stands, "" for nothing."""
    return confirmations(action.connector, action.verb, action.args, action.targets)[0] if needs_word(action) else ""


def check_word(action: Action, args: Plain, targets: tuple[str, ...], typed: str | None) -> None:
    """Raise `needs_approval` unless the right word was typed. None: nothing is typed where this was decided."""
    if typed is None or not needs_word(action):
        return
    words = confirmations(action.connector, action.verb, args, targets)
    if _said(typed) in map(_said, words):
        return
    said = f"{typed!r} is not it" if typed else "a yes to it must be typed"
    raise QuarterdeckError(
        "needs_approval",
        f"{action.id} is a high risk: {said}",
        hint=f"Send it as `confirm`: {words[0]}",
        details={"confirm": words[0]},
    )


def check_pace(high_us: tuple[int, ...], now_us: int, *, per_minute: int) -> None:
    """Raise `busy` when so many risky ones were approved within a minute that nobody can have read them."""
    lately = [one for one in high_us if one > now_us - MINUTE_US]
    if per_minute and len(lately) >= per_minute:
        wait_s = -(-(lately[0] + MINUTE_US - now_us) // 1_000_000)
        raise QuarterdeckError(
            "busy",
            f"{len(lately)} high risks were approved within a minute, and no more than {per_minute} are",
            hint=f"Read the next one; it can be approved in {wait_s} s.",
        )
