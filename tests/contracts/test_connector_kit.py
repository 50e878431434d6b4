"""One suite over every connector that acts, against real files and a real mail server.

What a connector promises: the same operation twice is one effect; after an uncertain outcome it says what is
known and never more; arguments that mean nothing are refused before anything is touched.
"""

from __future__ import annotations

import email
import email.policy
import os
import shutil
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.connectors.registry import build_connectors
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import EffectAbsent, EffectDone, ExecuteEffect, Failed, Failure, Outcome
from quarterdeck_daemon.service.effect_journal import EffectJournal
from quarterdeck_daemon.service.effect_runner import EffectRunner
from quarterdeck_daemon.service.fence import Fence
from quarterdeck_daemon.service.workspace import About, Config, Mail, MailOut

from ..daemon.connectors.daemon_side import execute, reconcile
from ..daemon.connectors.smtp_server import PASSWORD, USER, MailServer

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

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        (workspace / ".quarterdeck").mkdir()
        self.runner = self.fresh_runner()

    def config(self) -> Config:
        return Config(workspace=OPERATOR)

    def fresh_runner(self) -> EffectRunner:
        journal = EffectJournal(self.workspace / ".quarterdeck/effects")
        return EffectRunner(build_connectors(self.config(), self.workspace), journal, Fence)

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

    def close(self) -> None:
        return


class SmtpBench(Bench):
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


BENCHES: dict[str, type[Bench]] = {"maildir": Bench, "smtp": SmtpBench, "files": FilesBench}


