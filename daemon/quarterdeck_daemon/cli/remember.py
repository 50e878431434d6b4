"""`remember`: a note from words, standard input, or files."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, text
from .session import Session
from .text import cut, line
from .values import read_file
from .words import changes, verb

TIERS = ("core", "working", "project", "long-term", "review", "prospective")
NOTE_BYTES_MAX = 900_000  # A request's body is at most 1 MiB.
SHOWN_COLUMNS = 60
MAIL_SUFFIX = ".eml"
FILE_SUFFIXES = (".md", ".txt", ".eml", ".pdf", ".docx", ".csv", ".toml", ".yaml", ".json")


def texts(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return (source, text) of each thing to keep: standard input for `-` or nothing, files, else the words.

    When the words name no file at all they are one note; a mixture is refused, so that a misspelt path is not
    silently remembered as text.
    """
    if not words or words == ("-",):
        if not words and sys.stdin.isatty():
            hint = "quarterdeck remember 'TEXT', a FILE, or - for standard input."
            raise QuarterdeckError("bad_value", "Nothing to remember.", hint=hint)
        return [("", _standard_input())]
    files = [word for word in words if _is_file(word)]
    if not files:
        if len(words) == 1 and _meant_as_path(words[0]):
            raise QuarterdeckError(
                "not_found", f"{words[0]} is no file.", hint="Check the path, or write a sentence."
            )
        return [("", " ".join(words))]
    if len(files) < len(words):
        missing = next(word for word in words if word not in files)
        raise QuarterdeckError(
            "not_found", f"{missing} is no file, the others are.", hint="Name files only, or text only."
        )
    return [(word, "" if _is_mail(word) else read_file(Path(word))) for word in files]


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise QuarterdeckError("bad_value", "Standard input is not UTF-8 text.", hint="Convert it first.") from error


def _is_mail(word: str) -> bool:
    return Path(word).suffix.lower() == MAIL_SUFFIX


def _meant_as_path(word: str) -> bool:
    """One word that ends like a file or names a folder: a slip, rather than a note."""
    path = Path(word).expanduser()
    return not any(map(str.isspace, word)) and (path.suffix.lower() in FILE_SUFFIXES or path.exists())


def _is_file(word: str) -> bool:
    try:
        return Path(word).expanduser().is_file()
    except (OSError, ValueError):  # Longer than any path, or with a zero byte: text.
        return False


@verb("remember", examples=(
    "quarterdeck remember 'Northwind pays within 14 days' --tag billing",
    "quarterdeck remember notes/*.md", "pbpaste | quarterdeck remember - --title 'Call with Ines'",
))  # fmt: skip
@click.argument("words", nargs=-1, metavar="[TEXT | - | FILE…]")
@click.option("--title", metavar="TEXT")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="May be repeated.")
@click.option("--tier", type=click.Choice(TIERS), help="Where it belongs; else long-term.")
@click.option("--kind", metavar="WORD", help="note, decision, preference …")
@click.option("--source", metavar="TEXT", help="Where it comes from; a file's path by default.")
@changes
def remember(
    session: Session, words: tuple[str, ...], title: str | None, tags: tuple[str, ...], tier: str | None,
    kind: str | None, source: str | None,
) -> None:  # fmt: skip
    """Keep TEXT, standard input or FILEs; found again by `quarterdeck recall`."""
    options: Plain = {"title": title, "tags": list(tags), "tier": tier, "kind": kind}
    found = texts(words)
    for at, (path, content) in enumerate(found):
        if path and _is_mail(path):
            _remember(session, _mail(Path(path), options, source or path), at, len(found))
            continue
        if not content.strip() or len(content.encode()) > NOTE_BYTES_MAX:
            name = path or "The text"
            message = f"{name} is empty." if not content.strip() else f"{name} is over {NOTE_BYTES_MAX} bytes."
            raise QuarterdeckError("out_of_range", message, hint="Larger things go into a folder named in [[files]].")
        params: Plain = {name: value for name, value in options.items() if value} | {"text": content}
        if source or path:
            params["source"] = source or path
        _remember(session, params, at, len(found))


def _mail(path: Path, options: Plain, name: str) -> Plain:
    """A mail goes in as it is: it is taken apart, and believed no more than any other text from outside."""
    try:
        data = path.expanduser().read_bytes()
    except OSError as error:
        raise QuarterdeckError(
            "not_found", f"Cannot read {path}: {error.strerror}.", hint="Check the path."
        ) from error
    if not data.strip() or len(data) > NOTE_BYTES_MAX:
        raise QuarterdeckError(
            "out_of_range", f"{path} is empty or over {NOTE_BYTES_MAX} bytes.", hint="Lay it into the mail folder."
        )
    kept = {key: value for key, value in options.items() if value}
    return kept | {"document": data, "media_type": "message/rfc822", "name": name}


def _remember(session: Session, params: Plain, at: int, of: int) -> None:
    asked = session.request_id
    if asked and of > 1:
        session.request_id = f"{asked}/{at + 1}"  # One id for one change: the second file is another change.
    shown = cut(line(str(params.get("source") or params.get("name") or params["text"])), SHOWN_COLUMNS)
    result = session.change("memory.remember", params, does=f"remember {shown}")
    session.request_id = asked
    if result is None:
        return
    id = text(result.result, "id")
    where = session.command(f"why {id}" if "document" in params else f"memory show {id}")
    session.done(
        result,
        id,
        f"remembered {id}: {shown}",
        then=where,
        undo="a note stays in the log; remember what is right instead",
    )
