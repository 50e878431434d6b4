"""A small HTTP server on this machine that speaks the published chat API, well or badly, as a test tells it to."""

from __future__ import annotations

import json
import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ASKED_MAX = 1_000
Body = dict[str, Any]
Play = Callable[["Exchange"], None]


class Exchange:
    """One request, and the ways of answering it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: Body) -> None:
        self.handler, self.body = handler, body

    @property
    def prompt(self) -> str:
        return str(self.body["messages"][-1]["content"])

    def send(self, status: int, content: bytes, kind: str = "application/json", **headers: str) -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.send_header("Content-Length", str(len(content)))
        self.handler.end_headers()
        self.handler.wfile.write(content)

    def refuse(self, status: int, words: str, code: str = "", **headers: str) -> None:
        self.send(status, json.dumps({"error": {"message": words, "code": code}}).encode(), **headers)

    def open(self) -> None:
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "text/event-stream")
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()

    def event(self, part: Body | str) -> None:
        data = part if isinstance(part, str) else json.dumps(part)
        self.handler.wfile.write(f"data: {data}\n\n".encode())
        self.handler.wfile.flush()

    def delta(self, delta: Body, finish: str | None = None, **more: object) -> None:
        self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}]})

    def cut(self) -> None:
        """The line goes dead in the middle."""
        self.handler.connection.shutdown(socket.SHUT_RDWR)

    def stream(self, text: str, *, pause_s: float = 0.0, finish: str = "stop") -> None:
        """The whole text, a word at a time, then what it cost."""
        self.open()
        words = re.findall(r"\s*\S+|\s+$", text)
        self.delta({"role": "assistant", "content": ""})
        for word in words:
            time.sleep(pause_s)
            self.delta({"content": word})
        self.delta({}, finish)
        self.usage(len(self.prompt.split()), len(words))
        self.event("[DONE]")

    def usage(self, tokens_in: int, tokens_out: int, cached: int = 0) -> None:
        used = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
        self.event({"choices": [], "usage": {**used, "prompt_tokens_details": {"cached_tokens": cached}}})


def polite(exchange: Exchange) -> None:
    """What a good service does: keeps the schema, calls the tool, tells likelihoods, stops where it is told to."""
    body = exchange.body
    if "response_format" in body:
        exchange.stream(json.dumps(_least(body["response_format"]["json_schema"]["schema"])))
    elif body.get("logprobs"):
        weigh({"B": 0.7, "A": 0.2})(exchange)
    else:
        text = "one two three four five"
        for stop in body.get("stop", ()):
            text = text.split(stop)[0]
        words = text.split()
        limit = body["max_tokens"]
        exchange.stream(" ".join(words[:limit]), finish="stop" if len(words) <= limit else "length")


def _least(schema: Body) -> object:
    """Written anew here, so that the server does not believe the client's own."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: _least(schema["properties"][name]) for name in schema.get("required", ())}
    if kind == "array":
        return [_least(schema["items"])] * int(schema.get("minItems", 0))
    if kind == "string":
        return "s" * int(schema.get("minLength", 1))
    return {"integer": schema.get("minimum", 1), "number": 0.5, "boolean": True}.get(str(kind))


def weigh(likely: dict[str, float]) -> Play:
    """Answers one token with these likelihoods."""

    def play(exchange: Exchange) -> None:
        exchange.open()
        top = [{"token": token, "logprob": math.log(one)} for token, one in likely.items()]
        first = {"token": top[0]["token"], "logprob": top[0]["logprob"], "top_logprobs": top}
        exchange.delta({"content": top[0]["token"]}, logprobs={"content": [first]})
        exchange.delta({}, "stop")
        exchange.usage(10, 1)
        exchange.event("[DONE]")

    return play


class ChatServer:
    """`with ChatServer() as server:`; `plays` are given first, one a request, then `polite` ones."""

    def __init__(self) -> None:
        self.asked: list[Body] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.plays: list[Play] = []
        self.always: Play = polite
        self.gone = threading.Event()  # A client left before the end of its answer.
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
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

    def plays_of(self, *plays: Play) -> Iterator[Body]:
        """Have these played next, and give what was asked."""
        self.plays += plays
        return iter(self.asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(body)
                server.keys.append(self.headers["Authorization"])
                server.paths.append(self.path)
                assert len(server.asked) < ASKED_MAX, "a test asks without end"
                play = server.plays.pop(0) if server.plays else server.always
                try:
                    play(Exchange(self, body))
                except OSError:
                    server.gone.set()
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                return

        return Handler
