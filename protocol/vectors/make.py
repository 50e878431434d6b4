"""Writes the golden bytes beside it: `python protocol/vectors/make.py`. Tests only read them.

A change of an existing file is a change of the protocol; new files may be added at any time.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

from quarterdeck_protocol import frames
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.frames import Request
from quarterdeck_protocol.labels import Labels

FOLDER = Path(__file__).parent

REQUESTS = {
    "request_hello": Request(id=1, method="system.hello", params={}, token="0123456789abcdef"),
    "request_remember": Request(
        id="a-1", method="memory.remember", token="0123456789abcdef", request_id="6f1c", deadline_ms=5000,
        params={"text": "Zoë asked for 3 days at 640 € 😀", "tags": ["lead"], "document": b"\x00\xff"}, protocol="1.0",
    ),
    "request_nil_id": Request(id=None, method="run.list", params={"limit": 1000, "as_of": 2**53 - 1}, token=""),
}  # fmt: skip
ERROR = QuarterdeckError("conflict", "the card changed", hint="Look again.", details={"shown_hash": "ab"})
REPLIES = {
    "reply_ok": frames.ok_frames(1, {"id": "m1", "score": 0.5, "items": [None, True, -1]}, seq=123, durable=True),
    "reply_error": frames.error_frames("a-1", ERROR),
    "reply_error_unreadable_id": frames.error_frames(None, QuarterdeckError("bad_msgpack", "truncated")),
}
CHUNKS = {"chunk": frames.chunk_frames(7, {"n": 1, "text": "piece"})}
EVENTS = {
    "event": Event(
        seq=42, id="e42", at_us=1_700_000_000_000_000, kind="action.proposed", actor="agent:composer", run="r1",
        cause="e41", body={"action": "a17", "confidence": 0.75}, prev_mac=bytes(range(32)),
        labels=Labels(integrity="external", sensitivity="private", sources=("doc3",)),
    ),
}  # fmt: skip
GOOD = {"id": 9, "method": "system.hello", "params": {}, "token": "t"}
REFUSED: dict[str, tuple[str, bytes]] = {
    "refused_empty_body": ("bad_envelope", b""),
    "refused_reserved_byte": ("bad_msgpack", b"\xc1"),
    "refused_truncated": ("bad_msgpack", frames.encode(GOOD)[:-1]),
    "refused_trailing_byte": ("bad_msgpack", frames.encode(GOOD) + b"\xc0"),
    "refused_too_deep": ("bad_msgpack", b"\x91" * 33 + b"\xc0"),
    "refused_lying_header": ("bad_msgpack", b"\xdd\xff\xff\xff\xff"),
    "refused_timestamp": ("bad_msgpack", b"\xd6\xff\x00\x00\x00\x00"),
    "refused_not_utf8": ("bad_msgpack", b"\xa2\xc3\x28"),
    "refused_integer_key": ("bad_msgpack", b"\x81\x01\x01"),
    "refused_key_twice": ("bad_value", b"\x82\xa2id\x01\xa2id\x02"),
    "refused_nan": ("bad_value", b"\x81\xa2id\xcb" + struct.pack(">d", float("nan"))),
    "refused_minus_zero": ("bad_value", b"\x81\xa2id\xcb" + struct.pack(">d", -0.0)),
    "refused_large_integer": ("bad_value", b"\x81\xa2id\xcf" + struct.pack(">Q", 2**53)),
    "refused_surrogate": ("bad_value", b"\xa3\xed\xa0\x80"),
    "refused_no_map": ("schema", b"\x93\x01\x02\x03"),
    "refused_unknown_field": ("schema", frames.encode({**GOOD, "colour": "red"})),
    "refused_missing_method": ("schema", frames.encode({"id": 9, "params": {}, "token": "t"})),
    "refused_params_no_map": ("schema", frames.encode({**GOOD, "params": []})),
    "refused_major_version": ("unsupported_version", frames.encode({**GOOD, "protocol": "2.0"})),
}


def readable(value: object) -> object:
    """The value with bytes written as `{"$hex": …}`."""
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, list) else value


def write(name: str, body: bytes, description: dict[str, object]) -> None:
    (FOLDER / f"{name}.msgpack").write_bytes(body)
    text = json.dumps(description, indent=2, ensure_ascii=False, sort_keys=True)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def good(what: str, bodies: dict[str, bytes]) -> None:
    for name, body in bodies.items():
        write(name, body, {"what": what, "value": readable(frames.decode(body))})


if __name__ == "__main__":
    good("request", {name: frames.request_frames(request)[1] for name, request in REQUESTS.items()})
    good("reply", {name: parts[1] for name, parts in REPLIES.items()})
    good("chunk", {name: parts[1] for name, parts in CHUNKS.items()})
    good("event", {name: frames.event_frames(event)[1] for name, event in EVENTS.items()})
    for name, (code, body) in REFUSED.items():
        write(name, body, {"what": "refused", "code": code})
