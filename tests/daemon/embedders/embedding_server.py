"""A real, small HTTP server that speaks as OpenAI-compatible services do. Answers what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from quarterdeck_daemon.embedders.static import StaticEmbedder

Reply = tuple[int, dict[str, str], bytes]
ASKED_MAX = 10_000


class EmbeddingServer:
    """`with EmbeddingServer() as server:`; `replies` are given first, one a request, then real vectors.

    asked    the bodies of all requests, keys and paths beside them
    """

    def __init__(self) -> None:
        self._embedder = StaticEmbedder()
        self.dimension = self._embedder.dimension
        self.asked: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.replies: list[Reply] = []
        self.before: Callable[[], None] = lambda: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, key: str | None, body: bytes) -> Reply:
        self.before()
        asked = json.loads(body)
        self.asked.append(asked)
        self.keys.append(key)
        self.paths.append(path)
        assert len(self.asked) < ASKED_MAX, "a test asks without end"
        if self.replies:
            return self.replies.pop(0)
        return vectors(self._embedder.documents(asked["input"]).tolist())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, content = server.answer(self.path, self.headers.get("Authorization"), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                server.keys.append(self.headers.get("Authorization"))
                self.send_error(405)

            def log_message(self, *_: object) -> None:
                """Tests read what was asked from `asked`."""

        return Handler


def vectors(rows: list[list[float]]) -> Reply:
    """Return an answer with these vectors, last first: clients must go by the index."""
    items = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(rows)]
    return 200, {"Content-Type": "application/json"}, json.dumps({"data": items[::-1]}).encode()


def refusal(status: int, message: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, json.dumps({"error": {"message": message}}).encode()
