"""Language models in a whole house: asked over the wire, through the kernel's record, by processes that die and are stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from quarterdeck_daemon.service.lifecycle import ask_control
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

from ..daemon.models.chat_server import ChatServer
from ..daemon.models.host_rig import SCRIPT
from ..daemon.models.tiny_gguf import write_tiny
from .quarters import Plain, Quarters, running, small_house, until

SCRIPTED = """
[models.small]
backend = "scripted"
file = "script.yaml"
purposes = ["draft", "classify", "long"]
call = "10s"
"""


@contextmanager
def house(tmp_path: Path, settings: str = SCRIPTED, script: str = SCRIPT) -> Iterator[tuple[Quarters, Client]]:
    folder = small_house(tmp_path)
    (folder / "script.yaml").write_text(script)
    with (folder / "quarterdeck.toml").open("a") as config:
        config.write(settings)
    with running(folder) as quarters, quarters.client() as client:
        yield quarters, client


def model(client: Client, name: str) -> Plain:
    items = client.call("model.list").result["items"]
    assert isinstance(items, list)
    return next(one for one in items if one["id"] == name)


def host_of(quarters: Quarters, name: str) -> int:
    """Process id of a model's host, 0 while there is none."""
    children = ask_control(quarters.folder, "supervisor.status", {})["children"]
    assert isinstance(children, list)
    return next((int(one["pid"] or 0) for one in children if one["name"] == f"model-{name}"), 0)


def kinds(client: Client, *wanted: str) -> list[str]:
    """Of these the events that there are, the oldest first."""
    items = client.call("timeline.read", {"limit": 500}).result["items"]
    assert isinstance(items, list)
    return [str(one["kind"]) for one in reversed(items) if str(one["kind"]) in wanted]


def refused(call: Callable[[], object]) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as failed:
        call()
    return failed.value


def test_a_question_is_answered_in_pieces_recorded_and_not_computed_twice(tmp_path: Path) -> None:
    with house(tmp_path, script=f"pace: 100\n{SCRIPT}") as (_, client):
        stream = client.stream("model.ask", {"prompt": "Answer this mail.", "purpose": "draft"})
        chunks = list(stream)
        assert stream.result is not None
        answer = stream.result.result
        assert answer["text"] == "Dear Ana, thank you for your message."
        assert "".join(str(chunk["text"]) for chunk in chunks) == answer["text"]
        assert len(chunks) > 1
        again = client.call("model.ask", {"prompt": "Answer this mail.", "purpose": "draft"}).result
        assert (again["text"], again["cached"], again["money"]) == (answer["text"], True, 0)
        told = ("model.asked", "model.routed", "model.answered", "model.reused")
        assert kinds(client, *told) == [
            "model.asked",
            "model.routed",
            "model.answered",
            "model.asked",
            "model.reused",
        ]


def test_choices_are_weighed_and_no_model_is_a_typed_error(tmp_path: Path) -> None:
    with house(tmp_path) as (_, client):
        asked = {"prompt": "invoice 7", "purpose": "classify", "choices": ["mail", "invoice"]}
        scores = client.call("model.ask", asked).result["scores"]
        assert isinstance(scores, dict)
        assert max(scores, key=lambda one: float(scores[one])) == "invoice"
        error = refused(lambda: client.call("model.ask", {"prompt": "x", "purpose": "judge"}))
        assert (error.code, error.details["status"]) == ("unavailable", "refused")


def test_a_crashed_model_costs_one_request_and_comes_back(tmp_path: Path) -> None:
    with house(tmp_path, script=f"pace: 50\n{SCRIPT}") as (quarters, client):
        assert until(lambda: host_of(quarters, "small") != 0, 20)
        failed: list[QuarterdeckError] = []

        def ask() -> None:
            with quarters.client() as own:
                failed.append(refused(lambda: own.call("model.ask", {"prompt": "Say much.", "purpose": "long"})))

        asking = threading.Thread(target=ask)
        daemon = next(one for one in quarters.processes() if "service.daemon" in " ".join(one.cmdline()))
        asking.start()
        for _ in range(2):  # The kernel tries the same model once more.
            assert until(lambda: bool(_busy(quarters)), 20)
            _busy(quarters)[0].send_signal(signal.SIGSEGV)
            assert until(lambda: not _busy(quarters), 20)
        asking.join(30)
        assert [one.code for one in failed] == ["unavailable"]
        assert "SIGSEGV" in failed[0].message
        answer = client.call("model.ask", {"prompt": "Answer this mail.", "purpose": "draft"}).result
        assert answer["text"]
        assert daemon.is_running()


def _busy(quarters: Quarters) -> list[psutil.Process]:
    """The inner half of the model's host while it answers."""
    with quarters.client() as client:
        processes = client.call("system.status").result
    host = host_of(quarters, "small")
    if not host or not processes:
        return []
    try:
        inner = psutil.Process(host).children()
        return [one for one in inner if one.num_threads() > 1]
    except psutil.NoSuchProcess:
        return []


