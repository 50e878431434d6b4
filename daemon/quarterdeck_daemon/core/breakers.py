"""Circuit breakers: an agent, connector or model that keeps failing is given no work for a while.

    closed ── failures in the window reach the limit ──► open ── its time is over ──► half open: one try
      ▲                                                   ▲                              │
      └────────────── that try succeeds ──────────────────┼── it fails: twice as long ───┘

A success takes the oldest failure away, so that one that mostly works stays closed however much it does. The state is
in the log: a restart closes nothing. Who waits meanwhile stands in the lines of admission.py.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .alerts import raise_alert, settle_topic
from .commands import Command, ResetBreaker
from .durations import length_of
from .entities import Breaker, Plain, Work
from .limits import KINDS, limits_of
from .table import Draft
from .turn import Applier, Turn

OPEN_US_MAX = 3_600_000_000
DOUBLINGS_MAX = 16
COUNTS: frozenset[str] = frozenset(("transient", "crash", "timeout", "contract", "uncertain"))
RUNBOOK = "breaker-open"


def protects(scope: str) -> bool:
    return scope.partition(":")[0] in KINDS


def barred_until(breaker: Breaker | None, work: str, now_us: int) -> int | None:
    """When this work may ask again; None when it may go, be it as the one try of a breaker whose time is over."""
    if breaker is None or breaker.state == "closed" or breaker.probe == work:
        return None
    assert breaker.until_us is not None, "what is open ends sometime"
    return breaker.until_us if now_us < breaker.until_us else None


def let_through(turn: Turn, scope: str, work: Work) -> None:
    """If the breaker is not closed, this is its one try. It counts as lost when it takes longer than it may."""
    breaker = turn.draft.get(Breaker, scope) if protects(scope) else None
    if breaker is None or breaker.state == "closed" or breaker.probe == work.id:
        return
    until = turn.env.now_us + limits_of(turn.draft).breaker_open_us + work.amounts.ms * 1_000
    turn.emit("breaker.probed", {"id": scope, "work": work.id, "until_us": until})


def failed(turn: Turn, scope: str, work: str, failure: str) -> None:
    """Count a failure that speaks against the one who did the work, not against what it was given."""
    limits = limits_of(turn.draft)
    breaker = turn.draft.get(Breaker, scope) or Breaker(id=scope)
    if failure not in COUNTS:
        if failure == "stopped":
            lost(turn, scope, work)
        else:
            succeeded(turn, scope, work)  # It did answer: what it was given was at fault.
        return
    if breaker.state == "half_open" and breaker.probe == work:
        _open(turn, breaker, failure, breaker.opened + 1)
    elif breaker.state == "closed" and limits.breaker_failures:
        now = turn.env.now_us
        recent = [at for at in breaker.failures if at > now - limits.breaker_window_us] + [now]
        if len(recent) >= limits.breaker_failures:
            _open(turn, breaker, failure, 1)
        else:
            turn.emit("breaker.counted", {"id": scope, "failure": failure, "failures": recent})


def _open(turn: Turn, breaker: Breaker, failure: str, times: int) -> None:
    limits = limits_of(turn.draft)
    length = min(OPEN_US_MAX, limits.breaker_open_us * 2 ** min(times - 1, DOUBLINGS_MAX))
    body: Plain = {"id": breaker.id, "failure": failure, "until_us": turn.env.now_us + length, "opened": times}
    turn.emit("breaker.opened", body)
    kind, _, name = breaker.id.partition(":")
    raise_alert(
        turn,
        "warning",
        f"breaker/{breaker.id}",
        f"the {kind} {name} keeps failing ({failure}): it is given no work for {length_of(length)}, then one try",
        hint=f"quarterdeck breakers; when it is mended: quarterdeck breakers reset {breaker.id}",
        details={"breaker": breaker.id, "failure": failure},
        runbook=RUNBOOK,
    )


def succeeded(turn: Turn, scope: str, work: str) -> None:
    breaker = turn.draft.get(Breaker, scope) if protects(scope) else None
    if breaker is None:
        return
    if breaker.state == "half_open" and breaker.probe == work:
        _close(turn, scope, "a try succeeded")
    elif breaker.state == "closed" and breaker.failures:
        turn.emit("breaker.forgave", {"id": scope, "failures": list(breaker.failures[1:])})


def lost(turn: Turn, scope: str, work: str) -> None:
    """The one try was taken back before it could show anything: the next may try at once."""
    breaker = turn.draft.get(Breaker, scope) if protects(scope) else None
    if breaker is not None and breaker.state == "half_open" and breaker.probe == work:
        body: Plain = {"failure": breaker.failure, "until_us": turn.env.now_us, "opened": breaker.opened}
        turn.emit("breaker.opened", {"id": scope, **body})


def _close(turn: Turn, scope: str, reason: str) -> None:
    turn.emit("breaker.closed", {"id": scope, "reason": reason})
    settle_topic(turn, f"breaker/{scope}", reason)


def reset(turn: Turn, command: ResetBreaker) -> Plain:
    breaker = turn.draft.get(Breaker, command.id)
    if breaker is None:
        raise QuarterdeckError(
            "not_found", f"there is no breaker {command.id!r}", hint="List them: quarterdeck breakers"
        )
    if breaker.state != "closed" or breaker.failures:
        _close(turn, command.id, command.reason or "closed by hand")
    return {"id": command.id, "state": "closed"}


# --- events ---------------------------------------------------------------------------------------


def _changed(draft: Draft, event: Event, **fields: object) -> None:
    id = str(event.body["id"])
    breaker = draft.get(Breaker, id) or Breaker(id=id)
    draft.put(msgspec.structs.replace(breaker, seq=event.seq, **fields))


def _counted(draft: Draft, event: Event) -> None:
    failures = msgspec.convert(event.body["failures"], tuple[int, ...])
    _changed(draft, event, failures=failures, failure=str(event.body.get("failure", "")))


def _opened(draft: Draft, event: Event) -> None:
    body = event.body
    _changed(
        draft, event, state="open", failures=(), probe="", until_us=body["until_us"], opened=body["opened"],
        since_us=event.at_us, failure=body["failure"],
    )  # fmt: skip


def _probed(draft: Draft, event: Event) -> None:
    _changed(draft, event, state="half_open", probe=event.body["work"], until_us=event.body["until_us"])


def _closed(draft: Draft, event: Event) -> None:
    _changed(draft, event, state="closed", failures=(), probe="", until_us=None, opened=0, since_us=event.at_us)


DECIDE: dict[type[Command], Callable[..., Plain]] = {ResetBreaker: reset}
APPLY: dict[str, Applier] = {
    "breaker.counted": _counted,
    "breaker.forgave": _counted,
    "breaker.opened": _opened,
    "breaker.probed": _probed,
    "breaker.closed": _closed,
}
