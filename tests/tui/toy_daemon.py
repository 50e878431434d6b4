"""A daemon for tests: the real protocol over ipc, a dictionary for a mind. Started and killed as a process.

What was decided is kept in `toy.json` of the workspace, so that a killed one comes back with it.
`toy.*` methods let a test add, change and look at items.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import zmq

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile, daemon_file, write_connection
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.frames import Request, error_frames, event_frames, ok_frames, parse_request

Plain = dict[str, object]
TOKEN = "toy"
HOLD_US = 8_000_000
POLL_MS = 100
DECIDED = {"approve": "given", "reject": "rejected", "snooze": "snoozed"}


def iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat()


def item(number: int, *, risk: str = "low", at_us: int = 0) -> Plain:
    """One entry of approval.list."""
    return {
        "id": f"a{number}",
        "shown_hash": f"hash-{number}",
        "action": {
            "connector": "mail",
            "verb": "send",
            "args": {"to": ["ines@northwind.test"], "subject": "Re: packs", "body": f"Hello number {number}"},
            "targets": ["ines@northwind.test"],
        },
        "summary": f"Answer letter {number}",
        "risk": risk,
        "agent": "composer",
        "why": "They wrote first.",
        "evidence": [{"claim": "asked for an offer", "source": "m1", "quote": "an offer by Friday"}],
        "confidence": 0.9,
        "policy": {"rule": "mail.reply", "where": "policies/mail.toml", "hold_ms": HOLD_US // 1000, "reasons": []},
        "undo": "a correction mail",
        "cost": "0",
        "expires_at": None,
        "group": "",
        "labels": {"integrity": "external", "sensitivity": "private", "sources": ["doc1"]},
        "at": iso(at_us or time.time_ns() // 1000),
    }


class Toy:
    """State and answers. Every change is an event."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.file = workspace / "toy.json"
        self.state: Plain = json.loads(self.file.read_text()) if self.file.exists() else self._fresh()
        self.unsent: list[Event] = []

    def _fresh(self) -> Plain:
        items: Plain = {f"a{number}": item(number) for number in (1, 2, 3)}
        return {"items": items, "events": [], "stopped": False, "done": {}, "receipts": {}}

    @property
    def items(self) -> dict[str, Plain]:
        return cast("dict[str, Plain]", self.state["items"])

    @property
    def done(self) -> dict[str, Plain]:
        return cast("dict[str, Plain]", self.state["done"])

    @property
    def events(self) -> list[Plain]:
        return cast("list[Plain]", self.state["events"])

    def answer(self, request: Request) -> Plain:
        receipts = cast(Plain, self.state["receipts"])
        if request.request_id in receipts:
            return cast(Plain, receipts[request.request_id])
        method = METHODS.get(request.method)
        if method is None:
            raise QuarterdeckError("unknown_method", f"the toy does not know {request.method}")
        result = method(self, request.params)
        if request.request_id is not None:
            receipts[request.request_id] = result
        self._save()
        return result

    def _save(self) -> None:
        """Whole or not at all: this process is killed at any time."""
        fresh = self.file.with_suffix(".part")
        fresh.write_text(json.dumps(self.state))
        fresh.replace(self.file)

    def emit(self, kind: str, body: Plain) -> None:
        seq = len(self.events) + 1
        event: Plain = {
            "seq": seq,
            "id": f"e{seq}",
            "at_us": time.time_ns() // 1000,
            "kind": kind,
            "actor": "operator",
        }
        self.events.append({**event, "body": body})
        self.unsent.append(Event(seq=seq, id=f"e{seq}", at_us=0, kind=kind, actor="operator", body=body))

    # --- methods

    def hello(self, params: Plain) -> Plain:
        stopped = self.state["stopped"]
        return {"protocol": "1.0", "version": "0", "workspace": "toy", "seq": len(self.events), "stopped": stopped}

    def status(self, params: Plain) -> Plain:
        return {
            "running": True,
            "stopped": self.state["stopped"],
            "seq": len(self.events),
            "workspace": str(self.workspace),
            "pending_approvals": len(self.items),
            "active_runs": 1,
            "dead_letters": 0,
            "cost_today": "0.02",
            "alerts": [],
        }

    def approvals(self, params: Plain) -> Plain:
        return {"items": list(self.items.values())}

    def runs(self, params: Plain) -> Plain:
        run: Plain = {"run_id": "r1", "playbook": "lead-to-outreach", "status": "running"}
        return {"items": [run | {"steps_done": 1, "steps_total": 2, "waits_for": []}]}

    def timeline(self, params: Plain) -> Plain:
        if "after" not in params:
            kinds = cast("dict[str, list[str]]", params.get("filter", {})).get("kinds", [])
            newest = [event for event in reversed(self.events) if event["kind"] in kinds]
            return {"items": newest[: cast(int, params["limit"])], "next": None}
        after = cast(int, params["after"])
        return {"items": self.events[after:], "next": None}

    def decide(self, params: Plain) -> Plain:
        decision = cast(str, params["decision"])
        return {"items": [self._decide(one, decision, params) for one in cast("list[Plain]", params["items"])]}

    def _decide(self, one: Plain, decision: str, params: Plain) -> Plain:
        id = cast(str, one["id"])
        known = self.items.get(id)
        if known is None or known["shown_hash"] != one["shown_hash"]:
            message = f"{id} is no longer what you saw"
            return {"id": id, "ok": False, "error": "conflict", "message": message, "hint": "Look again."}
        if decision == "approve" and self.state["stopped"]:
            return {"id": id, "ok": False, "error": "stopped", "message": "all is stopped", "hint": ""}
        del self.items[id]
        release = time.time_ns() // 1000 + HOLD_US if decision == "approve" and not known.get("gate") else None
        status = {"approve": "held", "snooze": "proposed", "reject": "rejected"}[decision]
        extra: Plain = {name: params[name] for name in ("edits", "reason", "until", "lesson") if name in params}
        at = None if release is None else iso(release)
        if known.get("gate"):
            self.emit("gate.decided", {"run": known["run"], "step": known["step"]})
            return {"id": id, "ok": True, "status": "succeeded", "releases_at": None}
        self.done[id] = {"status": status, "releases_at": at, "item": known, "count": 1, **extra}
        self.emit(f"approval.{DECIDED[decision]}", {"action": id})
        return {"id": id, "ok": True, "status": status, "releases_at": at}

    def get(self, params: Plain) -> Plain:
        id = cast(str, params["id"])
        if id not in self.done:
            raise QuarterdeckError("not_found", f"no action {id}")
        done = self.done[id]
        times: Plain = {"releases_at": done["releases_at"], "snoozed_until": done.get("until")}
        return {**cast(Plain, done["item"]), "status": done["status"], **times}

    def actions(self, params: Plain) -> Plain:
        return {"items": [self.get({"id": id}) for id, done in self.done.items() if done["status"] == "held"]}

    def undo(self, params: Plain) -> Plain:
        id = cast(str, params["id"])
        if id not in self.done or self.done[id]["status"] != "held":
            raise QuarterdeckError("conflict", f"{id} cannot be undone")
        self.done[id]["status"] = "withdrawn"
        self.emit("action.withdrawn", {"action": id})
        item: Plain = {"action": id, "state": "withdrawn", "says": "it never left"}
        return {"id": "u1", "scope": f"action:{id}", "status": "compensated", "items": [item]}

    def stop(self, params: Plain) -> Plain:
        self.state["stopped"] = True
        self.emit("stop.engaged", {"reason": params["reason"], "by": "operator", "in_flight": ["a0"]})
        return {"stopped": True, "killed": []}

    def release(self, params: Plain) -> Plain:
        self.state["stopped"] = False
        self.emit("stop.released", {})
        return {"stopped": False}

    def memory(self, params: Plain) -> Plain:
        return {"id": params["id"], "title": "Letter of Ines", "text": "Hello, we need an offer by Friday. Thanks"}

    def put(self, params: Plain) -> Plain:
        entry = cast(Plain, params["item"])
        self.items[cast(str, entry["id"])] = entry
        self.emit("action.proposed", {"action": entry["id"]})
        return {}

    def look(self, params: Plain) -> Plain:
        return {"done": self.done, "items": self.items, "stopped": self.state["stopped"]}


