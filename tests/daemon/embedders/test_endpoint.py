"""An endpoint over real sockets: what is asked, what is tried again, what never leaves."""

from __future__ import annotations

import json
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from quarterdeck_daemon.embedders.endpoint import (
    BATCH_TEXTS_MAX,
    TEXT_CHARS_MAX,
    TRIES_MAX,
    WAIT_S_MAX,
    Endpoint,
)
from quarterdeck_daemon.outward.fence import fence_gate
from quarterdeck_daemon.service.fence import Fence, write_fence
from quarterdeck_protocol.codes import QuarterdeckError

from .embedding_server import EmbeddingServer, Reply, refusal, vectors

KEY = "sk-0123456789-very-secret"
BUSY = refusal(503, "overloaded")


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as made:
        yield made


class Waits(list[float]):
    """Stands in for sleeping: notes how long."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def opened(server: EmbeddingServer, **more: object) -> Endpoint:
    settings: dict[str, object] = {"url": server.url, "model": "toy", "dimension": server.dimension, "pause": Waits()}
    return Endpoint(**{**settings, **more})  # type: ignore[arg-type]  # Tests name what they change.


def refused(ask: Callable[[], object]) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as error:
        ask()
    return error.value


# --- what is asked ----------------------------------------------------------------------------------


def test_the_service_is_asked_as_such_services_are(server: EmbeddingServer) -> None:
    opened(server, key=lambda: KEY).documents(["one", "two"])
    assert server.paths == ["/v1/embeddings"]
    assert server.asked == [{"model": "toy", "input": ["one", "two"], "encoding_format": "float"}]
    assert server.keys == [f"Bearer {KEY}"]


def test_without_a_key_no_header_is_sent(server: EmbeddingServer) -> None:
    opened(server).documents(["one"])
    assert server.keys == [None]


def test_many_texts_go_in_batches_and_blank_ones_stay_here(server: EmbeddingServer) -> None:
    texts = [f"note number {number}" if number % 10 else "  \n" for number in range(3 * BATCH_TEXTS_MAX)]
    made = opened(server).documents(texts)
    sent = [text for asked in server.asked for text in asked["input"]]  # type: ignore[attr-defined]
    assert sent == [text for text in texts if text.strip()]
    assert max(len(asked["input"]) for asked in server.asked) == BATCH_TEXTS_MAX  # type: ignore[arg-type]
    assert [bool(row.any()) for row in made] == [bool(text.strip()) for text in texts]


def test_a_long_text_is_cut(server: EmbeddingServer) -> None:
    opened(server).documents(["word " * TEXT_CHARS_MAX])
    assert len(server.asked[0]["input"][0]) == TEXT_CHARS_MAX  # type: ignore[index]


def test_answers_are_laid_in_the_order_of_their_index(server: EmbeddingServer) -> None:
    """The server answers last first."""
    endpoint = opened(server)
    one, two = endpoint.documents(["one apple"]), endpoint.documents(["two pears"])
    assert np.array_equal(endpoint.documents(["one apple", "two pears"]), np.concatenate([one, two]))


def test_vectors_of_any_length_become_unit_vectors(server: EmbeddingServer) -> None:
    server.replies = [vectors([[3.0, 4.0], [0.0, 0.0]])]
    made = opened(server, dimension=2).documents(["a", "b"])
    assert np.allclose(made, [[0.6, 0.8], [0.0, 0.0]])


# --- what is tried again ----------------------------------------------------------------------------


def test_a_busy_service_is_asked_again_with_growing_pauses(server: EmbeddingServer) -> None:
    server.replies = [BUSY, refusal(429, "slow down", Retry_After="7"), BUSY]
    waits = Waits()
    made = opened(server, pause=waits).documents(["one"])
    assert made.any()
    assert waits == [0.5, 7.0, 2.0]


def test_after_some_tries_it_is_unavailable(server: EmbeddingServer) -> None:
    server.replies = [refusal(503, "overloaded", Retry_After="99999")] * (TRIES_MAX + 5)
    waits = Waits()
    error = refused(lambda: opened(server, pause=waits).documents(["one"]))
    assert (error.code, len(server.asked), waits) == ("unavailable", TRIES_MAX, [WAIT_S_MAX] * (TRIES_MAX - 1))
    assert "overloaded" in error.message


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Bound, but nobody listens.
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        endpoint = Endpoint(url=url, model="toy", dimension=2, pause=Waits())
        assert refused(lambda: endpoint.documents(["one"])).code == "unavailable"


def test_a_service_that_does_not_answer_in_time_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        endpoint = Endpoint(url=url, model="toy", dimension=2, timeout_s=0.05, pause=Waits())
        error = refused(lambda: endpoint.documents(["one"]))
    assert error.code == "unavailable"
    assert "timed out" in error.message


REFUSALS: dict[int, str] = {
    400: "bad_value",
    401: "forbidden",
    402: "budget_exceeded",
    403: "forbidden",
    404: "not_found",
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_is_not_tried_again(server: EmbeddingServer, status: int) -> None:
    server.replies = [refusal(status, "no such thing")]
    error = refused(lambda: opened(server).documents(["one"]))
    assert (error.code, len(server.asked)) == (REFUSALS[status], 1)
    assert "no such thing" in error.message


# --- answers that do not fit ------------------------------------------------------------------------

NONSENSE: dict[str, Reply] = {
    "no JSON": (200, {}, b"<html>hello</html>"),
    "another shape": (200, {}, b'{"data": {"embedding": []}}'),
    "too few": vectors([[1.0, 0.0]]),
    "too many": vectors([[1.0, 0.0]] * 3),
    "one place twice": (200, {}, json.dumps({"data": [{"index": 0, "embedding": [1, 0]}] * 2}).encode()),
    "a place that is none": (
        200,
        {},
        json.dumps({"data": [{"index": n, "embedding": [1, 0]} for n in (0, 7)]}).encode(),
    ),
    "words for numbers": (200, {}, b'{"data": [{"index": 0, "embedding": ["a", "b"]}]}'),
    "numbers without end": (
        200,
        {},
        b'{"data": [{"index": 0, "embedding": [1e999, 0]}, {"index": 1, "embedding": [1, 0]}]}',
    ),
    "not UTF-8": (200, {}, b'{"data": "\xff"}'),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_an_answer_that_does_not_fit_is_refused(server: EmbeddingServer, case: str) -> None:
    server.replies = [NONSENSE[case]]
    assert refused(lambda: opened(server, dimension=2).documents(["a", "b"])).code == "unavailable"


def test_vectors_of_another_dimension_say_which(server: EmbeddingServer) -> None:
    error = refused(lambda: opened(server, dimension=999).documents(["one"]))
    assert error.code == "bad_value"
    assert error.hint == f"Set dimension = {server.dimension} in [embedder.endpoint]."


# --- what never leaves ------------------------------------------------------------------------------


def test_the_key_stands_in_no_error_and_no_log(server: EmbeddingServer, caplog: pytest.LogCaptureFixture) -> None:
    """The service itself quotes it, as some do."""
    caplog.set_level(logging.DEBUG)
    for status in (401, 503):
        server.replies = [refusal(status, f"Incorrect key: {KEY}")] * TRIES_MAX
        error = refused(lambda: opened(server, key=lambda: KEY).documents(["one"]))
        assert KEY not in f"{error.message} {error.hint} {error.details} {error.__cause__!r} {error.__context__!r}"
    server.replies = [refusal(503, f"Incorrect key: {KEY}")]
    opened(server, key=lambda: KEY).queries(["one"])
    assert KEY not in caplog.text


def test_a_key_that_cannot_be_sent_is_not_quoted(server: EmbeddingServer) -> None:
    """The standard library would put it into its ValueError."""
    error = refused(lambda: opened(server, key=lambda: f"{KEY}\r\nX-Other: 1").documents(["one"]))
    assert (error.code, server.asked) == ("bad_value", [])
    assert KEY not in f"{error.message} {error.__cause__!r} {error.__context__!r}"


def test_a_redirection_is_not_followed(server: EmbeddingServer) -> None:
    with EmbeddingServer() as elsewhere:
        server.replies = [
            (307, {"Location": f"{elsewhere.url}/embeddings"}, b""),
            (302, {"Location": elsewhere.url}, b""),
        ]
        for _ in range(2):
            error = refused(lambda: opened(server, key=lambda: KEY).documents(["one"]))
            assert error.code == "unavailable"
            assert "redirect" in error.message
        assert elsewhere.asked == []


def test_an_ordinary_client_would_carry_the_key_elsewhere(server: EmbeddingServer) -> None:
    """The twin: the standard library's opener follows, and takes the header along."""
    with EmbeddingServer() as elsewhere:
        server.replies = [(302, {"Location": f"{elsewhere.url}/embeddings"}, b"")]
        request = urllib.request.Request(f"{server.url}/embeddings", data=b"{}", headers={"Authorization": KEY})
        with pytest.raises(urllib.error.HTTPError) as answered:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5)
        answered.value.close()
        assert elsewhere.keys == [KEY]