@pytest.fixture(params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = BENCHES[request.param](tmp_path)
    yield bench
    bench.close()


@pytest.fixture(params=["maildir", "smtp"])
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = BENCHES[request.param](tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[SmtpBench]:
    bench = SmtpBench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[SmtpBench]:
    bench = SmtpBench(tmp_path, auth=True)
    yield bench
    bench.close()


def mark_as_begun(bench: Bench, operation: str = "qd-1") -> None:
    """Leave the journal as a crash between its first note and the outcome leaves it."""
    journal = EffectJournal(bench.workspace / ".quarterdeck/effects")
    entry = journal.read(operation)
    assert entry is not None
    journal.write(msgspec.structs.replace(entry, state="started", result={}))


# --- every connector ------------------------------------------------------------------------------


def test_the_same_operation_twice_is_one_effect(bench: Bench) -> None:
    first, second = bench.do(bench.work()), bench.do(bench.work())
    assert isinstance(first, EffectDone)
    assert second == EffectDone(result=first.result, already=True)
    assert len(bench.effects()) == 1


def test_another_operation_is_another_effect(bench: Bench) -> None:
    bench.do(bench.work("qd-1"))
    other = bench.work("qd-2", path="notes/b.md") if bench.connector == "files" else bench.work("qd-2")
    assert isinstance(bench.do(other), EffectDone)
    assert len(bench.effects()) == 2


def test_what_was_begun_and_is_there_is_found_and_not_repeated(bench: Bench) -> None:
    bench.do(bench.work())
    mark_as_begun(bench)
    outcome = bench.runner.reconcile(reconcile(bench.work()))
    assert isinstance(outcome, EffectDone)
    assert outcome.already
    again = bench.do(bench.work())
    assert isinstance(again, EffectDone)
    assert again.already
    assert len(bench.effects()) == 1


def test_what_was_begun_and_left_no_trace_is_absent_or_honestly_uncertain(bench: Bench) -> None:
    """A Maildir or a file proves its own absence; a mail server does not."""
    bench.do(bench.work())
    mark_as_begun(bench)
    shutil.rmtree(bench.workspace / bench.kept)
    outcome = bench.runner.reconcile(reconcile(bench.work()))
    if isinstance(bench, SmtpBench):
        assert isinstance(outcome, Failed)
        assert outcome.failure.failure == "uncertain"
        assert isinstance(bench.do(bench.work()), Failed)
    else:
        assert outcome == EffectAbsent()
        assert isinstance(bench.do(bench.work()), EffectDone)
    assert len(bench.effects()) == 1


def test_what_was_never_begun_is_absent(bench: Bench) -> None:
    assert bench.runner.reconcile(reconcile(bench.work())) == EffectAbsent()
    assert bench.effects() == []


def test_a_restarted_effector_remembers_what_it_did(bench: Bench) -> None:
    bench.do(bench.work())
    bench.runner = bench.fresh_runner()
    outcome = bench.do(bench.work())
    assert isinstance(outcome, EffectDone)
    assert outcome.already


@pytest.mark.parametrize("operation", ["", ".", "../x", "a/b", "a\0b", "x" * 129, "ä"])
def test_an_operation_id_that_is_no_name_is_refused(bench: Bench, operation: str) -> None:
    outcome = bench.do(bench.work(operation))
    assert isinstance(outcome, Failed)
    assert (outcome.failure.failure, outcome.failure.code) == ("contract", "bad_operation_id")
    assert bench.effects() == []


def test_unknown_arguments_are_refused(bench: Bench) -> None:
    failure = bench.refused(colour="red")
    assert (failure.failure, failure.code, bench.effects()) == ("contract", "bad_argument", [])


def test_missing_and_wrongly_typed_arguments_are_refused(bench: Bench) -> None:
    for name in bench.good:
        for value in (7, {"a": 1}, True, [["x"]]):
            assert bench.refused(**{name: value}).code == "bad_argument", (name, value)
    required = {"mail": ["to", "body"], "files": ["path", "text"]}[bench.connector]
    assert [bench.refused(**{name: None}).code for name in required] == ["bad_argument"] * 2
    assert bench.effects() == []


# --- mail -----------------------------------------------------------------------------------------

INJECTIONS = ["\n", "\r", "\r\n", "\0", "\x0b", "\x0c", "\x1b", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("control", INJECTIONS)
def test_no_header_can_be_injected(post: Bench, control: str) -> None:
    text = f"harmless{control}Bcc: eve@evil.test"
    for name, value in {
        "subject": text,
        "to": [f"{text} <ines@northwind.test>"],
        "cc": [f"ines@northwind.test{control}"],
        "bcc": [f"a@b.test{control}Subject: x"],
        "in_reply_to": f"<a@b>{control}Bcc: eve@evil.test",
        "references": [f"<a@b>{control}X: y"],
    }.items():
        assert post.refused(**{name: value}).code == "bad_argument", name
    assert post.effects() == []


@pytest.mark.parametrize(
    "address",
    [
        "", "ines", "@northwind.test", "ines@", "ines@@northwind.test", "a b@c.test", "a@b.test, c@d.test", "a@-b.test",
        "a@b..test", ".a@b.test", "a..b@c.test", '"a b"@c.test', "a@[127.0.0.1]", "<a@b.test", "a@b.test>", "a@b_c.test",
        "boss@bank.test <eve@evil.test>", '"boss@bank.test" <eve@evil.test>', "ä@b.test", "a@straße.test",
        "group: a@b.test;", "a@b.test (note)", "a" * 65 + "@b.test", "a@" + "b" * 64 + ".test",
    ],
)  # fmt: skip
def test_an_address_that_could_be_read_in_two_ways_is_refused(post: Bench, address: str) -> None:
    assert post.refused(to=[address]).code == "bad_argument"
    assert post.effects() == []


def test_the_number_of_recipients_has_a_limit(post: Bench) -> None:
    assert post.refused(to=[f"a{number}@b.test" for number in range(51)]).code == "bad_argument"


def test_the_mail_arrives_as_it_was_written(post: Bench) -> None:
    post.do(post.work(bcc=["hidden@b.test"]))
    message = read(post.effects()[0])
    assert text(post.effects()[0]) == LETTER["body"]
    assert message["Subject"] == LETTER["subject"]
    assert message["From"].addresses[0].addr_spec == "mara@studio-example.test"
    assert message["To"].addresses[0].display_name == "Inês Duarte"
    assert [one.addr_spec for one in message["Cc"].addresses] == ["office@northwind.test"]
    assert (message.get_content_type(), message.get_content_charset()) == ("text/plain", "utf-8")
    assert message["Message-ID"] == "<qd-1@studio-example.test>"
    assert message["Date"].datetime.utcoffset() is not None
    assert "Auto-Submitted" not in message
    assert message.defects == []


def test_headers_are_ascii_and_lines_short_enough_for_any_server(post: Bench) -> None:
    post.do(post.work(body="x" * 5_000 + "\n" + "ü" * 5_000, subject="ü" * 500))
    raw = post.effects()[0]
    assert raw.isascii()
    assert max(len(line) for line in raw.splitlines()) <= 998


def test_the_thread_is_kept_even_with_very_long_ids(post: Bench) -> None:
    """The standard library would fold these into encoded words, which no mail program can follow."""
    long = [f"<{number}{'x' * 200}@northwind.test>" for number in range(3)]
    post.do(post.work(in_reply_to=long[2], references=[*long[:2], ""]))
    message = email.message_from_bytes(post.effects()[0])
    assert message["In-Reply-To"] == long[2]
    assert message["References"].split() == long


def test_a_very_long_thread_keeps_its_beginning_and_its_end(post: Bench) -> None:
    ids = [f"<{number}@northwind.test>" for number in range(150)]
    post.do(post.work(in_reply_to=ids[-1], references=ids))
    kept = email.message_from_bytes(post.effects()[0])["References"].split()
    assert kept == [ids[0], *ids[-49:]]


@pytest.mark.parametrize("body", ["a\r\nb\r\n", "a\rb\n", "a\nb", ".\n..\n.\n", "\n\n.\n"])
def test_line_ends_and_dots_survive(post: Bench, body: str) -> None:
    post.do(post.work(body=body))
    assert text(post.effects()[0]).rstrip("\n") == body.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def test_a_mail_that_was_read_and_flagged_is_still_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.do(bench.work())
    (path,) = (tmp_path / "mail/outbox/new").iterdir()
    path.rename(tmp_path / "mail/outbox/cur" / f"{path.name}:2,S")
    mark_as_begun(bench)
    outcome = bench.do(bench.work())
    assert isinstance(outcome, EffectDone)
    assert (outcome.already, bench.effects()) == (True, [])


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text(raw: bytes) -> str:
    """The body with plain line ends; on the wire they are CRLF."""
    content = read(raw).get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


# --- SMTP -----------------------------------------------------------------------------------------


def test_bcc_goes_to_the_envelope_and_the_own_copy_only(smtp: SmtpBench) -> None:
    smtp.do(smtp.work(bcc=["hidden@b.test"]))
    assert b"hidden" not in smtp.effects()[0]
    assert smtp.server.recipients() == [["ines@northwind.test", "office@northwind.test", "hidden@b.test"]]
    (copy,) = (smtp.workspace / "mail/outbox/new").iterdir()
    assert read(copy.read_bytes())["Bcc"] == "hidden@b.test"


@pytest.mark.parametrize(
    ("mode", "failure", "code", "words"),
    [
        ("later", "transient", "smtp_later", "451 4.3.0 try again later"),
        ("never", "permanent", "smtp_refused", "550 5.7.1 we do not take this"),
        ("recipient-never", "permanent", "smtp_refused", "550 5.1.1 nobody here by that name"),
    ],
)
def test_a_refusal_comes_back_in_the_servers_words(
    smtp: SmtpBench, mode: str, failure: str, code: str, words: str
) -> None:
    smtp.server.mode(mode)
    refusal = smtp.refused()
    assert (refusal.failure, refusal.code) == (failure, code)
    assert words in refusal.message
    assert smtp.runner.reconcile(reconcile(smtp.work())) == EffectAbsent()
    smtp.server.mode("accept")
    assert isinstance(smtp.do(smtp.work()), EffectDone), "a known failure may be tried again"
    assert len(smtp.effects()) == 1


@pytest.mark.parametrize(("mode", "count"), [("drop", 1), ("lose", 0)])
def test_a_line_cut_after_the_handover_is_uncertain_whatever_the_server_did(
    smtp: SmtpBench, mode: str, count: int
) -> None:
    smtp.server.mode(mode)
    assert smtp.refused().failure == "uncertain"
    smtp.server.mode("accept")
    assert smtp.refused().failure == "uncertain"
    assert len(smtp.effects()) == count


def test_a_server_that_is_not_there_is_a_passing_failure(smtp: SmtpBench) -> None:
    smtp.server.close()
    refusal = smtp.refused()
    assert (refusal.failure, refusal.code) == ("transient", "smtp_unreachable")


def test_the_password_is_taken_from_the_secrets_file_at_the_last_moment(locked: SmtpBench) -> None:
    assert locked.refused().code == "secret_missing"
    locked.secret(f'[mail]\nsmtp = "{PASSWORD}"\n')
    assert isinstance(locked.do(locked.work()), EffectDone)
    everything = [path.read_bytes() for path in locked.workspace.rglob("*") if path.is_file()]
    assert sum(PASSWORD.encode() in data for data in everything) == 1


def test_a_wrong_password_is_a_lasting_failure_that_does_not_show_it(locked: SmtpBench) -> None:
    locked.secret('[mail]\nsmtp = "wrong horse"\n')
    refusal = locked.refused()
    assert (refusal.failure, refusal.code) == ("permanent", "auth_failed")
    assert "535" in refusal.message
    assert "horse" not in refusal.message
    assert locked.effects() == []


def test_secrets_that_others_may_read_are_not_used(locked: SmtpBench) -> None:
    locked.secret(f'[mail]\nsmtp = "{PASSWORD}"\n', mode=0o640)
    refusal = locked.refused()
    assert (refusal.failure, refusal.code, locked.effects()) == ("permanent", "secret_unsafe", [])


def test_a_certificate_that_nobody_vouches_for_ends_it_before_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the same server is fine once its authority is known."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl, which is not here")
    bench = SmtpBench(tmp_path, auth=True, tls=True)
    try:
        bench.secret(f'[mail]\nsmtp = "{PASSWORD}"\n')
        refusal = bench.refused()
        assert (refusal.failure, refusal.code, bench.effects()) == ("permanent", "tls_failed", [])
        monkeypatch.setenv("SSL_CERT_FILE", str(bench.server.folder / "cert.pem"))
        assert isinstance(bench.do(bench.work()), EffectDone)
        assert len(bench.effects()) == 1
    finally:
        bench.close()


def test_a_server_without_encryption_is_not_trusted_when_encryption_is_asked_for(smtp: SmtpBench) -> None:
    smtp.starttls = True
    smtp.runner = smtp.fresh_runner()
    refusal = smtp.refused()
    assert (refusal.failure, refusal.code, smtp.effects()) == ("permanent", "smtp_unsupported", [])


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path) -> FilesBench:
    (tmp_path / "work").mkdir()
    return FilesBench(tmp_path / "work")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../x.md", "notes/../../x.md", "notes/..", ".", "..", "notes/a\0.md", "notes/a\nb.md", "~/x.md",
        "notes\\..\\x.md", ".quarterdeck/fence", ".git/config", "notes/.git/hooks/pre-commit", ".envrc",
        "quarterdeck.toml", "Quarterdeck.TOML", "policies/a.toml", "POLICIES/a.toml", "ｐolicies/a.toml", "./policies/a.toml",
        "policies./a.toml", "playbooks/a.yaml", "agents/a.md", "facts/a.toml", "templates/a.md", "out/x.md", "link.md",
        "into/a.toml",
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_or_steer_the_house_are_refused(shelf: FilesBench, path: str) -> None:
    workspace = shelf.workspace
    (workspace.parent / "outside").mkdir()
    (workspace / "out").symlink_to(workspace.parent / "outside")
    (workspace / "link.md").symlink_to(workspace.parent / "outside/x.md")
    (workspace / "policies").mkdir()
    (workspace / "into").symlink_to(workspace / "policies")
    before = sorted(workspace.parent.rglob("*"))
    outcome = shelf.runner.prepare(shelf.work()) or shelf.runner.prepare(shelf.work(path=path))
    assert isinstance(outcome, Failed)
    assert (outcome.failure.failure, outcome.failure.code) == ("contract", "path_denied")
    assert sorted(workspace.parent.rglob("*")) == before


def test_the_bytes_before_are_kept_and_named_in_the_result(shelf: FilesBench) -> None:
    (shelf.workspace / "notes").mkdir()
    (shelf.workspace / "notes/plan.md").write_bytes(b"old")
    outcome = shelf.do(shelf.work())
    assert isinstance(outcome, EffectDone)
    assert (shelf.workspace / ".quarterdeck/undo" / str(outcome.result["previous"])).read_bytes() == b"old"
    assert shelf.effects() == [str(shelf.good["text"]).encode()]


def test_a_file_that_somebody_changed_after_the_crash_is_not_overwritten(shelf: FilesBench) -> None:
    shelf.do(shelf.work())
    mark_as_begun(shelf)
    (shelf.workspace / "notes/plan.md").write_text("the operator's own words")
    assert shelf.refused().failure == "uncertain"
    assert shelf.effects() == [b"the operator's own words"]


def test_a_folder_or_pipe_in_the_place_of_the_file_is_refused(shelf: FilesBench) -> None:
    (shelf.workspace / "notes/plan.md").mkdir(parents=True)
    assert shelf.refused().code == "write_failed"
    os.mkfifo(shelf.workspace / "notes/pipe.md")
    assert shelf.refused(path="notes/pipe.md").code == "write_failed"
