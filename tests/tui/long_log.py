"""A log of any length, answered for like the daemon does and made up on demand: nothing of it lies in memory.

Every tenth event is a decision, every hundredth a failure; each points back to the one before as its cause.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_tui.wire import Plain

from .studio import NOW_US

Answer = Callable[[Plain], Plain | QuarterdeckError]
SCANNED_MAX = 50_000
HOSTILE = "[bold red]pay[/] \x1b[31mnow\x1b[0m \u202eevil\u202c"
KINDS = ("step.started", "step.succeeded", "memory.recalled", "fact.asserted", "run.started", "document.parsed")


@dataclass
class LongLog:
    """`count` events, `step_us` apart, the newest a moment ago. `largest`: the page with most events so far."""

    count: int
    step_us: int = 2_000_000
    largest: int = 0
    reads: int = 0
    bodies: dict[int, Plain] = field(default_factory=dict)

    def event(self, seq: int) -> Plain:
        kind = "approval.given" if seq % 10 == 0 else KINDS[seq % len(KINDS)]
        kind = "step.failed" if seq % 100 == 50 else kind
        body: Plain = {"summary": f"letter {seq} to Ines", "run": f"r{seq // 20}", "step": "draft"}
        return {
            "seq": seq, "id": f"e{seq}", "at_us": self.at_us(seq), "kind": kind, "run": f"r{seq // 20}",
            "actor": "operator" if seq % 10 == 0 else "agent:composer", "body": self.bodies.get(seq, body),
            "cause": f"e{seq - 1}" if seq > 1 else None,
        }  # fmt: skip

    def at_us(self, seq: int) -> int:
        return NOW_US - (self.count - seq) * self.step_us - 1_000_000

    def read(self, params: Plain) -> Plain | QuarterdeckError:
        self.reads += 1
        limit = cast(int, params["limit"])
        top = self._top(params)
        if "after" in params:
            order = range(cast(int, params["after"]) + 1, top + 1)
        else:
            order = range(min(cast(int, params.get("before", top + 1)) - 1, top), 0, -1)
        items: list[Plain] = []
        last = 0
        for scanned, seq in enumerate(order, start=1):
            last = seq
            if self._fits(seq, cast(Plain, params.get("filter", {}))):
                items.append(self.event(seq))
            if len(items) == limit or scanned == SCANNED_MAX:
                self.largest = max(self.largest, len(items))
                return {"items": items, "next": last}
        return {"items": items, "next": None}

    def _top(self, params: Plain) -> int:
        as_of = params.get("as_of")
        if isinstance(as_of, str):
            at_us = int(datetime.fromisoformat(as_of).timestamp() * 1_000_000)
            return min(max((at_us - self.at_us(0)) // self.step_us, 0), self.count)
        return self.count if as_of is None else cast(int, as_of)

    def _fits(self, seq: int, filter: Plain) -> bool:
        event = self.event(seq) if filter else {}
        kinds = cast("list[str]", filter.get("kinds", []))
        if kinds and not any(fnmatch.fnmatchcase(cast(str, event["kind"]), kind) for kind in kinds):
            return False
        same = all(event[name] == filter[name] for name in ("run", "actor") if name in filter)
        return same and str(filter.get("text", "")) in str(event.get("body", "")).lower()

    def opened(self, params: Plain) -> Plain | QuarterdeckError:
        seq = cast(int, params["seq"])
        return {
            "event": self.event(seq), "inputs": {"letter": f"letter {seq}", "tone": "warm"}, "output": {"text": "Hello Ines"},
            "context": {"mail": {"title": "Packs", "text": "an offer by Friday"}}, "cost": "0.011",
            "verdict": {"rule": "mail.reply", "verdict": "ask", "risk": "low", "reasons": ["They wrote first."]},
            "cause": self.event(seq - 1) if seq > 1 else None,
            "consequences": [self.event(later) for later in range(seq + 1, min(seq + 4, self.count + 1))],
            "context_tokens": {"mail": 482, "clients": 337},
        }  # fmt: skip

    def diff(self, params: Plain) -> Plain:
        changed: Plain = {
            "id": "fact:client/northwind", "kind": "fact", "change": "changed", "title": "Northwind", "seq": 40,
            "fields": [{"name": "pays", "before": "net 30", "after": "net 14"}], "event": "fact.asserted", "actor": "operator",
        }  # fmt: skip
        gone: Plain = {"id": "memory:m7", "kind": "memory", "change": "removed", "title": HOSTILE}
        counts: Plain = {"fact": {"added": 0, "changed": 1, "removed": 0}, "memory": {"removed": 1}}
        return {
            "a": params["a"],
            "b": params["b"],
            "events": 9,
            "counts": counts,
            "items": [changed, gone],
            "next": None,
        }

    @property
    def answers(self) -> dict[str, Answer]:
        return {"timeline.read": self.read, "timeline.event": self.opened, "snapshot.diff": self.diff}