def test_nothing_is_asked_while_the_fence_is_closed(server: EmbeddingServer, tmp_path: Path) -> None:
    """The fence as the supervisor writes it; an unreadable one counts as closed."""
    endpoint = opened(server, gate=fence_gate(tmp_path))
    assert endpoint.documents(["one"]).any()
    write_fence(tmp_path / "fence", Fence(epoch=1, stopped=True))
    assert refused(lambda: endpoint.documents(["one"])).code == "stopped"
    (tmp_path / "fence").write_bytes(b"{ half")
    assert refused(lambda: endpoint.documents(["one"])).code == "stopped"
    assert len(server.asked) == 1
    write_fence(tmp_path / "fence", Fence(epoch=2))
    assert endpoint.documents(["one"]).any()


def test_without_the_gate_a_stop_would_not_hold_texts_back(server: EmbeddingServer, tmp_path: Path) -> None:
    """The twin."""
    write_fence(tmp_path / "fence", Fence(epoch=1, stopped=True))
    opened(server).documents(["one"])
    assert len(server.asked) == 1


def test_a_stop_between_two_tries_ends_them(server: EmbeddingServer, tmp_path: Path) -> None:
    server.replies = [BUSY] * TRIES_MAX
    server.before = lambda: write_fence(tmp_path / "fence", Fence(epoch=1, stopped=True))
    assert refused(lambda: opened(server, gate=fence_gate(tmp_path)).documents(["one"])).code == "stopped"
    assert len(server.asked) == 1


