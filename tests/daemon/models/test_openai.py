"""The client of OpenAI-compatible services against a real server on this machine: what goes right, and all that can go wrong."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Failure, ModelRequest
from quarterdeck_daemon.models import openai_wire
from quarterdeck_daemon.models.api import ModelFailure
from quarterdeck_daemon.models.openai import OpenAIBackend
from quarterdeck_daemon.outward.fence import fence_gate
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels

from .chat_server import ChatServer, Exchange, Play, weigh

ASK = ModelRequest(purpose="draft", prompt="Say five words.")
SCHEMA: Plain = {
    "type": "object",
    "properties": {"sum": {"type": "integer", "minimum": 1}, "who": {"type": "string"}},
    "required": ["sum"],
    "additionalProperties": False,
}
VALUE = ModelRequest(purpose="extract", prompt="Which sum?", schema=SCHEMA)
CHOICE = ModelRequest(purpose="classify", prompt="What is it?", choices=("mail", "invoice", "spam"))


@contextmanager
def opened(server: ChatServer | str, **settings: object) -> Iterator[OpenAIBackend]:
    url = server if isinstance(server, str) else server.url
    backend = OpenAIBackend(name="far", url=url, model="m1", **{"timeout_s": 10.0, **settings})  # type: ignore[arg-type]
    try:
        yield backend
    finally:
        backend.close()


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as made:
        yield made


def never() -> bool:
    return False


def failing(backend: OpenAIBackend, request: ModelRequest = ASK) -> Failure:
    with pytest.raises(ModelFailure) as failed:
        backend.answer(request, lambda piece: None, never)
    return failed.value.failure


def plain(status: int, words: str, code: str = "", **headers: str) -> Play:
    return lambda exchange: exchange.refuse(status, words, code, **headers)


def says(text: str, finish: str = "stop") -> Play:
    return lambda exchange: exchange.stream(text, finish=finish)


# --- what goes right ------------------------------------------------------------------------------


def test_an_answer_comes_word_by_word_and_says_what_it_cost(server: ChatServer) -> None:
    pieces: list[str] = []
    with opened(server, key=lambda: "sk-1") as backend:
        reply = backend.answer(ASK, pieces.append, never)
    assert (reply.text, reply.finish, reply.tokens_in, reply.tokens_out) == ("one two three four five", "stop", 3, 5)
    assert pieces == ["one", " two", " three", " four", " five"]
    assert reply.model == backend.id
    assert 0 < reply.first_ms <= reply.ms
    assert server.keys == ["Bearer sk-1"]
    assert server.paths == ["/v1/chat/completions"]


def test_what_was_asked_is_what_is_sent(server: ChatServer) -> None:
    with opened(server) as backend:
        backend.answer(
            ModelRequest(purpose="draft", prompt="p", system="s", stop=("three",), tokens_max=9, seed=4), print, never
        )
    (body,) = server.asked
    assert body["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "p"}]
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == ("m1", 9, 0.0, 4)
    assert (body["stop"], body["stream"], body["stream_options"]) == (["three"], True, {"include_usage": True})
    assert server.keys == [None]


def test_an_answer_that_is_cut_says_so(server: ChatServer) -> None:
    with opened(server) as backend:
        reply = backend.answer(ModelRequest(purpose="draft", prompt="p", tokens_max=2), print, never)
    assert (reply.text, reply.finish) == ("one two", "length")


def test_a_service_that_does_not_stream_is_understood(server: ChatServer) -> None:
    whole = {
        "choices": [{"message": {"content": "all at once"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7},
    }
    server.plays = [lambda exchange: exchange.send(200, json.dumps(whole).encode())]
    with opened(server) as backend:
        reply = backend.answer(ASK, print, never)
    assert (reply.text, reply.tokens_in) == ("all at once", 7)


def test_tokens_are_estimated_where_the_service_tells_none(server: ChatServer) -> None:
    def silent(exchange: Exchange) -> None:
        exchange.open()
        exchange.delta({"content": "two words"}, "stop")
        exchange.event("[DONE]")

    server.plays = [silent]
    with opened(server) as backend:
        reply = backend.answer(ASK, print, never)
    assert (reply.tokens_in, reply.tokens_out) == (4, 2)


def test_what_the_service_had_from_before_is_counted(server: ChatServer) -> None:
    def cached(exchange: Exchange) -> None:
        exchange.open()
        exchange.delta({"content": "x"}, "stop")
        exchange.usage(100, 1, cached=64)
        exchange.event("[DONE]")

    server.plays = [cached]
    with opened(server) as backend:
        assert backend.answer(ASK, print, never).reused == 64


# --- values ---------------------------------------------------------------------------------------


def test_a_schema_is_asked_for_and_the_value_is_valid(server: ChatServer) -> None:
    with opened(server) as backend:
        reply = backend.answer(VALUE, print, never)
    assert reply.value == {"sum": 1}
    told = server.asked[0]["response_format"]
    assert told == {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}


def test_a_service_without_schemas_is_asked_through_a_tool_and_that_is_remembered(server: ChatServer) -> None:
    def calls(exchange: Exchange) -> None:
        exchange.open()
        for part in ('{"su', 'm": ', "12}"):
            exchange.delta({"tool_calls": [{"index": 0, "function": {"name": "answer", "arguments": part}}]})
        exchange.delta({}, "tool_calls")
        exchange.event("[DONE]")

    server.plays = [plain(400, "unknown field response_format"), calls, calls]
    with opened(server) as backend:
        assert backend.answer(VALUE, print, never).value == {"sum": 12}
        assert backend.answer(VALUE, print, never).value == {"sum": 12}
    assert ["tools" in body for body in server.asked] == [False, True, True]
    assert server.asked[1]["tool_choice"] == {"type": "function", "function": {"name": "answer"}}


def test_a_service_with_neither_is_told_in_words(server: ChatServer) -> None:
    server.plays = [plain(400, "no response_format"), plain(422, "no tools"), says('Sure:\n```json\n{"sum": 3}\n```')]
    with opened(server) as backend:
        assert backend.answer(VALUE, print, never).value == {"sum": 3}
    assert '"minimum":1' in server.asked[2]["messages"][0]["content"]


def test_a_way_that_was_never_answered_is_not_remembered(server: ChatServer) -> None:
    """The service refused for another reason: the next question is asked in the best way again."""
    server.plays = [plain(400, "bad day")] * 3
    with opened(server) as backend:
        assert failing(backend, VALUE).code == "bad_request"
        assert backend.answer(VALUE, print, never).value == {"sum": 1}
    assert "response_format" in server.asked[3]


def test_a_value_that_breaks_its_schema_is_handed_back_once(server: ChatServer) -> None:
    server.plays = [says('{"sum": 0}'), says('{"sum": 8}')]
    with opened(server) as backend:
        reply = backend.answer(VALUE, print, never)
    assert reply.value == {"sum": 8}
    assert reply.tokens_out == 4, "both answers were paid for"
    repair = server.asked[1]["messages"][-1]["content"]
    assert "at /sum" in repair
    assert server.asked[1]["messages"][-2] == {"role": "assistant", "content": '{"sum": 0}'}


@pytest.mark.parametrize("words", ['{"sum": 0}', "no idea", '{"sum": ', "[" * 5_000, '{"sum": 1, "more": 2}'])
def test_a_value_that_breaks_its_schema_twice_is_a_breach(server: ChatServer, words: str) -> None:
    server.plays = [says(words), says(words)]
    with opened(server) as backend:
        failure = failing(backend, VALUE)
    assert (failure.failure, failure.code) == ("contract", "bad_answer")
    assert len(server.asked) == 2


def test_a_value_that_was_cut_is_not_asked_for_again(server: ChatServer) -> None:
    server.plays = [says('{"sum": ', finish="length")]
    with opened(server) as backend:
        assert failing(backend, VALUE).code == "bad_answer"
    assert len(server.asked) == 1


def test_no_schema_is_ever_looked_up_elsewhere(server: ChatServer) -> None:
    with opened(server) as backend:
        asked = ModelRequest(purpose="extract", prompt="p", schema={"$ref": f"{server.url}/schema.json"})
        assert failing(backend, asked).code == "bad_schema"
    assert server.asked == []


# --- choices --------------------------------------------------------------------------------------


def test_choices_are_weighed_by_the_likelihood_of_their_letters(server: ChatServer) -> None:
    server.plays = [weigh({" B": 0.6, "b": 0.1, "A": 0.2, "Hm": 0.1})]
    with opened(server) as backend:
        scores = backend.answer(CHOICE, print, never).scores
    assert list(scores) == ["invoice", "mail", "spam"]
    assert scores == pytest.approx({"invoice": 7 / 9, "mail": 2 / 9, "spam": 0})
    assert "A) mail\nB) invoice\nC) spam" in server.asked[0]["messages"][-1]["content"]


def test_without_likelihoods_one_answer_counts_as_one_draw(server: ChatServer) -> None:
    """Two of n + 1: what a single observation is worth, and not certainty."""
    server.plays = [says("B"), says('{"choice": "invoice"}')]
    with opened(server) as backend:
        reply = backend.answer(CHOICE, print, never)
        backend.answer(CHOICE, print, never)
    assert reply.scores == pytest.approx({"invoice": 0.5, "mail": 0.25, "spam": 0.25})
    assert ["logprobs" in body for body in server.asked] == [True, False, False], "asked for once"


def test_a_service_that_refuses_likelihoods_is_asked_without(server: ChatServer) -> None:
    server.plays = [plain(400, "logprobs are not supported"), says('{"choice": "spam"}')]
    with opened(server) as backend:
        assert next(iter(backend.answer(CHOICE, print, never).scores)) == "spam"


# --- refusals -------------------------------------------------------------------------------------

REFUSED = {
    "key": (401, "", "permanent", "unauthorized"),
    "forbidden": (403, "", "permanent", "unauthorized"),
    "money": (402, "", "permanent", "refused"),
    "no such model": (404, "", "permanent", "refused"),
    "context": (400, "context_length_exceeded", "contract", "too_long"),
    "bad": (400, "", "contract", "bad_request"),
    "large": (413, "", "contract", "too_long"),
    "busy": (429, "", "transient", "busy"),
    "down": (503, "", "transient", "busy"),
    "broken": (500, "", "transient", "busy"),
    "elsewhere": (307, "", "permanent", "refused"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_refusal_has_its_class_and_is_not_repeated(server: ChatServer, case: str) -> None:
    status, code, kind, said = REFUSED[case]
    server.plays = [plain(status, "no", code, Location="http://127.0.0.1:9/", Retry_After="7")]
    with opened(server) as backend:
        failure = failing(backend)
    assert (failure.failure, failure.code, failure.wait_ms) == (kind, said, 7_000)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("after", "wait_ms"), [("2", 2_000), ("0", 0), ("soon", 0), ("9" * 9, 3_600_000)])
def test_the_wait_a_busy_service_asks_for_is_told_within_reason(server: ChatServer, after: str, wait_ms: int) -> None:
    server.plays = [plain(429, "slow down", Retry_After=after)]
    with opened(server) as backend:
        failure = failing(backend)
    assert (failure.failure, failure.wait_ms) == ("transient", wait_ms)


def test_the_key_stands_in_no_message(server: ChatServer) -> None:
    server.plays = [plain(401, "the key sk-geheim-1 is wrong")]
    with opened(server, key=lambda: "sk-geheim-1") as backend:
        failure = failing(backend)
    assert "sk-geheim-1" not in f"{failure}"
    assert "(key)" in failure.message


def test_a_service_that_wants_another_name_for_the_length_gets_it(server: ChatServer) -> None:
    server.plays = [plain(400, "Use 'max_completion_tokens' instead.")]
    server.always = says("fine")
    with opened(server) as backend:
        assert backend.answer(ASK, print, never).text == "fine"
        backend.answer(ASK, print, never)
    assert ["max_completion_tokens" in body for body in server.asked] == [False, True, True]


def test_a_model_that_declines_is_told_apart_from_an_answer(server: ChatServer) -> None:
    def declines(exchange: Exchange) -> None:
        exchange.open()
        exchange.delta({"refusal": "I will not."}, "stop")
        exchange.event("[DONE]")

    server.plays = [declines, says("x", finish="content_filter")]
    with opened(server) as backend:
        assert (failing(backend).code, failing(backend).code) == ("refused", "refused")


# --- bad lines ------------------------------------------------------------------------------------


def _breaks_off(exchange: Exchange) -> None:
    exchange.open()
    exchange.delta({"content": "one"})
    exchange.cut()


def _ends_early(exchange: Exchange) -> None:
    exchange.open()
    exchange.delta({"content": "one"})


def _no_json(exchange: Exchange) -> None:
    exchange.open()
    exchange.event("{not json")


def _wrong_shape(exchange: Exchange) -> None:
    exchange.open()
    exchange.event({"choices": "none"})


def _gives_up(exchange: Exchange) -> None:
    exchange.open()
    exchange.delta({"content": "one"})
    exchange.event({"error": {"message": "out of memory"}})


BROKEN: dict[str, Play] = {
    "breaks off": _breaks_off,
    "ends early": _ends_early,
    "no json": _no_json,
    "wrong shape": _wrong_shape,
    "gives up": _gives_up,
    "a page": lambda exchange: exchange.send(200, b"<html>hello</html>", "text/html"),
    "nothing": lambda exchange: exchange.cut(),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_answer_is_transient_and_not_asked_for_again(server: ChatServer, case: str) -> None:
    server.plays = [BROKEN[case]]
    with opened(server) as backend:
        failure = failing(backend)
        assert (failure.failure, failure.code) == ("transient", "broken")
        assert len(server.asked) == 1, "the service had begun"
        assert backend.answer(ASK, print, never).finish == "stop", "the next one goes through"


def test_an_answer_without_end_is_cut_by_its_size(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_wire, "RESPONSE_BYTES_MAX", 100_000)

    def endless(exchange: Exchange) -> None:
        exchange.open()
        while True:
            exchange.delta({"content": "more " * 100})

    server.plays = [endless]
    with opened(server) as backend:
        failure = failing(backend)
    assert (failure.failure, failure.code) == ("contract", "bad_answer")
    assert server.gone.wait(10)


def test_a_line_without_end_is_cut_by_its_size(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_wire, "LINE_BYTES_MAX", 10_000)

    def endless(exchange: Exchange) -> None:
        exchange.open()
        while True:
            exchange.handler.wfile.write(b"x" * 1_000)

    server.plays = [endless]
    with opened(server) as backend:
        assert failing(backend).code == "bad_answer"


def test_nobody_there_is_tried_again_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with opened(f"http://127.0.0.1:{port}/v1") as backend:
        permitted = backend._permitted

        def counted() -> str:
            tries.append(time.monotonic())
            return permitted()

        monkeypatch.setattr(backend, "_permitted", counted)
        failure = failing(backend)
    assert (failure.failure, failure.code) == ("transient", "unreachable")
    assert len(tries) == openai_wire.CONNECT_TRIES


# --- time -----------------------------------------------------------------------------------------


def test_a_service_that_is_silent_is_a_timeout(server: ChatServer) -> None:
    hold = threading.Event()
    server.plays = [lambda exchange: _hold(hold)]
    with opened(server, timeout_s=0.5) as backend:
        began = time.monotonic()
        failure = failing(backend)
    hold.set()
    assert failure.failure == "timeout"
    assert time.monotonic() - began < 3


def _hold(until: threading.Event) -> None:
    until.wait(20)


def test_a_service_that_drips_is_ended_by_the_whole_time(server: ChatServer) -> None:
    """Each word comes in time; all of them together do not."""
    server.plays = [lambda exchange: exchange.stream("word " * 400, pause_s=0.02)]
    with opened(server, timeout_s=1.0) as backend:
        began = time.monotonic()
        assert failing(backend).failure == "timeout"
    assert time.monotonic() - began < 4, "eight seconds were left"


def test_a_cancelled_answer_ends_at_once_with_what_there_is(server: ChatServer) -> None:
    server.plays = [lambda exchange: exchange.stream("word " * 1_000, pause_s=0.01)]
    pieces: list[str] = []
    with opened(server) as backend:
        began = time.monotonic()
        reply = backend.answer(ASK, pieces.append, lambda: len(pieces) >= 3)
        assert time.monotonic() - began < 3, "ten seconds were left"
    assert reply.finish == "cancelled"
    assert reply.text == "".join(pieces)
    assert server.gone.wait(10), "the service is told by the end of the line"


def test_several_at_once(server: ChatServer) -> None:
    server.always = lambda exchange: exchange.stream(f"echo {exchange.prompt}", pause_s=0.05)
    found: dict[int, str] = {}
    with opened(server, at_once=4) as backend:

        def ask(number: int) -> None:
            asked = ModelRequest(purpose="draft", prompt=f"number{number}")
            found[number] = backend.answer(asked, lambda piece: None, never).text

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {number: f"echo number{number}" for number in range(4)}


# --- what may leave -------------------------------------------------------------------------------


def test_nothing_is_sent_while_the_fence_is_closed(server: ChatServer, tmp_path: Path) -> None:
    with opened(server, gate=fence_gate(tmp_path)) as backend:
        (tmp_path / "fence").write_text('{"stopped": true}')
        failure = failing(backend)
        assert (failure.failure, failure.code) == ("stopped", "stopped")
        assert server.asked == []
        (tmp_path / "fence").write_text('{"stopped": false}')
        assert backend.answer(ASK, print, never).text


def test_what_is_secret_is_not_given_to_another_machine() -> None:
    secret = ModelRequest(purpose="draft", prompt="p", labels=Labels(sensitivity="secret"))
    with opened("https://far.example/v1") as backend:
        assert backend.remote
        assert failing(backend, secret).code == "secret"


def test_what_is_secret_may_go_to_a_service_of_this_machine(server: ChatServer) -> None:
    """The twin: it stays here."""
    secret = ModelRequest(purpose="draft", prompt="p", labels=Labels(sensitivity="secret"))
    with opened(server) as backend:
        assert not backend.remote
        assert backend.answer(secret, print, never).text


@pytest.mark.parametrize("url", ["http://far.example/v1", "ftp://127.0.0.1", "https://user:pw@far.example/v1"])
def test_an_address_in_the_clear_or_with_a_secret_is_refused(url: str) -> None:
    with pytest.raises(QuarterdeckError):
        OpenAIBackend(name="far", url=url, model="m")


def test_a_question_that_cannot_be_asked_is_not_sent(server: ChatServer) -> None:
    bad = [
        ModelRequest(purpose="x", prompt=" "),
        ModelRequest(purpose="x", prompt="p", tokens_max=0),
        ModelRequest(purpose="x", prompt="p", temperature=3),
        ModelRequest(purpose="x", prompt="p", choices=("a", "a")),
        ModelRequest(purpose="x", prompt="p", choices=("a",), schema=SCHEMA),
        ModelRequest(purpose="x", prompt="p", schema={"type": "nothing"}),
        ModelRequest(purpose="x", prompt="word " * 9_000),
    ]
    with opened(server) as backend:
        failures = [failing(backend, one) for one in bad]
    assert {one.failure for one in failures} == {"contract"}
    assert [one.code for one in failures[-2:]] == ["bad_schema", "too_long"]
    assert server.asked == []
