"""Real workspaces for end-to-end tests: the practice company, or a small house of one's own.

Every process that is started here is ended here, by id.
"""

from __future__ import annotations

import contextlib
import email
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import psutil

from quarterdeck_daemon.service import lifecycle
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

STUDIO = Path(__file__).parents[2] / "examples" / "studio"
Plain = dict[str, object]

SMALL_CONFIG = """
[workspace]
name = "Small house"
operator = "Mara <mara@small.test>"

[actions]
hold = "{hold}"
cooling_off = "0s"
high_per_minute = 0

[workers]
count = 1

[mail.in]
kind = "eml"
path = "mail/inbox"
poll = "200ms"

[mail.out]
kind = "maildir"
path = "mail/outbox"

[[files]]
path = "facts"
integrity = "operator"
"""


class Quarters:
    """A workspace with its processes. `client` is connected while they run."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.env = dict(env or {})
        self.outbox = folder / "mail" / "outbox"

    def start(self) -> None:
        """Start, or start again after the supervisor was killed; what still dies is waited for."""
        saved = {name: os.environ.get(name) for name in self.env}
        os.environ.update(self.env)
        try:
            until(lambda: lifecycle.is_running(self.folder) is None, 10)
            lifecycle.start(self.folder, wait_s=40)
        finally:
            for name, value in saved.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def stop(self) -> None:
        with contextlib.suppress(QuarterdeckError):
            lifecycle.stop_all(self.folder)

    def client(self, timeout_ms: int = 20_000) -> Client:
        return Client(self.folder, timeout_ms=timeout_ms)

    def processes(self) -> list[psutil.Process]:
        """Supervisor first, then its children."""
        owner = lifecycle.is_running(self.folder)
        if owner is None:
            return []
        try:
            supervisor = psutil.Process(owner.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self, process: psutil.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

    def sent(self) -> list[EmailMessage]:
        """All messages in the outbox, parsed."""
        files = [path for part in ("new", "cur") for path in sorted((self.outbox / part).glob("*"))]
        return [_message(path) for path in files]

    def lay_mail(self, name: str, text: str) -> None:
        """Put a mail into the inbox at once, as a delivery agent would."""
        inbox = self.folder / "mail" / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        fresh = inbox.parent / f"{name}.part"
        fresh.write_text(text, "utf-8")
        fresh.rename(inbox / name)


def _message(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage), "the default policy makes EmailMessages"
    return message


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Poll until it holds; False when it did not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


@contextlib.contextmanager
def running(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Quarters]:
    quarters = Quarters(folder, env)
    quarters.start()
    try:
        yield quarters
    finally:
        quarters.stop()


def studio(tmp_path: Path, *, hold: str = "8s") -> Path:
    """A copy of the practice company."""
    folder = tmp_path / "studio"
    shutil.copytree(STUDIO, folder)
    config = folder / "quarterdeck.toml"
    text = config.read_text("utf-8").replace('hold = "8s" ', f'hold = "{hold}" ')
    text = text.replace('cooling_off = "10m"', 'cooling_off = "0s"').replace(
        "high_per_minute = 6", "high_per_minute = 0"
    )
    config.write_text(text, "utf-8")
    policy = folder / "policies" / "mail.toml"
    policy.write_text(re.sub(r'hold = "\d+s"', f'hold = "{hold}"', policy.read_text("utf-8")), "utf-8")
    return folder


def small_house(tmp_path: Path, *, hold: str = "100ms") -> Path:
    """The studio's playbook, policy, templates and facts without its mail: tests lay their own."""
    folder = tmp_path / "small"
    for part in ("playbooks", "templates", "facts"):
        shutil.copytree(STUDIO / part, folder / part)
    (folder / "policies").mkdir()
    (folder / "policies" / "mail.toml").write_text(
        '[[rule]]\nid = "mail.reply"\nmatch = "mail.send"\nverdict = "ask"\nrisk = "low"\n', "utf-8"
    )
    (folder / "mail" / "inbox").mkdir(parents=True)
    (folder / "quarterdeck.toml").write_text(SMALL_CONFIG.format(hold=hold), "utf-8")
    return folder


def lead_mail(number: int) -> str:
    """A plain lead, every one from somebody else."""
    return (
        f"From: Ines Duarte <ines{number}@north{number}.test>\r\n"
        "To: mara@small.test\r\n"
        f"Subject: Redesign of our onboarding {number}\r\n"
        f"Message-ID: <lead-{number}@north{number}.test>\r\n"
        "Date: Fri, 20 Nov 2026 10:00:00 +0100\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        "Hello Mara,\r\n\r\nwe are looking for a product designer to redesign the onboarding of our app. "
        "Our budget is EUR 8,000 and we would like to start in January. Could you send us a quote?\r\n\r\n"
        f"Best regards,\r\nInes Duarte\r\nHead of Product, North{number}\r\n"
    )


def listed(value: object) -> list[Plain]:
    """What came as a list of maps, as one."""
    assert isinstance(value, list)
    return value


def approvals(client: Client) -> list[Plain]:
    items = client.call("approval.list", {"limit": 1000}).result["items"]
    assert isinstance(items, list)
    return items


def approve(client: Client, items: list[Plain]) -> list[Plain]:
    choices = [
        {"id": item["id"], "shown_hash": item["shown_hash"], "confirm": item.get("confirm", "")} for item in items
    ]
    decided = client.call("approval.decide", {"items": choices, "decision": "approve"}).result["items"]
    assert isinstance(decided, list)
    return decided


def settle(client: Client, timeout_ms: int = 60_000) -> Plain:
    return client.call("ingest.wait", {"timeout_ms": timeout_ms}, deadline_ms=timeout_ms + 5_000).result
