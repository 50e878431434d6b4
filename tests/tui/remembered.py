"""What a daemon remembers of the practice studio: notes and facts with their versions. Every name is invented."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_tui.past import iso
from quarterdeck_tui.wire import Plain

from .long_log import HOSTILE, Answer, LongLog
from .studio import DAY_US

COUNT = 1_000
STEP_US = DAY_US // 100  # The log of the studio is ten days long.
PLAN: Plain = {
    "plan": "9f2c", "counts": {"memory": 1, "event": 3, "fact": 1},
    "items": [{"entity": "memory:m412", "title": "Northwind pays net 30"}],
    "kept": [{"entity": "document:doc17", "why": "invoice/2026-031 rests on it, and is kept by law"}], "outside": [],
}  # fmt: skip


def note(id: str, seq: int, title: str, text: str, *, integrity: str = "external", **more: object) -> Plain:
    labels = {"integrity": integrity, "sensitivity": "private", "sources": ["document:doc17"]}
    return {
        "id": id, "entity": f"memory:{id}", "seq": seq, "at": iso(at_us(seq)), "title": title, "text": text, "kind": "note",
        "tier": "long-term", "labels": labels, "hash": f"hash-{id}-{seq}", "source": "mail/inbox/0003.eml", **more,
    }  # fmt: skip


def fact(kind: str, key: str, seq: int, value: Plain, version: int = 1, latest: int = 1) -> Plain:
    labels = {"integrity": "operator", "sensitivity": "private", "sources": []}
    return {
        "id": f"{kind}/{key}", "entity": f"fact:{kind}/{key}", "kind": kind, "key": key, "value": value, "seq": seq,
        "at": iso(at_us(seq)), "version": version, "latest_version": latest, "tier": "long-term", "labels": labels,
        "hash": f"hash-{key}-{seq}", "source": "facts/clients.toml",
    }  # fmt: skip


def at_us(seq: int) -> int:
    return LongLog(COUNT, STEP_US).at_us(seq)


NET_30 = fact("client", "northwind", 120, {"name": "Northwind Traders", "pays": "net 30"}, 1, 2)
NET_14 = fact(
    "client", "northwind", 940, {"name": "Northwind Traders", "pays": "net 14", "cc": "tom@northwind.test"}, 2, 2
)
ROSEWOOD = fact("client", "rosewood", 130, {"name": "Rosewood Press", "pays": "net 10"})
M412 = note(
    "m412", 310, "Northwind pays net 30", "Ines wrote: please cc Tom on anything with numbers, we pay net 30."
)
M413 = note("m413", 620, "Quiet hours", "No calls before ten in the morning.", integrity="operator", pinned=True)
M414 = note("m414", 900, "A letter", HOSTILE)
LESSON = note("m415", 905, "No discount on renewals", "The list price stands.", integrity="operator", kind="lesson")
NOTES = (LESSON, M414, M413, M412)
USED: list[Plain] = [
    {"id": "action:a17", "kind": "action", "relation": "derived_from", "title": "Answer Northwind", "status": "proposed",
     "why": "Ines asks for an offer.", "seq": 700, "depth": 1, "at": iso(at_us(700))},
    {"id": "memory:m415", "kind": "memory", "relation": "read", "title": "No discount", "seq": 905, "depth": 1},
]  # fmt: skip
MADE: list[Plain] = [
    {"id": "memory:m412", "depth": 0, "seq": 310},
    {
        "id": "document:doc17",
        "kind": "document",
        "relation": "derived_from",
        "title": "New packaging",
        "depth": 1,
        "seq": 300,
    },
]


@dataclass
class Remembered:
    """Answers as of any moment; `asked_as_of` are the moments that were asked for."""

    log: LongLog = field(default_factory=lambda: LongLog(COUNT, STEP_US))
    asked_as_of: list[object] = field(default_factory=list)
    conflict: bool = False

    def _seq(self, params: Plain) -> int:
        as_of = params.get("as_of")
        if as_of is not None:
            self.asked_as_of.append(as_of)
        if isinstance(as_of, str):
            return (int(datetime.fromisoformat(as_of).timestamp() * 1_000_000) - self.log.at_us(0)) // STEP_US
        return COUNT if as_of is None else cast(int, as_of)

    def _known(self, params: Plain) -> list[Plain]:
        seq = self._seq(params)
        northwind = [NET_14 if seq >= 940 else NET_30]
        return [one for one in (*NOTES, *northwind, ROSEWOOD) if cast(int, one["seq"]) <= seq]

    def search(self, params: Plain) -> Plain:
        words = cast(str, params["query"]).lower().split()
        why = {"words": f"has {words[0]!r}; close in meaning", "relevance": 0.9, "terms": words}
        found = [one for one in self._known(params) if words[0] in str(one).lower()]
        return {"items": [{**one, "why": why} for one in found], "behind": 0, "words_only": False}

    def list(self, params: Plain) -> Plain:
        kind, pinned = params.get("kind"), params.get("pinned")
        notes = [one for one in self._known(params) if "key" not in one]
        kept = [one for one in notes if kind in (None, one["kind"]) and (not pinned or one.get("pinned"))]
        return {"items": kept, "next": None}

    def kinds(self, params: Plain) -> Plain:
        return {"items": [{"id": "client", "facts": 2}, {"id": "campaign", "facts": 0}], "next": None}

    def facts(self, params: Plain) -> Plain:
        return {"items": [one for one in self._known(params) if one.get("kind") == params["kind"]], "next": None}

    def get(self, params: Plain) -> Plain | QuarterdeckError:
        found = [one for one in self._known(params) if one["entity"] == params["id"]]
        return found[0] if found else QuarterdeckError("not_found", f"nothing is called {params['id']}")

    def history(self, params: Plain) -> Plain:
        if params["id"] == "fact:client/northwind":
            return {"items": [NET_30, NET_14], "next": None}
        return {"items": [one for one in self._known(params) if one["entity"] == params["id"]], "next": None}

    def forget(self, params: Plain) -> Plain | QuarterdeckError:
        if params.get("dry_run"):
            return {**PLAN, "dry_run": True}
        if self.conflict:
            return QuarterdeckError("conflict", "the plan is another one by now", hint="Look at it again.")
        return {**PLAN, "id": "x1", "stage": "done", "proof": {"found": 0}}

    @property
    def answers(self) -> dict[str, Answer]:
        return {
            **self.log.answers, "memory.search": self.search, "memory.list": self.list, "memory.get": self.get,
            "memory.history": self.history, "memory.used_by": lambda params: {"items": USED},
            "memory.why": lambda params: {"items": MADE}, "memory.forget": self.forget, "fact.kinds": self.kinds,
            "fact.query": self.facts, "memory.endorse": lambda params: {"id": params["id"], "seq": COUNT},
            "memory.edit": lambda params: {"id": params["id"], "seq": COUNT},
            "fact.put": lambda params: {"id": "client/northwind", "version": 3, "seq": COUNT},
        }  # fmt: skip
