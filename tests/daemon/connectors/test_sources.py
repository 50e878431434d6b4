"""What is read: inboxes of three kinds and the operator's folders, with real files."""

from __future__ import annotations

import io
import mailbox
import os
from pathlib import Path
from typing import Literal

import pytest

from quarterdeck_daemon.connectors import contents
from quarterdeck_daemon.connectors.base import EffectFailed, Source
from quarterdeck_daemon.connectors.files import content_hash
from quarterdeck_daemon.connectors.mail_in import build_mail_in
from quarterdeck_daemon.connectors.mbox import message_spans
from quarterdeck_daemon.connectors.registry import build_sources
from quarterdeck_daemon.connectors.watched_files import WatchedFiles
from quarterdeck_daemon.core.orders import Arrived
from quarterdeck_daemon.service.workspace import Config, Files, Mail, MailIn
from quarterdeck_protocol.labels import EXTERNAL, Labels

LONG_AGO = 1_600_000_000


def put(path: Path, data: bytes) -> Path:
    """A file that nobody writes any more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def inbox(workspace: Path, kind: Literal["maildir", "mbox", "eml"]) -> Source:
    return build_mail_in(MailIn(kind=kind, path="mail/inbox"), workspace)


def files(workspace: Path, *folders: Files) -> WatchedFiles:
    return WatchedFiles(workspace, folders, workspace / ".quarterdeck/written")


def ids(source: Source) -> list[str]:
    return list(source.scan())


# --- an eml folder --------------------------------------------------------------------------------


def test_a_mail_is_offered_by_path_and_content_and_fetched_whole(tmp_path: Path) -> None:
    put(tmp_path / "mail/inbox/0001.eml", b"Subject: a\n\nx")
    source = inbox(tmp_path, "eml")
    external_id = f"mail/inbox/0001.eml#{content_hash(b'Subject: a' + bytes([10, 10]) + b'x')}"
    assert ids(source) == [external_id]
    assert source.fetch(external_id) == Arrived(
        connector="mail",
        external_id=external_id,
        media_type="message/rfc822",
        name="0001.eml",
        data=b"Subject: a\n\nx",
        labels=EXTERNAL,
        trigger=True,
    )


def test_other_files_links_folders_and_pipes_in_the_inbox_are_left_alone(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside.eml", b"secret")
    folder = tmp_path / "mail/inbox"
    put(folder / "note.txt", b"x")
    put(folder / ".hidden.eml", b"x")
    (folder / "folder.eml").mkdir()
    (folder / "link.eml").symlink_to(outside)
    os.mkfifo(folder / "pipe.eml")
    assert ids(inbox(tmp_path, "eml")) == []


def test_a_mail_that_is_still_being_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("quarterdeck_daemon.connectors.contents.time.monotonic", lambda: now)
    path = tmp_path / "mail/inbox/a.eml"
    put(path, b"").touch()
    source = inbox(tmp_path, "eml")
    seen = []
    for step in (b"Subject: a\n", b"\nhalf", b" and whole", b""):
        with path.open("ab") as file:
            file.write(step)
        seen.append((ids(source), source.unsettled()))
        now += contents.SETTLE_S
    assert seen[:3] == [([], True)] * 3
    assert seen[3] == (
        [f"mail/inbox/a.eml#{content_hash(b'Subject: a' + bytes([10, 10]) + b'half and whole')}"],
        False,
    )


def test_a_mail_over_the_limit_is_refused_and_counted_once(tmp_path: Path) -> None:
    path = put(tmp_path / "mail/inbox/big.eml", b"")
    with path.open("wb") as file:
        file.truncate(contents.BYTES_MAX + 1)
    os.utime(path, (LONG_AGO, LONG_AGO))
    put(tmp_path / "mail/inbox/small.eml", b"x")
    source = inbox(tmp_path, "eml")
    assert [len(ids(source)) for _ in range(3)] == [1, 1, 1]
    assert source.health().counts["refused"] == 1


def test_what_changed_between_offer_and_fetch_is_not_sent_under_the_old_name(tmp_path: Path) -> None:
    path = put(tmp_path / "mail/inbox/a.eml", b"one")
    source = inbox(tmp_path, "eml")
    (old,) = ids(source)
    put(path, b"two!")
    assert source.fetch(old) is None
    path.unlink()
    assert source.fetch(old) is None
    assert ids(source) == []


def test_a_missing_inbox_is_empty_and_says_so(tmp_path: Path) -> None:
    for kind in ("eml", "maildir", "mbox"):
        source = inbox(tmp_path, kind)
        assert (ids(source), source.health().ok) == ([], False)


def test_an_inbox_outside_of_the_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EffectFailed) as refused:
        build_mail_in(MailIn(kind="eml", path="../elsewhere"), tmp_path)
    assert refused.value.failure.code == "path_denied"


# --- a Maildir ------------------------------------------------------------------------------------


def test_reading_a_mail_elsewhere_does_not_make_it_new(tmp_path: Path) -> None:
    """Another program moves it to cur/ and flags it; the id stays, and so does the way to fetch it."""
    (tmp_path / "mail").mkdir()
    box = mailbox.Maildir(tmp_path / "mail/inbox")
    key = box.add(b"Subject: a\n\nx\n")
    source = inbox(tmp_path, "maildir")
    before = ids(source)
    assert before == [f"mail/inbox/{key}#{content_hash(b'Subject: a' + bytes([10, 10]) + b'x' + bytes([10]))}"]
    message = box[key]
    message.set_subdir("cur")
    message.add_flag("S")
    box[key] = message
    assert ids(source) == before
    assert source.fetch(before[0]) is not None


def test_what_lies_in_tmp_is_not_yet_mail(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    mailbox.Maildir(tmp_path / "mail/inbox")
    put(tmp_path / "mail/inbox/tmp/half", b"Subject: ha")
    assert ids(inbox(tmp_path, "maildir")) == []


# --- an mbox --------------------------------------------------------------------------------------

MBOX = (
    b"From a@b Thu Jan  1 00:00:00 2026\nSubject: one\n\nFrom here to there\n>From quoted\n\n"
    b"From c@d Thu Jan  1 00:00:01 2026\nSubject: two\n\nx\n"
)


def test_an_mbox_is_cut_as_the_standard_library_cuts_it(tmp_path: Path) -> None:
    path = tmp_path / "box"
    box = mailbox.mbox(path)
    for number in range(20):
        box.add(f"Subject: {number}\n\nFrom me\n\n\nline {'x' * number * 9_000}\n".encode())
    box.close()
    expected = [mailbox.mbox(path).get_bytes(key) for key in mailbox.mbox(path).keys()]  # noqa: SIM118 - no dict
    data = path.read_bytes()
    spans = message_spans(io.BytesIO(data))
    assert [data[start:end].rstrip(b"\n") for start, end in spans] == [one.rstrip(b"\n") for one in expected]


def test_a_line_that_begins_with_from_inside_a_text_starts_no_message() -> None:
    found = [MBOX[start:end] for start, end in message_spans(io.BytesIO(MBOX))]
    assert found == [b"Subject: one\n\nFrom here to there\n>From quoted\n", b"Subject: two\n\nx\n"]


def test_an_mbox_is_read_when_it_has_come_to_rest_and_again_when_it_grew(tmp_path: Path) -> None:
    path = put(tmp_path / "mail/inbox", MBOX)
    source = inbox(tmp_path, "mbox")
    assert (ids(source), source.unsettled()) == ([], True)
    first = ids(source)
    assert [len(first), source.unsettled()] == [2, False]
    put(path, MBOX + b"\nFrom e@f Thu Jan  1 00:00:02 2026\nSubject: three\n\ny\n")
    assert ids(source) == first
    grown = ids(source)
    assert (grown[:2], len(grown)) == (first, 3)
    arrived = source.fetch(grown[2])
    assert arrived is not None
    assert arrived.data == b"Subject: three\n\ny\n"
    assert path.read_bytes().startswith(MBOX)


# --- folders --------------------------------------------------------------------------------------


def test_files_carry_the_labels_of_their_folder_and_start_nothing(tmp_path: Path) -> None:
    put(tmp_path / "notes/deep/plan.md", b"# Plan")
    put(tmp_path / "in/old.eml", b"Subject: x\n\n")
    source = files(
        tmp_path,
        Files(path="notes", integrity="operator", sensitivity="secret"),
        Files(path="in"),
    )
    arrived = [source.fetch(id) for id in ids(source)]
    assert [(one.name, one.media_type, one.labels, one.trigger) for one in arrived if one] == [
        ("notes/deep/plan.md", "text/markdown", Labels(integrity="operator", sensitivity="secret"), False),
        ("in/old.eml", "message/rfc822", Labels(integrity="external", sensitivity="private"), False),
    ]


def test_facts_are_always_read_and_toml_only_there(tmp_path: Path) -> None:
    put(tmp_path / "facts/clients.toml", b"[[client]]")
    put(tmp_path / "facts/readme.md", b"x")
    put(tmp_path / "notes/settings.toml", b"x = 1")
    source = files(tmp_path, Files(path="notes"))
    arrived = [source.fetch(id) for id in ids(source)]
    assert [(one.name, one.media_type, one.labels.integrity) for one in arrived if one] == [
        ("facts/clients.toml", "application/toml", "operator")
    ]


def test_links_hidden_files_and_devices_are_left_out(tmp_path: Path) -> None:
    outside = put(tmp_path.parent / f"{tmp_path.name}-outside/secret.md", b"secret")
    put(tmp_path / "notes/real.md", b"x")
    put(tmp_path / "notes/.hidden.md", b"x")
    put(tmp_path / "notes/.obsidian/cache.md", b"x")
    (tmp_path / "notes/link.md").symlink_to(outside)
    (tmp_path / "notes/folder").symlink_to(outside.parent)
    os.mkfifo(tmp_path / "notes/pipe.md")
    assert [id.partition("#")[0] for id in ids(files(tmp_path, Files(path="notes")))] == ["notes/real.md"]


@pytest.mark.parametrize("path", ["..", "/etc", "notes/../..", "out", ".", ""])
def test_a_folder_outside_of_the_workspace_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "out").symlink_to(tmp_path.parent)
    with pytest.raises(EffectFailed) as refused:
        files(tmp_path, Files(path=path))
    assert refused.value.failure.code == "path_denied"


def test_a_folder_swapped_for_a_link_after_the_scan_is_not_followed(tmp_path: Path) -> None:
    outside = put(tmp_path.parent / f"{tmp_path.name}-outside/a.md", b"same bytes")
    put(tmp_path / "notes/a.md", b"same bytes")
    source = files(tmp_path, Files(path="notes"))
    (external_id,) = ids(source)
    (tmp_path / "notes/a.md").unlink()
    (tmp_path / "notes").rmdir()
    (tmp_path / "notes").symlink_to(outside.parent)
    assert source.fetch(external_id) is None


def test_what_an_agent_wrote_does_not_become_the_operators_word(tmp_path: Path) -> None:
    """Until the operator changes it: then it is another content, and hers."""
    path = put(tmp_path / "notes/a.md", b"by an agent")
    put(tmp_path / ".quarterdeck/written" / content_hash(b"by an agent"), b"")
    source = files(tmp_path, Files(path="notes", integrity="operator"))
    (external_id,) = ids(source)
    arrived = source.fetch(external_id)
    assert arrived is not None
    assert arrived.labels.integrity == "agent"
    put(path, b"by the operator")
    (external_id,) = ids(source)
    arrived = source.fetch(external_id)
    assert arrived is not None
    assert arrived.labels.integrity == "operator"


def test_content_is_hashed_once_for_each_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "notes/a.md", b"x")
    source = files(tmp_path, Files(path="notes"))
    first = ids(source)
    monkeypatch.setattr(contents, "read_regular", lambda *_: pytest.fail("read again"))
    assert ids(source) == first


def test_the_configuration_says_which_sources_there_are(tmp_path: Path) -> None:
    assert sorted(build_sources(Config(), tmp_path)) == ["files"]
    config = Config(mail=Mail(inward=MailIn(kind="eml")))
    assert sorted(build_sources(config, tmp_path)) == ["files", "mail"]
