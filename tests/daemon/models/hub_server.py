"""A small hub on this machine: one file, in ranges, slow, broken off or changed, as a test tells it to."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

PIECE = 64 * 1024


class HubServer:
    """`with HubServer(data) as hub:`; it answers at /owner/repo/resolve/main/tiny.gguf.

    cut_after  so many bytes, then the line goes dead, once for each entry      pause_s  between pieces
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ranges: list[str | None] = []
        self.keys: list[str | None] = []
        self.cut_after: list[int] = []
        self.statuses: list[int] = []
        self.pause_s = 0.0
        self.says_hash = True
        self.takes_ranges = True
        self.redirect_to = ""
        self.sent = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def file(self) -> str:
        return f"{self.url}/owner/repo/resolve/main/tiny.gguf"

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.data).hexdigest()}"' if self.says_hash else '"v1"'

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.ranges.append(handler.headers["Range"])
        self.keys.append(handler.headers["Authorization"])
        if self.redirect_to:
            handler.send_response(302)
            handler.send_header("Location", self.redirect_to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200 or not handler.path.endswith("/owner/repo/resolve/main/tiny.gguf"):
            handler.send_error(status if status != 200 else 404)
            return
        begin = 0
        if self.takes_ranges and handler.headers["If-Range"] == self.tag:
            found = re.fullmatch(r"bytes=(\d+)-", handler.headers["Range"] or "")
            begin = int(found[1]) if found else 0
        handler.send_response(206 if begin else 200)
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(self.data) - 1}/{len(self.data)}")
        handler.send_header("ETag", self.tag)
        handler.send_header("Content-Length", str(len(self.data) - begin))
        handler.end_headers()
        self._send(handler, self.data[begin:], self.cut_after.pop(0) if self.cut_after else None)

    def _send(self, handler: BaseHTTPRequestHandler, data: bytes, cut: int | None) -> None:
        for at in range(0, len(data), PIECE):
            if cut is not None and at >= cut:
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
            handler.wfile.write(data[at : at + PIECE])
            self.sent += len(data[at : at + PIECE])
            time.sleep(self.pause_s)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                try:
                    server.answer(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                return

        return Handler
