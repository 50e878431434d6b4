"""The effector as a process, with a real daemon side: orders, crashes, the stop, the inbox."""

from __future__ import annotations

import os
import random
import shutil
import signal
import string
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from quarterdeck_daemon.connectors.faults import POINTS
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.hashing import action_hash
from quarterdeck_daemon.core.orders import EffectAbsent, EffectDone, ExecuteEffect, Failed, ParseDocument
from quarterdeck_daemon.core.verbs import targets_of

from .connectors.daemon_side import CONFIG, TOKEN, EffectorRig, execute, reconcile
from .connectors.smtp_server import MailServer

MAIL: Plain = {
    "to": ["Inês Duarte <ines@northwind.test>"],
    "subject": "Re: Grüße",
    "body": "Dear Inês,\n\n3 days from Monday. 😀\n",
    "in_reply_to": "<first@northwind.test>",
    "references": ["<zero@northwind.test>"],
}
EFFECT_POINTS = [point for point in POINTS if point.startswith("effect.")]
MAILDIR_POINTS = [*EFFECT_POINTS, "maildir.before_link", "maildir.after_link"]
SMTP_POINTS = [*EFFECT_POINTS, "smtp.before_end_of_data", "smtp.after_acceptance", *MAILDIR_POINTS[-2:]]
FILES_POINTS = [*EFFECT_POINTS, "files.before_rename", "files.after_rename"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a socket's may have 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="qd-")).resolve()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def rig(folder: Path) -> Iterator[EffectorRig]:
    rig = EffectorRig(folder, CONFIG)
    yield rig
    rig.close()


@pytest.fixture
def mail_server(folder: Path) -> Iterator[MailServer]:
    server = MailServer(folder / "server")
    yield server
    server.close()


@pytest.fixture
def smtp_rig(folder: Path, mail_server: MailServer) -> Iterator[EffectorRig]:
    out = f'\n[mail.out]\nkind = "smtp"\nport = {mail_server.port}\nstarttls = false\npath = "mail/sent"\n'
    rig = EffectorRig(folder, CONFIG + out)
    yield rig
    rig.close()


def mails(rig: EffectorRig, path: str = "mail/outbox") -> list[Path]:
    return [file for name in ("new", "cur") for file in (rig.workspace / path / name).glob("*")]


def crash(rig: EffectorRig, work: ExecuteEffect, point: str, *, twin: bool = False) -> None:
    """Give the order to an effector that dies at `point`."""
    rig.start(fault=point, twin=twin)
    rig.send("o1", work)
    assert rig.wait_for_death() == -signal.SIGKILL
    assert "o1" not in rig.answers
    rig.stop()


# --- the ordinary way -----------------------------------------------------------------------------


def test_it_says_hello_sends_the_mail_and_says_when_it_started(rig: EffectorRig) -> None:
    hello = rig.start()
    assert rig.process is not None
    assert (hello.role, hello.pid, hello.token) == ("effector", rig.process.pid, TOKEN)
    outcome = rig.ask(execute(MAIL))
    expected: Plain = {
        "message_id": "<qd-1@studio-example.test>",
        "recipients": ["ines@northwind.test"],
        "copy": "qd-1.quarterdeck",
    }
    assert outcome == EffectDone(result=expected)
    assert rig.started == ["o1"]
    assert len(mails(rig)) == 1


def test_the_same_order_again_is_answered_from_the_journal(rig: EffectorRig) -> None:
    """Even when somebody took the mail out of the outbox meanwhile."""
    rig.start()
    first = rig.ask(execute(MAIL))
    assert isinstance(first, EffectDone)
    for path in mails(rig):
        path.unlink()
    assert rig.ask(execute(MAIL), "o2") == EffectDone(result=first.result, already=True)
    assert (mails(rig), rig.started) == ([], ["o1"])


def test_an_order_for_another_role_is_refused(rig: EffectorRig) -> None:
    rig.start()
    outcome = rig.ask(ParseDocument(document="doc1", media_type="text/plain", data=b"x"))
    assert isinstance(outcome, Failed)
    assert (outcome.failure.failure, outcome.failure.code) == ("contract", "wrong_role")


def test_a_daemon_that_comes_back_is_greeted_and_served(rig: EffectorRig) -> None:
    rig.start()
    rig.rebind()
    rig.until(lambda: len(rig.hellos) == 2)
    assert isinstance(rig.ask(execute(MAIL)), EffectDone)


def test_a_slow_server_holds_up_only_its_own_connector(smtp_rig: EffectorRig, mail_server: MailServer) -> None:
    """And the order that waits, sent again meanwhile, is still done once."""
    smtp_rig.start()
    mail_server.process.send_signal(signal.SIGSTOP)
    smtp_rig.send("slow", execute(MAIL))
    smtp_rig.until(lambda: smtp_rig.started == ["slow"])
    smtp_rig.send("slow", execute(MAIL))
    note = execute({"path": "notes/a.md", "text": "x"}, operation="qd-2", connector="files", verb="write")
    assert isinstance(smtp_rig.ask(note, "quick"), EffectDone)
    assert "slow" not in smtp_rig.answers
    mail_server.process.send_signal(signal.SIGCONT)
    smtp_rig.until(lambda: "slow" in smtp_rig.answers)
    assert isinstance(smtp_rig.ask(execute(MAIL), "after"), EffectDone)
    assert (smtp_rig.started, len(mail_server.mails())) == (["slow", "quick"], 1)


def test_it_ends_with_its_parent(rig: EffectorRig) -> None:
    rig.start()
    assert rig.process is not None
    assert rig.process.stdin is not None
    rig.process.stdin.close()
    assert rig.wait_for_death() == 0


# --- crashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", MAILDIR_POINTS)
def test_a_crash_at_any_point_leaves_exactly_one_mail(rig: EffectorRig, point: str) -> None:
    work = execute(MAIL)
    crash(rig, work, point)
    rig.start()
    assert isinstance(rig.ask(work), EffectDone)
    assert [path.name for path in mails(rig)] == ["qd-1.quarterdeck"]


@pytest.mark.parametrize("point", ["maildir.after_link", "effect.after_wire", "effect.after_outcome_before_answer"])
def test_without_the_lookup_the_same_crash_makes_two_mails(rig: EffectorRig, point: str) -> None:
    """The twin: what protects is the journal and the look into the outbox, not luck."""
    work = execute(MAIL)
    crash(rig, work, point, twin=True)
    rig.start(twin=True)
    assert isinstance(rig.ask(work), EffectDone)
    assert len(mails(rig)) == 2


# What the next try must say after a crash at each point, and how many mails the server then has.
SMTP_AFTER_CRASH = {
    "effect.after_started": ("done", 1),
    "effect.before_journal": ("done", 1),
    "effect.after_journal": ("uncertain", 0),
    "effect.before_wire": ("uncertain", 0),
    "smtp.before_end_of_data": ("uncertain", 0),
    "smtp.after_acceptance": ("uncertain", 1),
    "maildir.before_link": ("uncertain", 1),
    "maildir.after_link": ("already", 1),
    "effect.after_wire": ("already", 1),
    "effect.before_outcome": ("already", 1),
    "effect.after_outcome_before_answer": ("already", 1),
}


@pytest.mark.parametrize("point", SMTP_POINTS)
def test_a_crash_with_smtp_sends_at_most_once_and_says_when_it_does_not_know(
    smtp_rig: EffectorRig, mail_server: MailServer, point: str
) -> None:
    work = execute(MAIL)
    crash(smtp_rig, work, point)
    smtp_rig.start()
    outcomes = [_word(smtp_rig.ask(work)), _word(smtp_rig.ask(work, "o2"))]
    word, count = SMTP_AFTER_CRASH[point]
    assert outcomes == [word, "uncertain" if word == "uncertain" else "already"]
    assert len(mail_server.mails()) == count


@pytest.mark.parametrize("point", ["smtp.after_acceptance", "effect.after_wire"])
def test_without_the_lookup_smtp_sends_twice(smtp_rig: EffectorRig, mail_server: MailServer, point: str) -> None:
    work = execute(MAIL)
    crash(smtp_rig, work, point, twin=True)
    smtp_rig.start(twin=True)
    assert isinstance(smtp_rig.ask(work), EffectDone)
    assert len(mail_server.mails()) == 2


def test_a_connection_lost_after_the_handover_is_uncertain_and_never_sent_again(
    smtp_rig: EffectorRig, mail_server: MailServer
) -> None:
    work = execute(MAIL)
    mail_server.mode("drop")
    smtp_rig.start()
    assert _word(smtp_rig.ask(work)) == "uncertain"
    mail_server.mode("accept")
    smtp_rig.stop()
    smtp_rig.start()
    assert _word(smtp_rig.ask(work, "o2")) == "uncertain"
    assert _word(smtp_rig.ask(reconcile(work), "o3")) == "uncertain"
    assert len(mail_server.mails()) == 1


def test_an_operation_that_never_reached_the_journal_is_reported_absent(smtp_rig: EffectorRig) -> None:
    work = execute(MAIL)
    crash(smtp_rig, work, "effect.before_journal")
    smtp_rig.start()
    assert smtp_rig.ask(reconcile(work)) == EffectAbsent()


@pytest.mark.parametrize("point", FILES_POINTS)
def test_a_crash_while_writing_a_file_keeps_what_was_there_before(rig: EffectorRig, point: str) -> None:
    (rig.workspace / "notes").mkdir()
    (rig.workspace / "notes/plan.md").write_text("old")
    work = execute({"path": "notes/plan.md", "text": "new"}, connector="files", verb="write")
    crash(rig, work, point)
    rig.start()
    outcome = rig.ask(work)
    assert isinstance(outcome, EffectDone)
    assert (rig.workspace / "notes/plan.md").read_text() == "new"
    assert (rig.home / "undo" / str(outcome.result["previous"])).read_text() == "old"
    assert [path.name for path in (rig.workspace / "notes").iterdir()] == ["plan.md"]


def test_without_the_lookup_a_repeated_write_forgets_what_was_there_before(rig: EffectorRig) -> None:
    (rig.workspace / "notes").mkdir()
    (rig.workspace / "notes/plan.md").write_text("old")
    work = execute({"path": "notes/plan.md", "text": "new"}, connector="files", verb="write")
    crash(rig, work, "files.after_rename", twin=True)
    rig.start(twin=True)
    outcome = rig.ask(work)
    assert isinstance(outcome, EffectDone)
    assert (rig.home / "undo" / str(outcome.result["previous"])).read_text() == "new"


def _word(outcome: object) -> str:
    match outcome:
        case EffectDone(already=already):
            return "already" if already else "done"
        case Failed(failure=failure):
            return failure.failure
    raise AssertionError(outcome)


# --- the stop -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fence", "code"),
    [
        ('{"epoch": 0, "stopped": true}', "stopped"),
        ('{"epoch": 1, "stopped": false}', "stale_epoch"),
        ("half a fen", "stopped"),
        ("", "stopped"),
    ],
)
def test_nothing_leaves_while_the_fence_does_not_allow_it(rig: EffectorRig, fence: str, code: str) -> None:
    rig.fence(fence)
    rig.start()
    outcome = rig.ask(execute(MAIL))
    assert isinstance(outcome, Failed)
    assert (outcome.failure.failure, outcome.failure.code) == ("stopped", code)
    assert (rig.started, mails(rig)) == ([], [])


