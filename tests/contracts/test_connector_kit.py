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

from quarterdeck_daemon.connectors.practice import Practice
from quarterdeck_daemon.core.orders import EffectAbsent, EffectDone, Failed
from quarterdeck_daemon.service.effect_journal import EffectJournal

from ..daemon.connectors.daemon_side import reconcile
from ..daemon.connectors.smtp_server import PASSWORD
from .connector_benches import BENCHES, LETTER, Bench, FilesBench, PracticeBench, SmtpBench, done, taken_back


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
    done(bench.do(other))
    assert len(bench.effects()) == 2


def test_what_was_begun_and_is_there_is_not_repeated(bench: Bench) -> None:
    """Found where it can be looked up; sent again under its key where there is one; else nobody touches it."""
    bench.do(bench.work())
    mark_as_begun(bench)
    found = bench.runner.reconcile(reconcile(bench.work()))
    assert (
        found == EffectDone(result=found.result, already=True) if isinstance(found, EffectDone) else not bench.finds
    )
    assert isinstance(bench.do(bench.work()), EffectDone) == (bench.finds or bench.effect_class == "A")
    assert len(bench.effects()) == 1


def test_what_was_begun_and_left_no_trace_is_absent_or_honestly_uncertain(bench: Bench) -> None:
    """A Maildir, a file or a booking proves its own absence; a mail server and a post do not."""
    bench.begin_in_vain()
    outcome = bench.runner.reconcile(reconcile(bench.work()))
    again = bench.do(bench.work())
    if bench.proves_absence:
        assert (outcome, isinstance(again, EffectDone)) == (EffectAbsent(), True)
    else:
        assert isinstance(outcome, Failed)
        assert outcome.failure.failure == "uncertain"
        assert isinstance(again, EffectDone) == (bench.effect_class == "A")
    assert len(bench.effects()) == (0 if bench.verb == "post" else 1)


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
        for value in (-7, {"a": 1}, True, [["x"]]):
            assert bench.refused(**{name: value}).code == "bad_argument", (name, value)
    required = {"send": ["to", "body"], "write": ["path", "text"]}.get(bench.verb, list(bench.good))
    assert {bench.refused(**{name: None}).code for name in required} == {"bad_argument"}
    assert bench.effects() == []


@pytest.mark.parametrize("name", ["smtp", "pay", "book", "post"])
def test_a_lost_answer_is_uncertain_and_is_not_made_two(name: str, tmp_path: Path) -> None:
    bench = BENCHES[name](tmp_path)
    try:
        bench.ill("uncertain")
        assert bench.refused().failure == "uncertain"
        assert isinstance(bench.do(bench.work()), EffectDone) == (name in ("pay", "book"))
        assert len(bench.effects()) == 1
    finally:
        bench.close()