# --- questions --------------------------------------------------------------------------------------


def test_a_question_to_a_dead_service_falls_back_to_words_and_leaves_it_in_peace(
    server: EmbeddingServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Zero rows: recall goes on by words alone. The next questions do not wait for a time-out each."""
    server.replies = [BUSY] * 3
    endpoint = opened(server)
    for _ in range(3):
        assert not endpoint.queries(["one", "two"]).any()
    assert len(server.asked) == 1
    assert "recall goes by words alone" in caplog.text


def test_a_service_that_nobody_runs_is_asked_once_and_said_to_rest() -> None:
    """Nothing waits before it is tried again: rows come back to it later, and questions go by words meanwhile."""
    waits: list[float] = []
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    endpoint = Endpoint(url=url, model="m", dimension=3, pause=waits.append)
    assert refused(lambda: endpoint.documents(["one"])).code == "unavailable"
    assert (waits, endpoint.resting, bool(endpoint.queries(["one"]).any())) == ([], True, False)


def test_what_documents_met_questions_do_not_wait_for_and_an_answer_ends_the_rest(server: EmbeddingServer) -> None:
    endpoint = opened(server, pause=lambda _: None)
    server.replies = [BUSY] * TRIES_MAX
    assert refused(lambda: endpoint.documents(["one"])).code == "unavailable"
    asked = len(server.asked)
    assert (endpoint.resting, bool(endpoint.queries(["one"]).any()), len(server.asked)) == (True, False, asked)
    assert endpoint.documents(["one"]).any()
    assert (endpoint.resting, bool(endpoint.queries(["one"]).any())) == (False, True)


def test_a_question_that_is_refused_says_so(server: EmbeddingServer) -> None:
    server.replies = [refusal(401, "who are you")]
    assert refused(lambda: opened(server).queries(["one"])).code == "forbidden"


# --- addresses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "posted", "remote"),
    [
        ("https://api.example.test/v1", "https://api.example.test/v1/embeddings", True),
        ("https://api.example.test/v1/embeddings/", "https://api.example.test/v1/embeddings", True),
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1/embeddings", False),
        ("http://localhost:1", "http://localhost:1/embeddings", False),
        ("http://[::1]:8080/v1/", "http://[::1]:8080/v1/embeddings", False),
        ("https://127.0.0.1.example.test/v1", "https://127.0.0.1.example.test/v1/embeddings", True),
    ],
)
def test_only_this_machine_is_not_remote(url: str, posted: str, remote: bool) -> None:
    endpoint = Endpoint(url=url, model="m", dimension=3)
    assert (endpoint._url, endpoint.remote) == (posted, remote)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.test/v1",
        "ftp://example.test/v1",
        "file:///etc/passwd",
        "http://api.example.test/v1",
        "http://10.0.0.7:11434/v1",
        "https://user:password@example.test/v1",
        "https://example.test/v1?key=sk-1",
        "https://example.test:port/v1",
        "https://exa mple.test/v1",
        "https://example.test/v1\r\nHost: other",
        "https://[::1/v1",
    ],
)
def test_an_address_that_would_leak_or_means_nothing_is_refused(url: str) -> None:
    assert refused(lambda: Endpoint(url=url, model="m", dimension=3)).code == "bad_value"


def test_another_address_or_model_has_another_id() -> None:
    ids = {
        Endpoint(url=url, model=model, dimension=3).id
        for url in ("https://a.test/v1", "https://b.test/v1")
        for model in ("one", "two")
    }
    assert len(ids) == 4
