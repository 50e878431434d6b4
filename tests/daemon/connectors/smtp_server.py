"""A real SMTP server in a process of its own, for tests: keeps what it accepts, refuses or hangs up as told.

Run as a script: `smtp_server.py FOLDER`. It binds a free loopback port, writes it to FOLDER/port, and reads its
mode from FOLDER/mode for each mail, so that a test can change it:
accept · later (451) · never (550) · recipient-never (550 at RCPT) · drop (accepts, then hangs up without a word)
· lose (hangs up after DATA without accepting).
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "mara", "correct horse"
START_WAIT_S = 20.0


class Handler:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mode(self) -> str:
        return (self.folder / "mode").read_text()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mode() == "recipient-never":
            return "550 5.1.1 nobody here by that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mode = self.mode()
        if mode == "later":
            return "451 4.3.0 try again later"
        if mode == "never":
            return "550 5.7.1 we do not take this"
        if mode != "lose":
            assert isinstance(envelope.content, bytes)
            number = len(list(self.folder.glob("*.eml")))
            (self.folder / f"{number:04}.eml").write_bytes(envelope.content)
            (self.folder / f"{number:04}.to").write_text("\n".join(envelope.rcpt_tos))
        if mode in ("drop", "lose"):
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 2.0.0 taken"


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data.login == USER.encode() and data.password == PASSWORD.encode(), handled=False)


class MailServer:
    """The server as a test sees it."""

    def __init__(self, folder: Path, *, auth: bool = False, tls: bool = False) -> None:
        folder.mkdir()
        self.folder = folder
        self.mode("accept")
        if tls:
            make_certificate(folder)
        self.process = subprocess.Popen([sys.executable, __file__, str(folder), *(["auth"] if auth else [])])
        deadline = time.monotonic() + START_WAIT_S
        while not (folder / "port").exists():
            assert time.monotonic() < deadline, "the mail server did not start"
            assert self.process.poll() is None, "the mail server ended"
            time.sleep(0.02)
        self.port = int((folder / "port").read_text())

    def mode(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    def mails(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.folder.glob("*.eml"))]

    def recipients(self) -> list[list[str]]:
        return [path.read_text().split("\n") for path in sorted(self.folder.glob("*.to"))]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def make_certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that is its own authority."""
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)


async def serve(folder: Path, *, auth: bool) -> None:
    handler = Handler(folder)
    context = None
    if (folder / "cert.pem").exists():
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def session() -> SMTP:
        return SMTP(
            handler,
            hostname="mail.test",
            authenticator=authenticate if auth else None,
            auth_required=auth,
            auth_require_tls=False,
            tls_context=context,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fresh = folder / "port.new"
    fresh.write_text(str(port))
    fresh.rename(folder / "port")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), auth="auth" in sys.argv[2:]))