METHODS: dict[str, Callable[[Toy, Plain], Plain]] = {
    "system.hello": Toy.hello,
    "system.status": Toy.status,
    "approval.list": Toy.approvals,
    "approval.decide": Toy.decide,
    "run.list": Toy.runs,
    "timeline.read": Toy.timeline,
    "action.get": Toy.get,
    "action.list": Toy.actions,
    "action.undo": Toy.undo,
    "stop.engage": Toy.stop,
    "stop.release": Toy.release,
    "memory.get": Toy.memory,
    "toy.put": Toy.put,
    "toy.look": Toy.look,
}


def serve(workspace: Path, *, with_control: bool) -> None:
    run = daemon_file(workspace).parent
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    context = zmq.Context()
    names = {"rpc": zmq.ROUTER, "control": zmq.ROUTER, "events": zmq.PUB}
    sockets = {name: context.socket(kind) for name, kind in names.items()}
    for name, socket in sockets.items():
        (run / name).unlink(missing_ok=True)
        socket.bind(f"ipc://{run / name}")
    ends = {name: f"ipc://{run / name}" for name in names}
    control = ends["control"] if with_control else ""
    file = ConnectionFile(
        protocol="1.0", pid=os.getpid(), workspace=str(workspace), rpc=ends["rpc"], events=ends["events"],
        token=TOKEN, control=control,
    )  # fmt: skip
    write_connection(daemon_file(workspace), file)
    toy = Toy(workspace)
    poller = zmq.Poller()
    poller.register(sockets["rpc"], zmq.POLLIN)
    poller.register(sockets["control"], zmq.POLLIN)
    while True:
        for socket, _ in poller.poll(POLL_MS):
            sender, *frames = socket.recv_multipart()
            socket.send_multipart([sender, *reply(toy, frames)])
        for event in toy.unsent:
            sockets["events"].send_multipart(event_frames(event))
        toy.unsent.clear()


def reply(toy: Toy, frames: list[bytes]) -> list[bytes]:
    request = parse_request(frames)
    try:
        return ok_frames(request.id, toy.answer(request), seq=len(toy.events), durable=True)
    except QuarterdeckError as error:
        return error_frames(request.id, error)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), with_control="--no-control" not in sys.argv)
