"""Every connector behind the runner that production uses, with the other side as a real thing that can be counted."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from quarterdeck_daemon.connectors.registry import build_connectors
from quarterdeck_daemon.core.compensations import way_back
from quarterdeck_daemon.core.entities import Action, Plain, Verdict
from quarterdeck_daemon.core.orders import EffectDone, ExecuteEffect, Failed, Failure, Outcome
from quarterdeck_daemon.service.effect_journal import EffectJournal
from quarterdeck_daemon.service.effect_runner import EffectRunner
from quarterdeck_daemon.service.fence import Fence
from quarterdeck_daemon.service.workspace import About, Config, Mail, MailOut
from quarterdeck_daemon.service.workspace import PracticeServer as PracticeSettings
from quarterdeck_protocol.labels import OPERATOR as BY_OPERATOR

from ..daemon.connectors.daemon_side import execute
from ..daemon.connectors.smtp_server import USER, MailServer
from ..practice_server import PracticeServer

OPERATOR = About(operator="Mara Lindqvist <mara@studio-example.test>", timezone="Europe/Berlin")
LETTER: Plain = {
    "to": ["Inês Duarte <ines@northwind.test>"],
    "cc": ["office@northwind.test"],
    "subject": "Grüße 漢字 😀",
    "body": "Grüß Gott, Inês\n\n漢字 😀\n.a dot\nFrom here\n",
    "in_reply_to": "<second@northwind.test>",
    "references": ["<first@northwind.test>", "<second@northwind.test>"],
}


class Bench:
    """A connector behind the runner that production uses, and a way to count what it did."""

    connector, verb = "mail", "send"
    good = LETTER
    kept = "mail/outbox"  # The folder whose loss makes the lookup blind.
    effect_class = "B"
    finds = True  # Whether the lookup finds what was done.
    proves_absence = True  # … and can say that something was not.

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        (workspace / ".quarterdeck").mkdir()
        self.runner = self.fresh_runner()

    def config(self) -> Config:
        return Config(workspace=OPERATOR)

    def fresh_runner(self) -> EffectRunner:
        journal = EffectJournal(self.workspace / ".quarterdeck/effects")
        return EffectRunner(build_connectors(self.config(), self.workspace), journal, Fence)

    def order(self, verb: str, args: Plain, operation: str) -> ExecuteEffect:
        return execute(args, operation=operation, connector=self.connector, verb=verb)

    def begin_in_vain(self) -> None:
        """An operation that was begun and of which nothing can be seen."""
        self.do(self.work())
        journal = EffectJournal(self.workspace / ".quarterdeck/effects")
        entry = journal.read("qd-1")
        assert entry is not None
        journal.write(msgspec.structs.replace(entry, state="started", result={}))
        shutil.rmtree(self.workspace / self.kept)

    def work(self, operation: str = "qd-1", **changed: object) -> ExecuteEffect:
        args = {name: value for name, value in {**self.good, **changed}.items() if value is not None}
        return execute(args, operation=operation, connector=self.connector, verb=self.verb)

    def do(self, work: ExecuteEffect) -> Outcome:
        return self.runner.prepare(work) or self.runner.carry_out(work)

    def refused(self, **changed: object) -> Failure:
        outcome = self.do(self.work("qd-1", **changed))
        assert isinstance(outcome, Failed), outcome
        return outcome.failure

    def effects(self) -> list[bytes]:
        """What reached the other side."""
        return [path.read_bytes() for path in sorted((self.workspace / "mail/outbox/new").glob("*"))]

    def ill(self, fault: str) -> None:
        """Make the other side lose the answer ("uncertain"), ask to wait ("limit") or not know us ("auth"), once."""
        raise LookupError(f"{type(self).__name__} cannot be made to fail by {fault!r}")

    def close(self) -> None:
        return


class SmtpBench(Bench):
    proves_absence = False

    def __init__(self, workspace: Path, *, auth: bool = False, tls: bool = False) -> None:
        self.server = MailServer(workspace / "server", auth=auth, tls=tls)
        self.starttls = tls
        self.user = USER if auth else ""
        super().__init__(workspace)

    def config(self) -> Config:
        out = MailOut(
            kind="smtp", port=self.server.port, starttls=self.starttls, user=self.user, password="secret://mail/smtp"
        )
        return Config(workspace=OPERATOR, mail=Mail(out=out))

    def secret(self, text: str, mode: int = 0o600) -> None:
        path = self.workspace / ".quarterdeck/secrets.toml"
        path.write_text(text)
        path.chmod(mode)

    def ill(self, fault: str) -> None:
        if fault == "auth":
            self.secret('[mail]\nsmtp = "wrong horse"\n')
        else:
            self.server.mode({"uncertain": "drop", "limit": "later"}[fault])

    def effects(self) -> list[bytes]:
        return self.server.mails()

    def close(self) -> None:
        self.server.close()


class FilesBench(Bench):
    connector, verb = "files", "write"
    good = {"path": "notes/plan.md", "text": "Grüße 漢字 😀\n"}
    kept = "notes"

    def effects(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.workspace / "notes").glob("*"))]


class PracticeBench(Bench):
    """The practice connector before its server; one bench for each class."""

    connector, verb = "practice", "pay"
    good: Plain = {"to": "printer", "amount": 4_200, "currency": "EUR"}
    timeout = "400ms"
    effect_class = "A"
    finds = proves_absence = False

    def __init__(self, workspace: Path) -> None:
        self.server = PracticeServer(workspace / "server")
        super().__init__(workspace)

    def config(self) -> Config:
        settings = PracticeSettings(url=self.server.url, token="secret://practice/token", timeout=self.timeout)
        secrets = self.workspace / ".quarterdeck/secrets.toml"
        if not secrets.exists():
            secrets.write_text('[practice]\ntoken = "correct horse"\n')
            secrets.chmod(0o600)
        return Config(workspace=OPERATOR, practice=settings)

    def effects(self) -> list[bytes]:
        return [msgspec.json.encode(one) for one in self.server.effects(self.verb)]

    def ill(self, fault: str) -> None:
        self.server.ill({"uncertain": "lose_ack", "limit": "later", "auth": "auth"}[fault])

    def begin_in_vain(self) -> None:
        self.server.ill("drop")
        assert self.refused().failure == "uncertain"

    def close(self) -> None:
        self.server.close()


class BookBench(PracticeBench):
    verb = "book"
    effect_class = "B"
    finds = proves_absence = True
    good: Plain = {"room": "big", "day": "2026-12-01"}


class PostBench(PracticeBench):
    verb = "post"
    effect_class = "C"
    good: Plain = {"channel": "news", "text": "Grüße 漢字 😀\n"}


def taken_back(bench: Bench, work: ExecuteEffect, result: Plain) -> Outcome:
    """Carry out the way back that core/compensations.py declares for a done effect."""
    verdict = Verdict(verdict="allow", rule="r", where="w", risk="low", hold_us=0)
    action = Action(
        id="a1", connector=work.connector, verb=work.verb, args=work.args, targets=work.targets, summary="s",
        status="succeeded", shown_hash=work.approved_hash, operation_id=work.operation_id, agent="x", at_us=0,
        labels=BY_OPERATOR, verdict=verdict, result=result,
    )  # fmt: skip
    way = way_back(action)
    connector, _, verb = way.verb.partition(".")
    return bench.do(execute(way.args, operation="qd-back", connector=connector, verb=verb))


def done(outcome: Outcome) -> Plain:
    assert isinstance(outcome, EffectDone), outcome
    return outcome.result


BENCHES: dict[str, type[Bench]] = {
    "maildir": Bench, "smtp": SmtpBench, "files": FilesBench, "pay": PracticeBench, "book": BookBench, "post": PostBench,
}  # fmt: skip