@pytest.mark.parametrize("point", ["effect.after_started", "effect.before_wire"])
def test_a_stop_between_the_checks_and_the_wire_still_stops_it(rig: EffectorRig, point: str) -> None:
    """And with a new epoch after the release the same operation goes out, once."""
    outcome = _stop_at(rig, point)
    assert (outcome.failure.failure, mails(rig)) == ("stopped", [])
    rig.fence('{"epoch": 2, "stopped": false}')
    assert isinstance(rig.ask(execute(MAIL, epoch=2), "o2"), EffectDone)
    assert len(mails(rig)) == 1


def test_a_stop_while_the_server_waits_for_the_end_of_the_mail_still_stops_it(
    smtp_rig: EffectorRig, mail_server: MailServer
) -> None:
    outcome = _stop_at(smtp_rig, "smtp.before_end_of_data")
    assert (outcome.failure.failure, mail_server.mails()) == ("stopped", [])


def _stop_at(rig: EffectorRig, point: str) -> Failed:
    rig.start(fault=f"{point}:pause")
    assert rig.process is not None
    paused = psutil.Process(rig.process.pid)
    rig.send("o1", execute(MAIL))
    rig.until(lambda: paused.status() == psutil.STATUS_STOPPED)
    rig.fence('{"epoch": 1, "stopped": true, "reason": "enough"}')
    paused.send_signal(signal.SIGCONT)
    rig.until(lambda: "o1" in rig.answers)
    outcome = rig.answers["o1"]
    assert isinstance(outcome, Failed)
    return outcome


