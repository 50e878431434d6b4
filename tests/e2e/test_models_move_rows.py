"""Another embedder is chosen while the house works: rows move over, recall never pauses."""

from __future__ import annotations

from pathlib import Path

from quarterdeck_protocol.client import Client

from ..daemon.embedders.embedding_server import EmbeddingServer
from .quarters import Plain, running, settle, small_house, until

NOTES = 60


def endpoint(server: EmbeddingServer) -> str:
    return f'\n[embedder.endpoint]\nurl = "{server.url}"\nmodel = "toy"\ndimension = {server.dimension}\n'


def index(client: Client) -> Plain:
    found = client.call("model.list").result["index"]
    assert isinstance(found, dict)
    return found


def finds(client: Client) -> bool:
    return bool(client.call("memory.search", {"query": "who supplies oak panels"}).result["items"])


def test_choosing_an_endpoint_moves_the_rows_while_recall_goes_on(tmp_path: Path) -> None:
    """Not one search misses what is remembered, whichever vectors answer."""
    with EmbeddingServer() as server:
        folder = small_house(tmp_path)
        with (folder / "quarterdeck.toml").open("a") as config:
            config.write(endpoint(server))
        with running(folder) as quarters, quarters.client() as client:
            for number in range(NOTES):
                client.call(
                    "memory.remember", {"text": f"Note {number}: Halvorsen supplies oak panels for house {number}."}
                )
            settle(client)
            assert until(lambda: int(str(index(client)["rows"])) > NOTES and finds(client), 20), index(client)
            assert str(index(client)["embedder"]).startswith("static-256-")
            assert client.call("model.use", {"id": "endpoint"}).result == {"id": "endpoint", "changed": True}
            missed = [0]

            def moved() -> bool:
                missed[0] += not finds(client)
                state = index(client)
                return str(state["embedder"]).startswith("endpoint-") and not state["migrating_to"]

            assert until(moved, 30)
            assert missed == [0]
            sent = [text for asked in server.asked for text in asked["input"]]  # type: ignore[attr-defined]
            assert sum(text.startswith("Note ") for text in sent) >= NOTES
            assert client.call("model.use", {"id": "endpoint"}).result["changed"] is False