@pytest.mark.parametrize("name", ["pay", "book", "post"])
def test_without_journal_and_look_the_same_lost_answer_is_made_two(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: each try under a fresh name, and nobody asks what became of the one before."""
    monkeypatch.setenv("QUARTERDECK_TWIN", "no-lookup")
    bench = BENCHES[name](tmp_path)
    try:
        bench.ill("uncertain")
        assert bench.refused().failure == "uncertain"
        done(bench.do(bench.work()))
        assert len(bench.effects()) == 2
    finally:
        bench.close()


@pytest.mark.parametrize("name", ["smtp", "pay", "book", "post"])
def test_a_server_that_asks_to_wait_is_a_passing_failure(name: str, tmp_path: Path) -> None:
    bench = BENCHES[name](tmp_path)
    try:
        bench.ill("limit")
        refusal = bench.refused()
        assert (refusal.failure, bench.effects()) == ("transient", [])
        assert refusal.wait_ms == (0 if name == "smtp" else 1_000)
        if isinstance(bench, SmtpBench):
            bench.server.mode("accept")
        done(bench.do(bench.work()))
        assert len(bench.effects()) == 1
    finally:
        bench.close()


@pytest.mark.parametrize("name", ["smtp", "pay", "book", "post"])
def test_a_server_that_does_not_know_us_is_a_lasting_failure(name: str, tmp_path: Path) -> None:
    bench = SmtpBench(tmp_path, auth=True) if name == "smtp" else BENCHES[name](tmp_path)
    try:
        bench.ill("auth")
        refusal = bench.refused()
        assert (refusal.failure, refusal.code, bench.effects()) == ("permanent", "auth_failed", [])
        assert "horse" not in refusal.message
    finally:
        bench.close()


# --- taking back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"old", None])
def test_a_written_file_gets_back_what_it_held(tmp_path: Path, before: bytes | None) -> None:
    bench = FilesBench(tmp_path)
    path = tmp_path / "notes/plan.md"
    path.parent.mkdir()
    if before is not None:
        path.write_bytes(before)
    result = done(bench.do(bench.work()))
    done(taken_back(bench, bench.work(), result))
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_file_that_somebody_changed_since_is_not_put_back(tmp_path: Path) -> None:
    bench = FilesBench(tmp_path)
    result = done(bench.do(bench.work()))
    (tmp_path / "notes/plan.md").write_text("the operator's own words")
    outcome = taken_back(bench, bench.work(), result)
    assert isinstance(outcome, Failed)
    assert (outcome.failure.failure, outcome.failure.code) == ("permanent", "changed_since")
    assert bench.effects() == [b"the operator's own words"]


def test_taking_back_is_taken_back(tmp_path: Path) -> None:
    bench = FilesBench(tmp_path)
    first = done(bench.do(bench.work()))
    args = {"path": "notes/plan.md", "content": "", "expected": first["hash"]}
    removed = done(bench.do(bench.order("restore", args, "qd-2")))
    again = {"path": "notes/plan.md", "content": removed["previous"], "expected": removed["hash"]}
    done(bench.do(bench.order("restore", again, "qd-3")))
    assert bench.effects() == [str(bench.good["text"]).encode()]


@pytest.mark.parametrize(("name", "verb"), [("pay", "refund"), ("book", "cancel"), ("post", "post")])
def test_what_the_practice_server_did_is_taken_back_once(name: str, verb: str, tmp_path: Path) -> None:
    bench = BENCHES[name](tmp_path)
    assert isinstance(bench, PracticeBench)
    try:
        result = done(bench.do(bench.work()))
        first = taken_back(bench, bench.work(), result)
        assert taken_back(bench, bench.work(), result) == EffectDone(result=done(first), already=True)
        assert len(bench.server.effects(verb)) == (2 if verb == name else 1)
    finally:
        bench.close()


# --- the practice server --------------------------------------------------------------------------


@pytest.fixture
def pay(tmp_path: Path) -> Iterator[PracticeBench]:
    bench = PracticeBench(tmp_path)
    yield bench
    bench.close()


@pytest.mark.parametrize("amount", [0, -1, 1e308, 42.0, "1,000.00", 10**13, True])
def test_an_amount_is_a_whole_number_of_minor_units(pay: PracticeBench, amount: object) -> None:
    assert (pay.refused(amount=amount).code, pay.effects()) == ("bad_argument", [])


@pytest.mark.parametrize("name", ["pay", "book"])
@pytest.mark.parametrize("fault", ["duplicate", "delay", "garbage", "broken"])
def test_a_line_that_repeats_delays_or_garbles_makes_nothing_two(name: str, fault: str, tmp_path: Path) -> None:
    """The delay is longer than our patience: we have given up when the first one arrives after all."""
    bench = BENCHES[name](tmp_path)
    assert isinstance(bench, PracticeBench)
    try:
        bench.server.ill(fault, delay_ms=700)
        first = bench.do(bench.work())
        assert isinstance(first, EffectDone) == (fault == "duplicate")
        while not isinstance(bench.do(bench.work()), EffectDone):
            pass
        assert len(bench.effects()) == 1
    finally:
        bench.close()


def test_a_payment_whose_last_try_did_not_leave_is_still_in_doubt(pay: PracticeBench) -> None:
    """The first try was cut off, the second found no server: nobody may say that it did not happen."""
    pay.ill("uncertain")
    assert pay.refused().failure == "uncertain"
    pay.server.process.kill()
    pay.server.process.wait()
    refusal = pay.refused()
    assert (refusal.failure, refusal.code) == ("uncertain", "unreachable")
    assert pay.refused().failure == "uncertain", "and it stays in doubt"


def test_a_server_elsewhere_is_no_practice(tmp_path: Path) -> None:
    for url in ("https://127.0.0.1:1", "http://example.com:80", "http://127.0.0.1", "ftp://localhost:1", ""):
        with pytest.raises(ValueError, match=r"practice\.url"):
            Practice(url, 1.0, str)


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