def test_reading_and_reconciling_go_on_while_stopped(rig: EffectorRig) -> None:
    rig.fence('{"epoch": 1, "stopped": true}')
    (rig.workspace / "facts").mkdir()
    (rig.workspace / "facts/clients.toml").write_text('[[client]]\nkey = "a"\n')
    rig.start()
    rig.until(lambda: rig.arrived)
    assert [one.media_type for one in rig.arrived] == ["application/toml"]
    assert rig.ask(reconcile(execute(MAIL))) == EffectAbsent()


# --- exactly what was approved --------------------------------------------------------------------


def test_any_changed_field_of_an_approved_order_is_refused(rig: EffectorRig) -> None:
    """200 random changes of one field each; nothing may happen, and the order itself still works after."""
    chance = random.Random(20)
    good = execute({**MAIL, "cc": ["a@b.test"]})
    rig.start()
    for number in range(200):
        rig.send(f"m{number}", _mutated(chance, good))
    rig.until(lambda: len(rig.answers) == 200)
    codes = {outcome.failure.code for outcome in rig.answers.values() if isinstance(outcome, Failed)}
    assert codes == {"hash_mismatch", "unknown_verb"}
    assert (sum(isinstance(one, Failed) for one in rig.answers.values()), rig.started, mails(rig)) == (200, [], [])
    assert isinstance(rig.ask(good), EffectDone)


