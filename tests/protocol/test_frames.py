"""The decoder answers every input, and only plain values come out of it."""

from __future__ import annotations

import contextlib
import struct

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_protocol import frames
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.frames import DEPTH_MAX, ENVELOPE_BYTES_MAX, INT_MAX, Request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-INT_MAX, INT_MAX) | st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x or 0.0)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXT | st.binary(max_size=20)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)
GOOD = {"id": 1, "method": "system.hello", "params": {}, "token": "t"}


def code_of(data: bytes) -> str:
    with pytest.raises(QuarterdeckError) as caught:
        frames.decode(data)
    return caught.value.code


def refused(*parts: bytes) -> frames.RequestRefused:
    with pytest.raises(frames.RequestRefused) as caught:
        frames.parse_request(parts)
    return caught.value


@given(VALUES)
def test_what_is_encoded_comes_back_as_it_was(value: object) -> None:
    assert frames.decode(frames.encode(value)) == value


@given(VALUES)
def test_a_longer_spelling_of_a_value_means_the_same(value: object) -> None:
    """Another library may spell a number in more bytes; that is no reason to refuse it."""
    spelled = msgpack.packb(value, use_single_float=False)
    longer = spelled if not isinstance(value, int) or isinstance(value, bool) else b"\xd3" + struct.pack(">q", value)
    assert frames.decode(longer) == value


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_arbitrary_bytes_raise_nothing_but_our_error(data: bytes) -> None:
    with contextlib.suppress(QuarterdeckError):
        frames.decode(data)
    with contextlib.suppress(QuarterdeckError):
        frames.parse_request([b"", data])


@given(VALUES, st.data())
@settings(max_examples=300)
def test_damaged_messages_raise_nothing_but_our_error(value: object, data: st.DataObject) -> None:
    good = bytearray(frames.encode({**GOOD, "params": {"v": value}}))
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] = data.draw(st.integers(0, 255))
    try:
        request = frames.parse_request([b"", bytes(good)])
    except frames.RequestRefused:
        return
    assert isinstance(request, Request)


@given(st.dictionaries(TEXT, LEAVES, min_size=2, max_size=5))
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert frames.canonical(turned) == frames.canonical(value)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "bad_msgpack", id="nothing"),
        pytest.param(b"\xc1", "bad_msgpack", id="reserved byte"),
        pytest.param(b"\x92\x01", "bad_msgpack", id="truncated"),
        pytest.param(b"\xc0\xc0", "bad_msgpack", id="trailing byte"),
        pytest.param(b"\x91" * 100_000 + b"\xc0", "bad_msgpack", id="100,000 levels"),
        pytest.param(b"\x91" * (DEPTH_MAX + 1) + b"\xc0", "bad_msgpack", id="one level too deep"),
        pytest.param(b"\x81\xa1a" * (DEPTH_MAX + 1) + b"\xc0", "bad_msgpack", id="one map too deep"),
        pytest.param(b"\xdd\xff\xff\xff\xff", "bad_msgpack", id="array of 4 Gi"),
        pytest.param(b"\xdf\xff\xff\xff\xff", "bad_msgpack", id="map of 4 Gi"),
        pytest.param(b"\xdb\xff\xff\xff\xff", "bad_msgpack", id="text of 4 GiB"),
        pytest.param(b"\xc6\xff\xff\xff\xff", "bad_msgpack", id="bytes of 4 GiB"),
        pytest.param(b"\xd4\x01a", "bad_msgpack", id="extension"),
        pytest.param(b"\xd6\xff\x00\x00\x00\x00", "bad_msgpack", id="timestamp"),
        pytest.param(b"\xc7\x00\x05", "bad_msgpack", id="empty extension"),
        pytest.param(b"\xa1\xff", "bad_msgpack", id="not UTF-8"),
        pytest.param(b"\x81\x01\x01", "bad_msgpack", id="integer key"),
        pytest.param(b"\x81\xc4\x01a\x01", "bad_msgpack", id="bytes key"),
        pytest.param(b"\x81\xc0\x01", "bad_msgpack", id="nil key"),
        pytest.param(b"\x81\x80\x01", "bad_msgpack", id="map as key"),
        pytest.param(b"\x82\xa1a\x01\xa1a\x02", "bad_value", id="key twice"),
        pytest.param(b"\x82\xa1a\x01\xa1a\x01", "bad_value", id="key twice, same value"),
        pytest.param(b"\x82\xa1a\x01\xd9\x01a\x01", "bad_value", id="key twice, spelled differently"),
        pytest.param(b"\x91\x81\xa1b\x82\xa1a\x01\xa1a\x02", "bad_value", id="key twice, further in"),
        pytest.param(b"\xcb" + struct.pack(">d", float("nan")), "bad_value", id="NaN"),
        pytest.param(b"\xca" + struct.pack(">f", float("nan")), "bad_value", id="short NaN"),
        pytest.param(b"\xcb" + struct.pack(">d", float("-inf")), "bad_value", id="infinity"),
        pytest.param(b"\x91\xcb" + struct.pack(">d", -0.0), "bad_value", id="minus zero"),
        pytest.param(b"\xcf" + struct.pack(">Q", 2**53), "bad_value", id="2^53"),
        pytest.param(b"\xd3" + struct.pack(">q", -(2**53)), "bad_value", id="-2^53"),
        pytest.param(b"\xa3\xed\xa0\x80", "bad_value", id="encoded surrogate"),
        pytest.param(b"\xc6" + struct.pack(">I", ENVELOPE_BYTES_MAX) + bytes(ENVELOPE_BYTES_MAX), "bad_envelope",
                     id="too long"),
    ],
)  # fmt: skip
def test_bad_input_gets_its_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_the_libraries_alone_would_let_most_of_it_through() -> None:
    """The twin: without our checks the first key wins or the last, and NaN goes in."""
    assert msgspec.msgpack.decode(b"\x82\xa1a\x01\xa1a\x02") == {"a": 2}
    assert msgpack.unpackb(b"\x82\xa1a\x01\xa1a\x02") == {"a": 2}
    assert str(msgspec.msgpack.decode(b"\xcb" + struct.pack(">d", float("nan")))) == "nan"
    assert msgspec.msgpack.decode(b"\x81\x01\x01") == {1: 1}


