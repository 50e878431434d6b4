"""Lesser roles hear what they may see; what the operator grants or takes back holds at once."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import daemon_file, read_connection

from .quarters import Plain, Quarters, running, settle, small_house, until

GRANT = '\n[[grants]]\nto = "script"\nnamespaces = ["default", "acme"]\n'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Quarters]:
    with running(small_house(tmp_path)) as quarters:
        with quarters.client() as client:
            settle(client)
        yield quarters


def role_file(house: Quarters, role: str) -> Path:
    return daemon_file(house.folder).with_name(f"{role}.json")


class Listener:
    """A SUB socket as anybody would make it, on the events that a connection file names."""

    def __init__(self, path: Path) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.subscribe(b"")
        self.socket.connect(read_connection(path).events)

    def heard(self, until_seq: int) -> dict[int, Plain]:
        """Events by position up to this one; those of before the subscription are missing."""
        found: dict[int, Plain] = {}
        while max(found, default=0) < until_seq and self.socket.poll(5_000):
            _, body = self.socket.recv_multipart()
            event = msgspec.msgpack.decode(body, type=dict[str, object])
            found[int(str(event["seq"]))] = event
        return found

    def close(self) -> None:
        self.context.destroy(0)


def listening(house: Quarters, client: Client, role: str) -> Listener:
    """One that hears already: subscriptions take a moment to arrive."""
    listener = Listener(role_file(house, role) if role != "operator" else daemon_file(house.folder))

    def hears() -> bool:
        client.call("memory.remember", {"text": f"knock {client.call('system.hello').seq}"})
        return bool(listener.socket.poll(200))

    assert until(hears, 10)
    return listener


def test_a_role_hears_what_it_may_see_and_the_operator_everything(house: Quarters) -> None:
    with house.client() as client:
        listeners = {role: listening(house, client, role) for role in ("operator", "script", "observer")}
        client.call("memory.remember", {"text": "The vault opens with 4711.", "labels": {"sensitivity": "secret"}})
        client.call("memory.remember", {"text": "Acme has a cellar.", "namespace": "acme"})
        last = client.call("memory.remember", {"text": "The wall is blue."}).seq
        heard = {role: listener.heard(last) for role, listener in listeners.items()}
        for listener in listeners.values():
            listener.close()
    texts = {role: [str(event["body"]) for event in events.values()] for role, events in heard.items()}
    for words, seen in (
        ("4711", {"operator"}),
        ("cellar", {"operator"}),
        ("wall", {"operator", "script", "observer"}),
    ):
        assert {role for role, bodies in texts.items() if any(words in body for body in bodies)} == seen, words
    first = max(min(events) for events in heard.values())
    assert [[seq for seq in events if seq >= first] for events in heard.values()] == [[*range(first, last + 1)]] * 3
    hidden = [seq for seq, event in heard["operator"].items() if "cellar" in str(event["body"])]
    assert [heard["script"][seq]["body"] for seq in hidden] == [{"hidden": "out of scope"}] * len(hidden)


def test_a_roles_file_has_its_own_token_and_nothing_of_the_operators(house: Quarters) -> None:
    whole = read_connection(daemon_file(house.folder))
    for role in ("observer", "script", "editor"):
        path = role_file(house, role)
        own = read_connection(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert own.token not in ("", whole.token)
        assert (own.rpc, own.control, own.events == whole.events) == (whole.rpc, "", False)
        with Client(path) as client:
            assert client.call("system.hello").result["protocol"] == "1.0"
            with pytest.raises(QuarterdeckError) as refused:
                client.call("system.shutdown", {})
            assert refused.value.code == "forbidden"


def test_a_grant_holds_as_soon_as_the_file_says_so_and_no_longer(house: Quarters) -> None:
    """Given, taken back, and a broken file in between, which changes nothing and is told."""
    config = house.folder / "quarterdeck.toml"
    before = config.read_text("utf-8")
    with house.client() as client, Client(role_file(house, "script")) as script:
        id = client.call("memory.remember", {"text": "Acme has a cellar.", "namespace": "acme"}).result["id"]

        def seen() -> bool:
            try:
                return script.call("memory.get", {"id": id}).result["id"] == id
            except QuarterdeckError as error:
                return error.code != "forbidden"

        def by() -> dict[str, Plain]:
            items = client.call("scope.list", {"limit": 100}).result["items"]
            assert isinstance(items, list)
            return {str(one["id"]): one for one in items}

        assert not seen()
        assert by()["script"]["by"] == "default"
        config.write_text(before + GRANT, "utf-8")
        assert until(seen, 10)
        assert by()["script"]["by"] == "granted"
        config.write_text(before + GRANT + "nonsense = [", "utf-8")

        def alerts() -> str:
            return str(client.call("system.status").result["alerts"])

        assert until(lambda: "quarterdeck.toml is not in use" in alerts(), 10)
        assert seen()
        config.write_text(before, "utf-8")
        assert until(lambda: not seen(), 10)
        assert until(lambda: "quarterdeck.toml is not in use" not in alerts(), 10)
        assert by()["script"]["by"] == "default"
        assert by()["operator"]["read"] == {
            "namespaces": ["*"], "facts": ["*"], "memories": ["*"], "tiers": ["*"], "records": ["*"], "sensitivity": "secret",
        }  # fmt: skip
        own = script.call("scope.list").result["items"]
        assert isinstance(own, list)
        assert [one["id"] for one in own] == ["script"]
