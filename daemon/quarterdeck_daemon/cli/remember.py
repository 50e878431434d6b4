"""`remember`: a note from words or standard input; documents from files, folders and mailboxes."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.document_params import UPLOAD_BYTES_MAX
from quarterdeck_protocol.media import HEAD_BYTES, PLAIN, SUFFIXES, media_type_of

from .plain import Plain, text
from .session import Session
from .text import counted, cut, line
from .words import changes, verb

if TYPE_CHECKING:
    from .intake import Account
    from .sources import Found

TIERS = ("instructions", "core", "working", "project", "long-term", "review", "prospective")
NOTE_BYTES_MAX = 900_000  # A request's body is at most 1 MiB.
NOTE_CHARS_MAX = 200_000  # A longer text from a pipe is a document.
SHOWN_COLUMNS = 60
NAMED_MAX = 20  # Files with trouble that are named.
PIPE_NAME = "standard input"


def path_like(word: str) -> bool:
    """Whether the word names something on disk."""
    try:
        return bool(word.strip()) and Path(word).expanduser().exists()
    except (OSError, ValueError):  # Longer than any path, or with a zero byte: text.
        return False


def meant_as_path(word: str) -> bool:
    """One word that ends like a file: a slip, rather than a note."""
    return not any(map(str.isspace, word)) and Path(word).suffix.lower() in {*SUFFIXES, ".mbox", ".doc", ".xls"}


def are_paths(words: tuple[str, ...]) -> bool:
    """Whether the words name files or folders; when none does, they are one note.

    A mixture is refused, so that a misspelt path is not silently remembered as text.
    """
    there = [word for word in words if path_like(word)]
    if there and len(there) < len(words):
        missing = next(word for word in words if word not in there)
        raise QuarterdeckError(
            "not_found", f"{missing} is no file, the others are.", hint="Name files only, or text only."
        )
    if not there and len(words) == 1 and meant_as_path(words[0]):
        raise QuarterdeckError("not_found", f"{words[0]} is no file.", hint="Check the path, or write a sentence.")
    return bool(there)


@verb("remember", examples=(
    "quarterdeck remember 'Northwind pays within 14 days' --tag billing",
    "quarterdeck remember contract.pdf notes/*.md", "quarterdeck remember ~/Archive --recursive",
    "quarterdeck remember old.mbox", "pbpaste | quarterdeck remember - --title 'Call with Ines'",
))  # fmt: skip
@click.argument("words", nargs=-1, metavar="[TEXT | - | FILE… | FOLDER…]")
@click.option("--title", metavar="TEXT")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="May be repeated.")
@click.option("--tier", type=click.Choice(TIERS), help="Where it belongs; else long-term.")
@click.option("--kind", metavar="WORD", help="note, decision, preference …")
@click.option("--namespace", metavar="WORD", help="Whose memory it is; else default.")
@click.option("--source", metavar="TEXT", help="Where a note comes from.")
@click.option("-r", "--recursive", is_flag=True, help="Folders inside of folders too.")
@click.option("--external", is_flag=True, help="Somebody else's words: they go to review.")
@click.option("--pin", "pinned", is_flag=True, help="A note: into every context.")
@click.option("--when", metavar="WORDS", help="A note: comes back when these words appear.")
@click.option("--repeats", is_flag=True, help="With --when: each time, not only the first.")
@click.option("--expires", metavar="TIME", help="A note: until then, or for so long (30d).")
@click.option("--run", metavar="ID", help="A note: working memory of this run or conversation.")
@changes
def remember(
    session: Session, words: tuple[str, ...], recursive: bool, external: bool, tags: tuple[str, ...],
    **options: str | bool | None,
) -> None:  # fmt: skip
    """Keep TEXT, standard input, FILEs or whole FOLDERs; found again by `quarterdeck recall`.

    Mail (also mbox and Maildir), Markdown, text, HTML, PDF, Word, Excel, CSV, calendars, contacts and transcripts are
    read. A file that is known is passed over, one that has changed takes the place of what it said before.
    Exit status 1 when something could not be read.
    """
    params: Plain = {name: value for name, value in {**options, "tags": list(tags)}.items() if value}
    if external:
        params["labels"] = {"integrity": "external", "sensitivity": "private", "sources": []}
    if words and words != ("-",) and are_paths(words):
        _documents(session, words, params, recursive=recursive)
    else:
        _from_words(session, words, params)


def _from_words(session: Session, words: tuple[str, ...], params: Plain) -> None:
    if words and words != ("-",):
        _note(session, params | {"text": " ".join(words)})
        return
    if not words and sys.stdin.isatty():
        hint = "quarterdeck remember 'TEXT', a FILE, or - for standard input."
        raise QuarterdeckError("bad_value", "Nothing to remember.", hint=hint)
    data = sys.stdin.buffer.read(UPLOAD_BYTES_MAX + 1)
    media_type = media_type_of("", data[:HEAD_BYTES])
    written = _as_text(data) if media_type == PLAIN or not data.strip() else None
    if written is not None and len(written) <= NOTE_CHARS_MAX:
        _note(session, params | {"text": written})
        return
    _piped(session, data, media_type, params)


def _piped(session: Session, data: bytes, media_type: str, params: Plain) -> None:
    """A document from a pipe, or a text that is too long for a note."""
    from .sources import Found, Source

    name = text(params, "title") or PIPE_NAME
    source = Source(Path("-"), name, "", media_type, len(data), data=data)
    _hand_in(session, Found([source]), _for_documents(params))


def _as_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _note(session: Session, params: Plain) -> None:
    written = text(params, "text")
    if not written.strip() or len(written.encode()) > NOTE_BYTES_MAX:
        message = "The text is empty." if not written.strip() else f"The text is over {NOTE_BYTES_MAX:,} bytes."
        raise QuarterdeckError("out_of_range", message, hint="A long text goes in as a file.")
    _send(session, params, text(params, "source") or written)


def _send(session: Session, params: Plain, name: str) -> None:
    shown = cut(line(name), SHOWN_COLUMNS)
    result = session.change("memory.remember", params, does=f"remember {shown}")
    if result is None:
        return
    id = text(result.result, "id")
    known = "known already" if result.result.get("known") else "remembered"
    session.done(
        result,
        id,
        f"{known} {id}: {shown}",
        then=session.command(f"why {id}" if "document" in params else f"memory show {id}"),
        undo=session.command(f"memory withdraw {id}"),
    )


# --- files ----------------------------------------------------------------------------------------


def _for_documents(params: Plain) -> Plain:
    """The options that a document can have. Raises QuarterdeckError `bad_value` for those of notes."""
    alone = [name for name in ("pinned", "when", "repeats", "expires", "run") if name in params]
    if alone:
        option = {"pinned": "--pin"}.get(alone[0], f"--{alone[0]}")
        raise QuarterdeckError("bad_value", f"{option} is for notes, not for documents.", hint="Leave it out.")
    return {name: value for name, value in params.items() if name != "source"}


def _documents(session: Session, words: tuple[str, ...], params: Plain, *, recursive: bool) -> None:
    from .sources import find

    found = find(words, session.folder, recursive=recursive)
    for why, count in found.left_out.items():
        session.printer.talk(f"left out: {count:,} ({why})")
    if not found.sources:
        raise QuarterdeckError(
            "bad_value", "There is no document in there.", hint="Name other files, or --recursive."
        )
    _hand_in(session, found, _for_documents(params))


def _hand_in(session: Session, found: Found, params: Plain) -> None:
    from .intake import hand_in

    if session.as_of is not None:
        raise QuarterdeckError("bad_value", "The past is read-only.", hint="Leave `at TIME` out.")
    if session.dry_run:
        _rehearse(session, found)
        return
    account = hand_in(session, found.sources, params)
    _report(session, account)
    if any(account.counts[name] for name in ("unreadable", "failed")):
        raise click.exceptions.Exit(1)


def _rehearse(session: Session, found: Found) -> None:
    kinds = Counter(source.media_type for source in found.sources)
    size_mb = sum(source.size_bytes for source in found.sources) / 1e6
    listed: list[Plain] = [
        {"name": one.name, "media_type": one.media_type, "size_bytes": one.size_bytes} for one in found.sources
    ]
    lines = [f"would hand in {counted(len(listed), 'document')}, {size_mb:.1f} MB"]
    lines += [f"  {count:,} {kind}" for kind, count in kinds.most_common()]
    session.show({"dry_run": True, "items": listed, "left_out": found.left_out}, lines)


def _report(session: Session, account: Account) -> None:
    items: list[Plain] = [
        {"id": item.id, "name": item.source.name, "outcome": item.outcome, "error": item.error, "reason": item.reason}
        for item in account.items
    ]
    value: Plain = {"items": items, **account.counts, "took_s": round(account.took_s, 3)}
    only = account.items[0]
    if len(items) == 1 and only.outcome not in ("unreadable", "failed"):
        value |= {"id": only.id}
        told = {"new": "remembered", "unchanged": "known already"}.get(only.outcome, only.outcome)
        session.show(value, [line(f"{told} {only.id}: {cut(only.source.name, SHOWN_COLUMNS)}")])
        session.printer.talk(f"next: {session.command(f'why {only.id}')}")
        session.printer.talk(f"undo: {session.command(f'memory withdraw {only.id}')}")
        return
    session.show(value, [account.words()])
    trouble = [item for item in account.items if item.error]
    for item in trouble[:NAMED_MAX]:
        session.printer.talk(f"{item.outcome}: {line(item.source.name)}: {line(item.error)}")
    if len(trouble) > NAMED_MAX:
        session.printer.talk(f"and {len(trouble) - NAMED_MAX:,} more; --json names all")