@pytest.mark.parametrize("value", [INT_MAX, -INT_MAX, 0, 0.0, 1.5, "ü€😀", b"\xff", [], {}, None, True])
def test_values_at_the_limits_are_fine(value: object) -> None:
    assert frames.decode(frames.encode(value)) == value


def test_the_deepest_allowed_nesting_is_fine() -> None:
    value: object = None
    for _ in range(DEPTH_MAX):
        value = [value]
    assert frames.decode(frames.encode(value)) == value


@pytest.mark.parametrize("value", [object(), 10**30, "\ud800", {"a": {1: object()}}])
def test_what_cannot_be_encoded_is_said_as_bad_value(value: object) -> None:
    with pytest.raises(QuarterdeckError) as caught:
        frames.encode(value)
    assert caught.value.code == "bad_value"


# --- envelopes --------------------------------------------------------------------------------------


def test_a_request_comes_through_whole() -> None:
    request = Request(
        id="a", method="memory.search", params={"query": "x", "n": [1, b"2"]}, token="t", request_id="r",
        deadline_ms=5, protocol="1.7",
    )  # fmt: skip
    assert frames.parse_request(frames.request_frames(request)) == request


@pytest.mark.parametrize("id", ["a", 7, -1, 1.5, True, None])
def test_any_scalar_serves_as_id(id: frames.Scalar) -> None:
    parsed = frames.parse_request([b"", frames.encode({**GOOD, "id": id})])
    assert (parsed.id, type(parsed.id)) == (id, type(id))


@pytest.mark.parametrize(
    "parts",
    [[], [b""], [b"x"], [b"", b""], [b"x", b"y"], [b"", b"x", b"y"], [b""] * 10_000, [b"t" * 65_536, b"\x80"]],
    ids=lambda parts: f"{len(parts)} frames",
)
def test_wrong_frames_are_a_bad_envelope(parts: list[bytes]) -> None:
    assert refused(*parts).code == "bad_envelope"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"unknown": 1}, "schema"),
        ({"params": []}, "schema"),
        ({"params": None}, "schema"),
        ({"method": 3}, "schema"),
        ({"method": "m" * 65}, "schema"),
        ({"token": None}, "schema"),
        ({"token": "t" * 513}, "schema"),
        ({"request_id": ""}, "schema"),
        ({"request_id": "r" * 129}, "schema"),
        ({"deadline_ms": 0}, "schema"),
        ({"deadline_ms": 1.5}, "schema"),
        ({"protocol": "2.0"}, "unsupported_version"),
        ({"protocol": 1}, "schema"),
    ],
)
def test_a_wrong_request_keeps_its_id_for_the_reply(change: dict[str, object], code: str) -> None:
    error = refused(b"", frames.encode({**GOOD, "id": "mine", **change}))
    assert (error.code, error.id) == (code, "mine")


