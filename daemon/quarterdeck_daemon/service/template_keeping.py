"""A mail that was approved becomes a template: what was put into its draft becomes the field that it was taken from.

The draft tells for each value where it was put and what it was taken from; the step tells by which field a template gets it.
What the operator wrote stays. Before anything is written the template is filled in once more with what that step had, and
must give the approved mail letter by letter.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..agents.composer import template_values
from ..agents.contract import AgentFailure
from ..agents.rendering import Sourced, render
from ..agents.seen import input_map
from ..agents.template import template_for
from ..core.entities import Action, Plain, Run
from ..store.api import Store
from ..store.scoped import versions_of
from .playbook_files import write_new
from .step_work import step_work

FOLDER: Final = "templates"
BODY_CHARS_MAX: Final = 20_000
LINES_MAX: Final = 400
WORDS_MAX: Final = 600  # Words and signs of one changed block.
LEFT: Final = frozenset(("held", "intent", "sent", "succeeded", "unknown"))  # States of what was approved and stands.
FIRST: Final = ("lead", "client", "operator", "workspace", "mail", "today")
SUBJECT_CHARS_MIN: Final = 4  # A shorter value in a subject is a word like any other.
FIELD_DEPTH_MAX: Final = 4
_TOKEN: Final = re.compile(r"\w+|\W")
_OPENS: Final = re.compile(r"\{(?=[{%#]|$)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """turned: {value, field}; left: {value, source} of what was put in and no field gives."""

    text: str
    turned: tuple[Plain, ...]
    left: tuple[Plain, ...]


class Put(msgspec.Struct, frozen=True):
    """A value in the approved text: where it begins and ends there, and what it was taken from."""

    begin: int
    end: int
    source: str


def kept(store: Store, action: Action) -> Kept:
    """Return the template of an approved mail. Raises `bad_value` for anything else."""
    if action.approval is None or action.status not in LEFT or not str(action.args.get("body") or "").strip():
        raise QuarterdeckError(
            "bad_value",
            f"{action.id} is no mail that you approved",
            hint="quarterdeck timeline --kind approval.given",
        )
    values, draft = _made_of(store, action)
    return template_of(action.args, values, draft, f"Kept from {action.id}.")


def template_of(mail: Plain, values: Plain, draft: Plain, purpose: str) -> Kept:
    """The template of a mail. values: what a template could use; draft: what was made with them, with what was put where.

    Raises `out_of_range` for a mail that is too long, `bad_value` when the template would not give this mail.
    """
    body, subject = str(mail["body"]).replace("\r\n", "\n").strip(), str(mail.get("subject") or "")
    if len(body) > BODY_CHARS_MAX:
        raise QuarterdeckError("out_of_range", f"a template is kept of at most {BODY_CHARS_MAX:,} characters")
    fields = dict(reversed([*_fields(values)]))  # The first path of a value wins.
    text, turned, left = _with_fields(body, list(_puts(draft, body)), fields)
    head = {"subject": _subject(" ".join(subject.split()), fields), "purpose": purpose}
    head |= {"language": str(draft["language"])} if draft.get("language") else {}
    whole = "\n".join(["+++", *(f"{name} = {_quoted(value)}" for name, value in head.items()), "+++", text]) + "\n"
    _check(whole, values, subject, body)
    return Kept(text=whole, turned=turned, left=left)


def _with_fields(
    body: str, puts: list[Put], fields: dict[tuple[str, str], str]
) -> tuple[str, tuple[Plain, ...], tuple[Plain, ...]]:
    """(the body as a template, what became a field, what stays as it is)."""
    pieces: list[str] = []
    turned: list[Plain] = []
    left: list[Plain] = []
    at = 0
    for put in puts:
        value = body[put.begin : put.end]
        field = fields.get((value, put.source))
        if field is None:
            left.append({"value": value, "source": put.source})
            continue
        turned.append({"value": value, "field": field})
        pieces += [_literal(body[at : put.begin]), f"{{{{ {field} }}}}"]
        at = put.end
    return "".join([*pieces, _literal(body[at:])]), tuple(turned), tuple(left)


def path_for(workspace: Path, name: str) -> Path:
    return workspace / FOLDER / f"{name}.md"


def write(path: Path, text: str) -> None:
    write_new(path, text)


# --- what it was made of --------------------------------------------------------------------------


def _made_of(store: Store, action: Action) -> tuple[Plain, Plain]:
    """(what a template of its step could use, what the step gave); both empty for a mail that no draft stands behind."""
    run = store.get(Run, action.run) if action.run else None
    for step in run.steps.values() if run is not None else ():
        if isinstance(step.output.get("inserted"), list) and "body" in step.output and step.input_seq:
            started = store.event(step.input_seq)
            assert started is not None, "a step that gave something was started"
            work = step_work(store, started, 1, versions_of(store))
            return template_values(work, input_map(work, "lead")), step.output
    return {}, {}


def _fields(values: Plain) -> Iterator[tuple[tuple[str, str], str]]:
    """((text, what it was taken from), the field that gives it), what a reader would choose first."""
    names = [*(name for name in FIRST if name in values), *(name for name in values if name not in FIRST)]
    for name in names:
        yield from _leaves(name, values[name], 0)


def _leaves(path: str, value: object, depth: int) -> Iterator[tuple[tuple[str, str], str]]:
    if isinstance(value, Sourced) and value:
        yield (str(value), value.origin), path
    elif isinstance(value, dict) and depth < FIELD_DEPTH_MAX:
        for name, item in value.items():
            if _NAME.fullmatch(name):
                yield from _leaves(f"{path}.{name}", item, depth + 1)


# --- where it stands now --------------------------------------------------------------------------


def _puts(draft: Plain, body: str) -> Iterator[Put]:
    """What was put into the draft and stands unchanged in the approved text, in its order, none within another."""
    old = str(draft.get("body") or "").strip()
    listed = draft.get("inserted")
    blocks = _same(old, body)
    end = 0
    for one in listed if isinstance(listed, list) else ():
        span = one.get("span_in_body") if isinstance(one, dict) else None
        if not (isinstance(span, list | tuple) and len(span) == 2):
            continue
        first, last = int(span[0]), int(span[1])
        shift = next((to - at for at, to, size in blocks if at <= first and last <= at + size), None)
        if shift is None or first + shift < end or first == last:
            continue
        end = last + shift
        yield Put(first + shift, end, str(one.get("source", "")))


def _same(old: str, new: str) -> list[tuple[int, int, int]]:
    """(where in the old, where in the new, how many characters) of what is the same: by lines, then by words in changed ones.

    Nothing for a text of more than LINES_MAX lines, and nothing within a changed block of more than WORDS_MAX words: comparing
    all words of a long text with all others would take half a minute.
    """
    olds, news = old.splitlines(keepends=True), new.splitlines(keepends=True)
    found: list[tuple[int, int, int]] = []
    if max(len(olds), len(news)) > LINES_MAX:
        return found
    starts = [[0, *itertools.accumulate(map(len, lines))] for lines in (olds, news)]
    for word, a, b, c, d in difflib.SequenceMatcher(None, olds, news, autojunk=False).get_opcodes():
        at, to = starts[0][a], starts[1][c]
        if word == "equal":
            _add(found, at, to, starts[0][b] - at)
        elif word == "replace":
            for one, other, size in _same_words("".join(olds[a:b]), "".join(news[c:d])):
                _add(found, at + one, to + other, size)
    return found


def _same_words(old: str, new: str) -> Iterator[tuple[int, int, int]]:
    olds, news = list(_TOKEN.finditer(old)), list(_TOKEN.finditer(new))
    if max(len(olds), len(news)) > WORDS_MAX:
        return
    matcher = difflib.SequenceMatcher(None, [one[0] for one in olds], [one[0] for one in news], autojunk=False)
    for a, b, size in matcher.get_matching_blocks():
        if size:
            yield olds[a].start(), news[b].start(), olds[a + size - 1].end() - olds[a].start()


def _add(found: list[tuple[int, int, int]], at: int, to: int, size: int) -> None:
    """One more, grown together with the one before when nothing lies between them on either side."""
    if found and (found[-1][0] + found[-1][2], found[-1][1] + found[-1][2]) == (at, to):
        at, to, size = found[-1][0], found[-1][1], found.pop()[2] + size
    found.append((at, to, size))


def _subject(subject: str, fields: dict[tuple[str, str], str]) -> str:
    """A subject whose longest known value is a field."""
    known = sorted(
        ((text, field) for (text, _), field in fields.items() if text in subject), key=lambda one: -len(one[0])
    )
    for text, field in known:
        if len(text) >= SUBJECT_CHARS_MIN:
            before, _, after = subject.partition(text)
            return f"{_literal(before)}{{{{ {field} }}}}{_literal(after)}"
    return _literal(subject)


# --- as a template --------------------------------------------------------------------------------


def _literal(text: str) -> str:
    """Text that a template gives as it is."""
    return _OPENS.sub("{{ '{' }}", text)


def _quoted(text: str) -> str:
    """A TOML string on one line; what JSON escapes, TOML does as well."""
    return json.dumps(" ".join(text.split()).replace("\x7f", ""), ensure_ascii=False)


def _check(whole: str, values: Plain, subject: str, body: str) -> None:
    """Filled in again with what its step had, it must be the mail that was approved."""
    try:
        template = template_for({"text": whole, "name": "kept"}, "")
        found = render(template.body, values, name="kept").text, render(template.subject, values, name="kept").text
    except AgentFailure as failure:
        raise QuarterdeckError("bad_value", f"it cannot be made a template: {failure.failure.message}") from failure
    if found != (body, " ".join(subject.split())):
        raise QuarterdeckError(
            "bad_value",
            "filled in again it would not be the mail that you approved",
            hint="Write the template by hand.",
        )
