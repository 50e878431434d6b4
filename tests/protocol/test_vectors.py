"""The golden bytes mean today what they meant when they were written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quarterdeck_protocol import frames
from quarterdeck_protocol.codes import CODES

FOLDER = Path(__file__).parents[2] / "protocol" / "vectors"
NAMES = sorted(path.stem for path in FOLDER.glob("*.msgpack"))


def readable(value: object) -> object:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, list) else value


def load(name: str) -> tuple[bytes, dict[str, object]]:
    description: dict[str, object] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return (FOLDER / f"{name}.msgpack").read_bytes(), description


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_mean_what_the_description_says(name: str) -> None:
    body, description = load(name)
    match description["what"]:
        case "refused":
            with pytest.raises(frames.RequestRefused) as caught:
                frames.parse_request([b"", body])
            assert caught.value.code == description["code"]
        case "request":
            request = frames.parse_request([b"", body])
            assert readable(frames.decode(body)) == description["value"]
            assert frames.request_frames(request) == [b"", body]
        case "reply" | "chunk":
            frames.parse_reply([b"", body])
            assert readable(frames.decode(body)) == description["value"]
        case "event":
            event = frames.parse_event([b"", body])
            assert readable(frames.decode(body)) == description["value"]
            assert frames.event_frames(event) == [event.kind.encode(), body]
        case other:
            pytest.fail(f"{other} is no kind of message")


def test_every_kind_of_message_and_every_wire_error_has_golden_bytes() -> None:
    found = [load(name)[1] for name in NAMES]
    assert {one["what"] for one in found} == {"request", "reply", "chunk", "event", "refused"}
    codes = {one["code"] for one in found if "code" in one}
    assert codes == {"bad_envelope", "bad_msgpack", "bad_value", "schema", "unsupported_version"}
    assert codes < CODES


def test_no_description_is_without_its_bytes() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == NAMES