def _mutated(chance: random.Random, good: ExecuteEffect) -> ExecuteEffect:
    """One change of what the hash covers: an argument, its name, a target, verb, connector or the hash itself."""
    args = dict(good.args)
    name = chance.choice(sorted(args))
    match chance.randrange(6):
        case 0:
            value = args[name]
            args[name] = [*value, "eve@evil.test"] if isinstance(value, list) else _typo(chance, str(value))
            return msgspec.structs.replace(good, args=args, targets=targets_of("mail.send", args))
        case 1:
            del args[name]
            return msgspec.structs.replace(good, args=args)
        case 2:
            args["bcc"] = [f"{chance.randrange(1000)}@evil.test"]
            return msgspec.structs.replace(good, args=args)
        case 3:
            return msgspec.structs.replace(good, targets=(*good.targets, "x@y.test"))
        case 4:
            field = chance.choice(["verb", "connector"])
            return msgspec.structs.replace(good, **{field: _typo(chance, str(getattr(good, field)))})
        case _:
            return msgspec.structs.replace(good, approved_hash=_typo(chance, good.approved_hash))


def _typo(chance: random.Random, text: str) -> str:
    place = chance.randrange(len(text))
    other = chance.choice([one for one in string.ascii_lowercase if one != text[place]])
    return text[:place] + other + text[place + 1 :]