@pytest.mark.parametrize("field", ["id", "method"])
def test_a_missing_field_is_named(field: str) -> None:
    error = refused(b"", frames.encode({name: value for name, value in GOOD.items() if name != field}))
    assert error.code == "schema"
    assert field in error.message


def test_a_request_without_token_and_params_is_read_so_that_the_daemon_can_refuse_it() -> None:
    """`unauthorized` is the answer to a missing token, not a lecture on fields. We ourselves write in full."""
    bare = frames.parse_request([b"", frames.encode({"id": 1, "method": "system.hello"})])
    assert bare == Request(id=1, method="system.hello", params={}, token="")
    assert frames.decode(frames.request_frames(bare)[1]) == {**GOOD, "token": ""}


@pytest.mark.parametrize("id", [[1], {"a": 1}, b"x", "i" * 129])
def test_an_id_that_is_no_scalar_is_refused_and_not_repeated(id: object) -> None:
    error = refused(b"", frames.encode({**GOOD, "id": id}))
    assert (error.code, error.id) == ("schema", None)


@pytest.mark.parametrize("body", [None, 1, "x", [GOOD]])
def test_a_body_that_is_no_map_is_a_schema_error(body: object) -> None:
    assert refused(b"", frames.encode(body)).code == "schema"


def test_replies_and_chunks_come_through_whole() -> None:
    ok = frames.Ok(id=1, result={"a": [1]}, seq=7, durable=True)
    error = QuarterdeckError("not_found", "no such run", hint="list them", details={"id": "r9"})
    assert frames.parse_reply(frames.ok_frames(1, {"a": [1]}, seq=7, durable=True)) == ok
    assert frames.parse_reply(frames.chunk_frames("x", {"n": 1})) == frames.Chunk(id="x", chunk={"n": 1})
    refusal = frames.parse_reply(frames.error_frames(None, error))
    assert isinstance(refusal, frames.Refusal)
    back = refusal.to_error()
    assert (back.code, back.message, back.hint, back.details) == (
        error.code,
        error.message,
        error.hint,
        error.details,
    )


def test_an_error_code_of_a_later_version_counts_as_internal() -> None:
    body = {"id": 1, "ok": False, "error": {"code": "new_thing", "message": "m"}, "later": 1}
    refusal = frames.parse_reply([b"", frames.encode(body)])
    assert isinstance(refusal, frames.Refusal)
    assert (refusal.to_error().code, refusal.to_error().details) == ("internal", {"code": "new_thing"})


def test_an_error_that_cannot_be_encoded_is_still_told() -> None:
    error = QuarterdeckError("internal", "file \udcff", details={"what": object()})
    refusal = frames.parse_reply(frames.error_frames(1, error))
    assert refusal == frames.Refusal(id=1, error=frames.ErrorBody(code="internal", message="file ?"))


@pytest.mark.parametrize("body", [b"\xc1", b"\x80", b"\x81\xa2id\x01", b"\xdd\xff\xff\xff\xff"])
def test_a_reply_of_no_known_shape_is_an_error_of_ours(body: bytes) -> None:
    with pytest.raises(QuarterdeckError):
        frames.parse_reply([b"", body])


def test_an_event_comes_through_whole_and_later_fields_are_ignored() -> None:
    event = Event(seq=3, id="e3", at_us=5, kind="run.started", actor="operator", body={"n": 1}, prev_mac=b"\x01")
    assert frames.parse_event(frames.event_frames(event)) == event
    later = {**msgspec.structs.asdict(event), "labels": {"integrity": "operator"}, "colour": "red"}
    assert frames.parse_event([b"run.started", frames.encode(later)]) == event
