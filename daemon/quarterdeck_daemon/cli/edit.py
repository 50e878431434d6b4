"""`edit`: the draft in the operator's editor, the difference, and a yes to exactly the edited text.

A mail is edited as a mail: its headers, an empty line, its text. Other actions are edited as JSON.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .approvals import asked_lesson, check_lesson_words, lesson_of, lessons, waiting_for
from .deciding import decide
from .plain import Plain, record, strings, text
from .prompt import ask, sure
from .session import Session
from .text import block
from .words import changes, confirms, verb

HEADERS = ("to", "cc", "subject")
LISTS = ("to", "cc")
FALLBACK_EDITOR = "vi"
EDITED_BYTES_MAX = 1_048_576
STATE = Path(".quarterdeck") / "run"
HASH_CHARS = 12


def as_text(args: Plain) -> str:
    """Return the arguments as the file to edit."""
    if "body" not in args:
        return json.dumps(args, indent=2, ensure_ascii=False) + "\n"
    lines = []
    for name in HEADERS:
        if name in args:
            value = args[name]
            lines.append(f"{name.capitalize()}: {', '.join(strings(value)) if isinstance(value, list) else value}")
    return "\n".join([*lines, "", str(args["body"])]).rstrip("\n") + "\n"


def from_text(edited: str, args: Plain) -> Plain:
    """Return the arguments that differ. Raises QuarterdeckError `bad_value` when the file no longer reads."""
    fresh = _from_mail(edited, args) if "body" in args else _from_json(edited)
    return {name: value for name, value in fresh.items() if args.get(name) != value}


def _from_json(edited: str) -> Plain:
    try:
        value = json.loads(edited)
    except json.JSONDecodeError as error:
        raise QuarterdeckError(
            "bad_value", f"The edited file is no JSON: {error}.", hint="Nothing was sent."
        ) from error
    return record(value)


def _from_mail(edited: str, args: Plain) -> Plain:
    head, _, body = edited.replace("\r\n", "\n").partition("\n\n")
    fresh: Plain = {}
    for row in head.splitlines():
        name, colon, value = row.partition(":")
        name = name.strip().lower()
        if not colon or name not in HEADERS or name not in args:
            raise QuarterdeckError(
                "bad_value", f"`{row}` is no header of this mail.",
                hint="Leave the header lines and the empty line below them in place. Nothing was sent.",
            )  # fmt: skip
        fresh[name] = _header(name, value.strip(), args[name])
    # An editor puts a line end at the end of a file; that alone is no edit.
    fresh["body"] = args["body"] if body.rstrip("\n") == str(args["body"]).rstrip("\n") else body
    return fresh


def _header(name: str, value: str, before: object) -> object:
    if name in LISTS and isinstance(before, list | tuple):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return before if parts == strings(before) else parts
    return value


def in_editor(content: str, suffix: str) -> str:
    """Return the text as the editor left it. The file is private and goes away."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or FALLBACK_EDITOR
    handle, name = tempfile.mkstemp(prefix="quarterdeck-", suffix=suffix)
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        status = subprocess.run([*shlex.split(command), name], check=False).returncode
        if status != 0:
            raise QuarterdeckError("bad_value", f"`{command}` ended with status {status}.", hint="Nothing was sent.")
        if path.stat().st_size > EDITED_BYTES_MAX:
            raise QuarterdeckError(
                "bad_value", f"The text is over {EDITED_BYTES_MAX} bytes.", hint="Nothing was sent."
            )
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, PermissionError) as error:
        hint = "Set VISUAL or EDITOR to your editor. Nothing was sent."
        raise QuarterdeckError("bad_value", f"Cannot start `{command}`: {error}.", hint=hint) from error
    finally:
        path.unlink(missing_ok=True)


def difference(session: Session, before: str, after: str) -> Iterator[str]:
    """Yield the changed lines with a little around them."""
    tones = {"+": "green", "-": "red", "@": "cyan"}
    rows = difflib.unified_diff(before.splitlines(), after.splitlines(), "proposed", "yours", lineterm="", n=2)
    for row in rows:
        yield session.printer.paint(block(row), tones.get(row[:1], ""))


def edit_item(session: Session, item: Plain, lesson: Plain | None = None) -> bool:
    """Let the operator edit one waiting item and approve the result. Returns whether it was sent.

    lesson: what is learned from the edit; without one a person is asked, since nothing is learned unsaid.
    """
    if item.get("gate") is True:
        raise QuarterdeckError(
            "bad_value", f"{text(item, 'id')} is a question of a run: there is nothing to edit.",
            hint=f"What a step gave is edited in its run: {session.command('runs edit --help')}",
        )  # fmt: skip
    args = record(record(item.get("action")).get("args"))
    before = as_text(args)
    kept = kept_text(session, item)
    after = in_editor(kept.read_text("utf-8") if kept.exists() else before, ".eml.txt" if "body" in args else ".json")
    keep(kept, after)
    edits = from_text(after, args)
    if not edits:
        kept.unlink(missing_ok=True)
        session.printer.talk("Nothing changed; it still waits.")
        return False
    for row in difference(session, before, after):
        if session.printer.json:
            break
        session.printer.say(row)
    if not (session.dry_run or sure(session, f"Approve {text(item, 'id')} with these edits?")):
        session.printer.talk(
            f"Not approved; the draft still waits as it was. Your text is kept for {again(session, item)}."
        )
        return False
    if lesson is None and not session.dry_run:
        lesson = asked_lesson(session, item, lambda question: ask(question) or "", edited=True)
    try:
        decide(session, [item], "approve", {"edits": edits, "lesson": lesson})
    except QuarterdeckError:
        session.printer.talk(f"Your text is kept for {again(session, item)}.")
        raise
    if not session.dry_run:
        kept.unlink(missing_ok=True)
    return True


def again(session: Session, item: Plain) -> str:
    return f"`{session.command('edit ' + text(item, 'id'))}`"


def kept_text(session: Session, item: Plain) -> Path:
    """Where the text of an edit lies that was not approved, for exactly what was shown then."""
    id, shown = text(item, "id"), text(item, "shown_hash")
    name = "".join(char for char in f"edit-{id}-{shown[:HASH_CHARS]}" if char.isalnum() or char in "-_")
    return session.folder / STATE / f"{name}.txt"


def keep(path: Path, content: str) -> None:
    """Keep a text privately. Without the folder, the daemon never ran here and there is nothing to edit."""
    if path.parent.is_dir():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)


@verb(
    "edit",
    examples=(
        "quarterdeck edit a17", "EDITOR='code --wait' quarterdeck edit a17",
        "quarterdeck edit a17 --lesson --reason 'we say Dear, not Hi'",
    ),
)  # fmt: skip
@click.argument("id")
@lessons
@confirms
@changes
def edit(
    session: Session, id: str, lesson: bool, lesson_until: str, lesson_all: bool, lesson_to: str
) -> None:  # fmt: skip
    """Open the draft of ID in VISUAL or EDITOR, show the difference, approve it after your yes.

    With --lesson the agent learns it: the reason, or without one what you changed, in plain words.
    """
    check_lesson_words(lesson, lesson_until, lesson_all, lesson_to)
    taught = lesson_of(session, lesson_until, lesson_all, lesson_to, edited=True) if lesson else None
    edit_item(session, waiting_for(session, [id])[0], taught)