def test_an_operation_id_cannot_be_used_for_something_else(rig: EffectorRig) -> None:
    rig.start()
    rig.ask(execute(MAIL))
    outcome = rig.ask(execute({**MAIL, "body": "other"}), "o2")
    assert isinstance(outcome, Failed)
    assert (outcome.failure.failure, outcome.failure.code) == ("contract", "operation_reused")


def test_an_order_for_which_no_limit_holds_a_place_is_refused(rig: EffectorRig) -> None:
    """And the same order with its place goes out."""
    rig.start()
    outcome = rig.ask(msgspec.structs.replace(execute(MAIL), reserved=False))
    assert isinstance(outcome, Failed)
    assert (outcome.failure.failure, outcome.failure.code, mails(rig)) == ("transient", "not_reserved", [])
    assert isinstance(rig.ask(execute(MAIL), "o2"), EffectDone)


def test_targets_that_are_not_those_of_the_arguments_are_refused(rig: EffectorRig) -> None:
    """The hash is right, but what the operator saw as targets is not where it goes."""
    shown = ("harmless@northwind.test",)
    work = msgspec.structs.replace(
        execute(MAIL), targets=shown, approved_hash=action_hash("mail", "send", MAIL, shown)
    )
    rig.start()
    outcome = rig.ask(work)
    assert isinstance(outcome, Failed)
    assert (outcome.failure.code, mails(rig)) == ("targets_mismatch", [])


# --- taking in ------------------------------------------------------------------------------------

INBOX = CONFIG + '\n[mail.in]\nkind = "eml"\npath = "mail/inbox"\npoll = "200ms"\n'


def letter(number: int) -> bytes:
    return f"From: a@b.test\nSubject: {number}\nMessage-ID: <{number}@b.test>\n\nHello {number}\n".encode()


def test_new_mail_arrives_once_and_not_again_after_a_restart(folder: Path) -> None:
    rig = EffectorRig(folder, INBOX)
    inbox = folder / "mail/inbox"
    inbox.mkdir(parents=True)
    for number in range(3):
        (inbox / f"{number}.eml").write_bytes(letter(number))
    try:
        rig.start()
        rig.until(lambda: len(rig.arrived) == 3)
        (inbox / "late.eml").write_bytes(letter(9))
        rig.until(lambda: len(rig.arrived) == 4)
        rig.stop()
        rig.start()
        offered = len(rig.offers)
        (inbox / "after.eml").write_bytes(letter(10))
        rig.until(lambda: len(rig.arrived) == 5)
        again = {id for offer in rig.offers[offered:] for id in offer.external_ids}
        assert len(again) == 5, "everything is offered to a new connection"
        assert len({one.external_id for one in rig.arrived}) == len(rig.arrived) == 5
        assert {one.data for one in rig.arrived} == {letter(number) for number in (0, 1, 2, 9, 10)}
        assert all(one.trigger and one.labels.integrity == "external" for one in rig.arrived)
        assert sorted(path.name for path in inbox.iterdir()) == ["0.eml", "1.eml", "2.eml", "after.eml", "late.eml"]
    finally:
        rig.close()


def test_a_backlog_is_offered_in_batches(folder: Path) -> None:
    rig = EffectorRig(folder, INBOX)
    (folder / "mail/inbox").mkdir(parents=True)
    for number in range(450):
        path = folder / "mail/inbox" / f"{number}.eml"
        path.write_bytes(letter(number))
        os.utime(path, (1_600_000_000, 1_600_000_000))
    try:
        rig.start()
        rig.until(lambda: len(rig.arrived) == 450)
        assert [len(offer.external_ids) for offer in rig.offers] == [200, 200, 50]
    finally:
        rig.close()
