"""The other side of the practice connector, in a process of its own: does what it is asked, counts it, and can be ill.

Run as a script: `practice_server.py FOLDER`. It binds a free loopback port and writes it to FOLDER/port.
What it is told by POST /control {"fault": …, "times": n, "delay_ms": …} holds for the next n requests that act:

lose_ack    does it, hangs up without an answer        drop      hangs up without doing it
delay       does it after a while, then answers        timeout   does it not, and never answers
refuse      422, does it not                           later     429 with Retry-After, does it not
auth        401, does it not                           garbage   does it, answers with what is no JSON
duplicate   the line delivers the request twice        broken    500, after doing it
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Plain = dict[str, object]
START_WAIT_S = 20.0
NEVER_S = 30.0


class Books:
    """What the server has done. One effect is one entry in `effects`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.effects: list[Plain] = []
        self.received: dict[str, int] = {}
        self.by_key: dict[str, Plain] = {}
        self.bookings: dict[str, Plain] = {}
        self.fault: Plain = {"fault": "", "times": 0, "delay_ms": 0}
        self.token = ""

    def take_fault(self) -> str:
        times = int(str(self.fault["times"]))
        if times <= 0:
            return ""
        self.fault["times"] = times - 1
        return str(self.fault["fault"])

    def note(self, verb: str, name: str, body: Plain) -> None:
        self.effects.append({"verb": verb, "name": name, "at": time.time(), **body})

    def act(self, method: str, path: str, headers: dict[str, str], body: Plain) -> tuple[int, Plain]:
        """Do one request. The three kinds of sink are the three branches."""
        _, what, *rest = path.split("/")
        if what in ("pay", "refund"):
            return self._with_key(what, headers.get("idempotency-key", ""), body)
        if what == "book" and rest:
            return self._booking(method, rest[0], headers, body)
        if what == "post":
            self.note("post", "", body)
            return 200, {"post": len(self.effects)}
        return 404, {"error": f"nothing at {path}"}

    def _with_key(self, verb: str, key: str, body: Plain) -> tuple[int, Plain]:
        if not key:
            return 400, {"error": "no Idempotency-Key"}
        if key not in self.by_key:
            self.note(verb, key, body)
            self.by_key[key] = {"receipt": len(self.effects), "payment": key}
        return 200, self.by_key[key]

    def _booking(self, method: str, name: str, headers: dict[str, str], body: Plain) -> tuple[int, Plain]:
        known = self.bookings.get(name)
        if method == "PUT":
            if known is not None and "if-none-match" in headers:
                return 412, known
            self.note("book", name, body)
            self.bookings[name] = {"booking": name, "day": body.get("day"), "gone": False}
            return 201, self.bookings[name]
        if known is None:
            return 404, {"error": f"no booking {name}"}
        if method == "DELETE" and not known["gone"]:
            self.note("cancel", name, {})
            known["gone"] = True
            return 200, known
        return (410 if known["gone"] else 200), known


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    books: Books

    def log_message(self, format: str, *args: object) -> None:
        return

    def _body(self) -> Plain:
        length = int(self.headers.get("Content-Length") or 0)
        found = json.loads(self.rfile.read(length) or b"{}")
        assert isinstance(found, dict)
        return found

    def _answer(self, status: int, body: Plain, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def do_GET(self) -> None:
        if self.path == "/ledger":
            with self.books.lock:
                self._answer(200, {"effects": self.books.effects, "received": self.books.received})
        else:
            with self.books.lock:
                status, body = self.books.act("GET", self.path, {}, {})
            self._answer(status, body)

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/control":
            with self.books.lock:
                self.books.token = str(body.pop("token", self.books.token))
                self.books.fault |= body
            self._answer(200, {})
        else:
            self._act(body)

    def do_PUT(self) -> None:
        self._act(self._body())

    def do_DELETE(self) -> None:
        self._act(self._body())

    def _act(self, body: Plain) -> None:
        with self.books.lock:
            fault = self.books.take_fault()
            verb = f"{self.command} {self.path.split('/')[1]}"
            self.books.received[verb] = self.books.received.get(verb, 0) + 1
            allowed = not self.books.token or self.headers.get("Authorization") == f"Bearer {self.books.token}"
        if fault == "auth" or not allowed:
            self._answer(401, {"error": "who are you?"})
        elif fault == "refuse":
            self._answer(422, {"error": "we do not take this"})
        elif fault == "later":
            self._answer(429, {"error": "too many"}, Retry_After="1")
        elif fault == "drop":
            self._hang_up()
        elif fault == "timeout":
            time.sleep(NEVER_S)
            self._hang_up()
        else:
            self._do(fault, body)

    def _do(self, fault: str, body: Plain) -> None:
        if fault == "delay":
            time.sleep(int(str(self.books.fault["delay_ms"])) / 1000)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.books.lock:
            status, answer = self.books.act(self.command, self.path, headers, body)
            if fault == "duplicate":
                self.books.act(self.command, self.path, headers, body)
        if fault == "lose_ack":
            self._hang_up()
        elif fault == "broken":
            self._answer(500, {"error": "out of order"})
        elif fault == "garbage":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>no!")
            self._hang_up()
        else:
            self._answer(status, answer)


class PracticeServer:
    """The server as a test sees it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.process = subprocess.Popen([sys.executable, __file__, str(folder)])
        deadline = time.monotonic() + START_WAIT_S
        while not (folder / "port").exists():
            assert time.monotonic() < deadline, "the practice server did not start"
            assert self.process.poll() is None, "the practice server ended"
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{(folder / 'port').read_text()}"

    def ill(self, fault: str, *, times: int = 1, delay_ms: int = 0) -> None:
        """Have the next requests that act go wrong in this way; "" is well again."""
        self._call("/control", {"fault": fault, "times": times if fault else 0, "delay_ms": delay_ms})

    def wants(self, token: str) -> None:
        self._call("/control", {"token": token})

    def effects(self, verb: str = "") -> list[Plain]:
        found = self._call("/ledger")["effects"]
        assert isinstance(found, list)
        return [one for one in found if verb in ("", one["verb"])]

    def received(self) -> Plain:
        found = self._call("/ledger")["received"]
        assert isinstance(found, dict)
        return found

    def _call(self, path: str, body: Plain | None = None) -> Plain:
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=10) as answer:
            found = json.load(answer)
        assert isinstance(found, dict)
        return found

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def serve(folder: Path) -> None:
    Handler.books = Books()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fresh = folder / "port.new"
    fresh.write_text(str(server.server_port))
    fresh.rename(folder / "port")
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
