"""What `[embedder]` of the settings opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.embedders.catalogue import MODELS
from quarterdeck_daemon.embedders.table import _MAKERS, open_embedder
from quarterdeck_daemon.service.fence import Fence, write_fence
from quarterdeck_daemon.service.workspace import Embedding, EmbeddingEndpoint
from quarterdeck_protocol.codes import QuarterdeckError

from .embedding_server import EmbeddingServer


def refused(ask: Callable[[], object]) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as error:
        ask()
    return error.value


def test_the_default_is_the_shipped_table(tmp_path: Path) -> None:
    opened = open_embedder(Embedding(), tmp_path)
    assert (opened.id[:11], opened.remote) == ("static-256-", False)


def test_every_model_of_the_catalogue_can_be_opened() -> None:
    assert set(_MAKERS) == set(MODELS)


def test_a_model_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    error = refused(lambda: open_embedder(Embedding(name="minilm"), tmp_path))
    assert error.code == "unavailable"
    assert "models pull minilm" in error.hint


def test_an_unknown_name_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(Embedding())
    msgspec.structs.force_setattr(settings, "name", "word2vec")
    error = refused(lambda: open_embedder(settings, tmp_path))
    assert (error.code, error.hint) == ("not_found", "There are: static, minilm, endpoint.")


def endpoint(server: EmbeddingServer, key: str = "") -> Embedding:
    asked = EmbeddingEndpoint(url=server.url, model="toy", key=key, dimension=server.dimension, timeout="5s")
    return Embedding(name="endpoint", endpoint=asked)


def test_the_key_of_an_endpoint_is_fetched_from_its_handle_for_each_request(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.touch(0o600)
    with EmbeddingServer() as server:
        opened = open_embedder(endpoint(server, "secret://embeddings/key"), tmp_path)
        assert refused(lambda: opened.documents(["one"])).code == "not_found"
        for key in ("first", "second"):
            secrets.write_text(f'[embeddings]\nkey = "{key}"\n')
            opened.documents(["one"])
        secrets.chmod(0o644)
        assert refused(lambda: opened.documents(["one"])).code == "forbidden"
        assert server.keys == ["Bearer first", "Bearer second"]


def test_a_remote_endpoint_heeds_the_fence_and_one_of_this_machine_need_not(tmp_path: Path) -> None:
    """The stop is about what leaves the house. The name of the remote one does not exist; it is not looked up."""
    write_fence(tmp_path / "fence", Fence(epoch=1, stopped=True))
    asked = EmbeddingEndpoint(url="https://embeddings.invalid/v1", model="m", dimension=3)
    remote = open_embedder(Embedding(name="endpoint", endpoint=asked), tmp_path)
    assert refused(lambda: remote.documents(["one"])).code == "stopped"
    assert not remote.queries(["one"]).any()
    with EmbeddingServer() as server:
        assert open_embedder(endpoint(server), tmp_path).documents(["one"]).any()