def test_a_question_whose_time_is_over_is_cancelled_in_its_host(tmp_path: Path) -> None:
    with house(tmp_path, script=f"pace: 50\n{SCRIPT}") as (_, client):
        client.call("model.ask", {"prompt": "Answer this mail.", "purpose": "draft"})
        params = {"prompt": "Say much.", "purpose": "long"}
        error = refused(lambda: client.call("model.ask", params, deadline_ms=1_000))
        assert error.code == "deadline"
        began = time.monotonic()
        client.call("model.ask", {"prompt": "Answer that mail.", "purpose": "draft"})
        assert time.monotonic() - began < 5, "eight seconds of the long answer were left"
        assert kinds(client, "model.cancelled") == ["model.cancelled"]


def test_a_broken_file_is_told_and_nothing_restarts_in_a_loop(tmp_path: Path) -> None:
    with house(tmp_path, script="answers: {") as (quarters, client):
        assert until(lambda: bool(model(client, "small")["problem"]), 20)
        row = model(client, "small")
        assert row["ready"] is False
        assert "no script" in str(row["problem"])
        host = host_of(quarters, "small")
        checks = client.call("system.doctor").result["items"]
        assert isinstance(checks, list)
        check = next(one for one in checks if one["id"] == "models")
        assert check["ok"] is False
        assert "small" in check["detail"]
        error = refused(lambda: client.call("model.ask", {"prompt": "x", "purpose": "draft"}))
        assert error.code == "unavailable"
        assert host_of(quarters, "small") == host
        (quarters.folder / "script.yaml").write_text(SCRIPT)
        assert until(lambda: model(client, "small")["ready"] is True, 20)
        assert client.call("model.ask", {"prompt": "x", "purpose": "draft"}).result["text"]


def test_the_stop_ends_the_hosts_of_models_elsewhere_and_no_others(tmp_path: Path) -> None:
    with ChatServer() as server:
        elsewhere = (
            '[models.far]\nbackend = "openai"\nurl = "https://far.example/v1"\nmodel = "m"\n'
            f'[models.near]\nbackend = "openai"\nurl = "{server.url}"\nmodel = "m"\npurposes = ["draft"]\n'
            '[routes]\ndraft = "near"\n'
        )
        with house(tmp_path, elsewhere) as (quarters, client):
            assert until(lambda: bool(host_of(quarters, "far") and host_of(quarters, "near")), 20)
            far, near = host_of(quarters, "far"), host_of(quarters, "near")
            assert client.call("model.ask", {"prompt": "Three words."}).result["text"]
            assert until(lambda: model(client, "far")["ready"] is True, 20)
            client.call("stop.engage", {"reason": "test"})
            assert not psutil.pid_exists(far)
            assert host_of(quarters, "near") == near
            assert until(lambda: "stopped" in str(model(client, "far")["problem"]), 20)
            time.sleep(1.0)
            assert host_of(quarters, "far") == 0, "it stays away while everything is stopped"
            asked = len(server.asked)
            assert refused(lambda: client.call("model.ask", {"prompt": "Five words."})).code == "stopped"
            assert len(server.asked) == asked
            client.call("stop.release", {"reason": "go on"})
            assert until(lambda: host_of(quarters, "far") != 0, 20)
            assert until(lambda: model(client, "far")["ready"] is True, 20)
            assert client.call("model.ask", {"prompt": "Five words."}).result["text"] == "one two three four five"


def test_a_model_is_added_measured_and_asked_over_the_wire(tmp_path: Path) -> None:
    """The daemon itself reads no file of strangers and loads nothing: each errand is a process of its own."""
    with house(tmp_path, "") as (quarters, client):
        source = write_tiny(tmp_path / "tiny.gguf", "Q4_0")
        added = client.call("model.add", {"id": "tiny", "source": str(source)}).result
        assert Path(str(added["path"])).is_relative_to(quarters.folder / ".quarterdeck" / "models")
        assert until(lambda: model(client, "tiny")["ready"] is True and bool(model(client, "tiny")["model"]), 20)
        figures = client.call("model.bench", {"id": "tiny"}, deadline_ms=60_000).result
        assert float(str(figures["tokens_s"])) > 0
        assert model(client, "tiny")["tokens_s"]
        answer = client.call("model.ask", {"prompt": "Dear Ana", "tokens_max": 8}, deadline_ms=30_000).result
        assert str(answer["model"]).startswith("tiny-")
        assert refused(lambda: client.call("model.add", {"id": "tiny", "source": str(source)})).code == "conflict"
        assert refused(lambda: client.call("model.add", {"id": "--help", "source": str(source)})).code == "bad_value"
        assert refused(lambda: client.call("model.bench", {"id": "none"})).code == "not_found"
