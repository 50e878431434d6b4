"""One event as a line of an export: plain JSON or CloudEvents 1.0, with what is needed to verify it elsewhere.

mac   keyed hash over the event as it is stored; the next line has it as `prev_mac`, the daily heads name some of them
seal  keyed hash over the line itself: with the key of the chain, a changed word is found even where the content of the
      log is sealed and its stored bytes would say nothing

A line of either form can be turned into the other without loss, so both verify alike.
"""

from __future__ import annotations

import base64
import urllib.parse
from datetime import UTC, datetime

import msgspec

from quarterdeck_protocol.events import Event

from ..core.entities import Plain

PURPOSE = b"export"
TYPE_PREFIX = "dev.quarterdeck."
_ENCODER = msgspec.json.Encoder(order="deterministic")
_EXTENSIONS = ("actor", "run", "task", "cause")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def line_of(event: Event, mac: bytes) -> Plain:
    """The line of an event, not sealed yet; bytes are in base64."""
    line: Plain = msgspec.to_builtins(event)
    return {**line, "mac": base64.b64encode(mac).decode()}


def sealed_part(line: Plain) -> bytes:
    """What the seal is over: everything else, in one agreed form."""
    return _ENCODER.encode({name: value for name, value in line.items() if name != "seal"})


def macs(line: Plain) -> tuple[bytes, bytes]:
    """(prev_mac, mac) of a line. Raises ValueError."""
    return tuple(base64.b64decode(str(line.get(name) or ""), validate=True) for name in ("prev_mac", "mac"))  # type: ignore[return-value]  # Two names, two values.


def cloud_event(line: Plain, workspace: str) -> Plain:
    """The line with the names of CloudEvents 1.0; what has none there goes into extension attributes."""
    body = line.get("body")
    subject = _subject(line, body if isinstance(body, dict) else {})
    told: Plain = {
        "specversion": "1.0",
        "id": line["id"],
        "source": f"/quarterdeck/{urllib.parse.quote(workspace, safe='')}",
        "type": f"{TYPE_PREFIX}{line['kind']}",
        "time": _time(int(str(line["at_us"]))),
        **({"subject": subject} if subject else {}),
        "datacontenttype": "application/json",
        "data": body,
        "sequence": str(line["seq"]),
        **{name: line[name] for name in _EXTENSIONS if line.get(name) is not None},
        "kindversion": line.get("version", 1),
        "prevmac": line.get("prev_mac", ""),
        "mac": line["mac"],
    }
    labels = line.get("labels")
    if isinstance(labels, dict):
        told |= {"integrity": labels.get("integrity"), "sensitivity": labels.get("sensitivity")}
        told["labelsources"] = _ENCODER.encode(labels.get("sources", [])).decode()
    return {**told, "seal": line["seal"]} if "seal" in line else told


def plain_line(told: Plain) -> Plain:
    """The line as it was before `cloud_event`; any other line as it is. Raises ValueError, KeyError or TypeError."""
    if "specversion" not in told:
        return told
    line: Plain = {
        "seq": int(str(told["sequence"])),
        "id": told["id"],
        "at_us": _micros(str(told["time"])),
        "kind": str(told["type"]).removeprefix(TYPE_PREFIX),
        "actor": told["actor"],
        "body": told["data"],
        "version": told["kindversion"],
        **{name: told.get(name) for name in ("run", "task", "cause")},
        "prev_mac": told["prevmac"],
        "mac": told["mac"],
    }
    sources = msgspec.json.decode(str(told["labelsources"]))
    line["labels"] = {"integrity": told["integrity"], "sensitivity": told["sensitivity"], "sources": sources}
    return {**line, "seal": told["seal"]} if "seal" in told else line


def _subject(line: Plain, body: Plain) -> str:
    """What the event is about: an action, a document, else its run."""
    for name in ("action", "document"):
        if isinstance(body.get(name), str):
            return f"{name}:{body[name]}"
    return f"run:{line['run']}" if line.get("run") else ""


def _time(at_us: int) -> str:
    seconds, micros = divmod(at_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC).strftime('%Y-%m-%dT%H:%M:%S')}.{micros:06d}Z"


def _micros(time: str) -> int:
    """Exact, unlike a float of seconds."""
    passed = datetime.fromisoformat(time) - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
