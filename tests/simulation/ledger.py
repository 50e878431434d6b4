"""A second count of limits, budgets and permissions, from the events alone and by other code than the core's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

from quarterdeck_daemon.core.entities import Amounts, Cap, Limit, Plain
from quarterdeck_protocol.events import Event

KNOWN_US = 30 * 86_400_000_000  # How long an answer is known.
SPAN_US = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000, "ever": 1 << 62}


class Violation(AssertionError):
    """An invariant does not hold."""


def hold(condition: bool, claim: str) -> None:
    if not condition:
        raise Violation(claim)


class Permission(msgspec.Struct):
    uses_max: int
    expires_us: int
    used: int = 0
    ended: bool = False


class Held(msgspec.Struct):
    """An open reservation: what it counts in, and how many calls."""

    places: list[tuple[str, str, int]]
    scopes: list[str]  # In which it takes a place.
    calls: int


class Ledger:
    """Told every event once, in order. Raises Violation."""

    def __init__(self) -> None:
        self._rules: dict[str, Limit] = {}
        self._own: dict[str, tuple[Cap, ...]] = {}
        self._more: Counter[tuple[str, str, int]] = Counter()
        self._calls: Counter[tuple[str, str, int]] = Counter()
        self._in_use: Counter[str] = Counter()
        self._open: dict[str, Held] = {}
        self._parents: dict[str, str] = {}
        self._strict: set[str] = set()  # Runs whose budget was there before they did anything.
        self._begun: Counter[str] = Counter()
        self._modes: dict[tuple[str, str], str] = {}
        self._computed: dict[str, int] = {}  # Key of a question -> when its answer was computed.
        self._permissions: dict[str, Permission] = {}
        self._cooling: list[tuple[int, int]] = []

    def note(self, event: Event) -> None:
        noted = self._NOTES.get(event.kind)
        if noted is not None:
            noted(self, event)

    # --- what limits there are ---

    def _configured(self, event: Event) -> None:
        self._rules = {rule.of: rule for rule in msgspec.convert(event.body["rules"], tuple[Limit, ...])}

    def _settings(self, event: Event) -> None:
        self._cooling.append((event.seq, int(str(event.body["cooling_us"]))))

    def cooling_us(self, seq: int) -> int:
        """The shortest time to cool off that any setting before `seq` named."""
        return min((us for at, us in self._cooling if at < seq), default=0)

    def _set(self, event: Event) -> None:
        scope = str(event.body["scope"])
        run = scope.partition(":")[2]
        if scope in self._own or self._begun[run]:
            self._strict.discard(run)
        else:
            self._strict.add(run)
        self._own[scope] = msgspec.convert(event.body["caps"], tuple[Cap, ...])

    def _raised(self, event: Event) -> None:
        scope, per = str(event.body["scope"]), str(event.body["per"])
        more = msgspec.convert(event.body["more"], Amounts)
        self._more[scope, per, _span(per, event.at_us)] += more.calls

    def _rule(self, scope: str) -> Limit | None:
        kind = scope.partition(":")[0]
        return self._rules.get(scope) or self._rules.get(f"{kind}:*") or self._rules.get(kind)

    def _caps(self, scope: str) -> tuple[Cap, ...]:
        rule = self._rule(scope)
        return (*(rule.caps if rule else ()), *self._own.get(scope, ()))

    # --- what is taken out of them ---

    def _reserved(self, event: Event) -> None:
        scopes = event.body["scopes"]
        assert isinstance(scopes, dict), "limits, each with its spans"
        calls = msgspec.convert(event.body["amounts"], Amounts).calls
        places = [(scope, per, _span(per, event.at_us)) for scope, pers in scopes.items() for per in pers]
        work = str(event.body["work"])
        hold(work not in self._open, f"{work} is reserved for twice")
        taken = [
            scope for scope in scopes if scope not in msgspec.convert(event.body.get("inside", ()), tuple[str, ...])
        ]
        self._open[work] = Held(places, taken, calls)
        for place in places:
            self._calls[place] += calls
            for cap in self._caps(place[0]):
                most = cap.most.calls
                fits = cap.per != place[1] or not most or self._calls[place] <= most + self._more[place]
                hold(fits, f"{work} is beyond the budget of {place[0]}: {self._calls[place]} of {most} a {cap.per}")
        for scope in taken:
            self._in_use[scope] += 1
            rule = self._rule(scope)
            fits = rule is None or not rule.at_once or self._in_use[scope] <= rule.at_once
            hold(fits, f"{work} is one too many at once for {scope}")

    def _settled(self, event: Event) -> None:
        held = self._open.pop(str(event.body["work"]))
        used = msgspec.convert(event.body["used"], Amounts).calls
        for place in held.places:
            self._calls[place] += used - held.calls
        self._in_use.subtract(held.scopes)

    # --- what was really begun ---

    def _started(self, event: Event) -> None:
        if parent := str(event.body.get("parent", "") or ""):
            self._parents[event.run or ""] = parent

    def _dispatched(self, event: Event) -> None:
        """No more tries and effects of a run and those within it than its budget has calls, but for one."""
        run = event.run or ""
        while run:
            self._begun[run] += 1
            most = sum(cap.most.calls for cap in self._own.get(f"run:{run}", ()) if cap.per == "ever")
            if run in self._strict and most:
                allowed = most + self._more[f"run:{run}", "ever", 0] + 1
                hold(self._begun[run] <= allowed, f"run {run} began {self._begun[run]} of {most}, beyond its budget")
            run = self._parents.get(run, "")

    # --- models ---

    def _step_started(self, event: Event) -> None:
        self._modes[event.run or "", str(event.body["step"])] = str(event.body.get("mode", ""))
        self._dispatched(event)

    def _asked(self, event: Event) -> None:
        mode = self._modes.get((event.run or "", str(event.body.get("step"))), "")
        hold(mode != "deterministic", f"{event.body['call']} was asked in a deterministic step")

    def _computed_once(self, event: Event) -> None:
        key = str(event.body["key"])
        if event.body.get("number"):
            known = event.at_us - self._computed.get(key, -KNOWN_US) < KNOWN_US
            hold(not known, f"{event.body['call']} computed what was known")
            self._computed[key] = event.at_us

    # --- permissions ---

    def _given(self, event: Event) -> None:
        body = event.body
        hold(event.actor == "operator", f"{event.actor} gave a permission")
        self._permissions[str(body["id"])] = msgspec.convert(_part(body, "uses_max", "expires_us"), Permission)

    def _used(self, event: Event) -> None:
        id = str(event.body["id"])
        one = self._permissions[id]
        one.used += 1
        hold(not one.ended, f"permission {id} was used after its end")
        hold(one.used <= one.uses_max, f"permission {id} was used {one.used} times, more often than {one.uses_max}")
        hold(event.at_us < one.expires_us, f"permission {id} was used after its time")

    def _ended(self, event: Event) -> None:
        self._permissions[str(event.body["id"])].ended = True

    def permitted(self, id: str) -> bool:
        return id in self._permissions

    _NOTES: dict[str, Callable[[Ledger, Event], None]] = {
        "limits.configured": _configured,
        "workspace.configured": _settings,
        "budget.set": _set,
        "budget.raised": _raised,
        "budget.reserved": _reserved,
        "budget.settled": _settled,
        "run.started": _started,
        "step.started": _step_started,
        "model.asked": _asked,
        "model.answered": _computed_once,
        "effect.intended": _dispatched,
        "grant.given": _given,
        "grant.used": _used,
        "grant.ended": _ended,
    }


def _span(per: str, at_us: int) -> int:
    return at_us // SPAN_US[per]


def _part(body: Plain, *names: str) -> Plain:
    return {name: body[name] for name in names}
