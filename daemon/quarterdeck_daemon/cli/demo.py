"""`demo`: the practice company, from nothing to the mails that wait for your yes.

Copies the company to a folder, starts its daemon, waits until all mail is read and the runs have settled,
says what was done and what waits. A folder is deleted only if it holds our marker file.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from . import language_models, proposal, service
from .approvals import waiting
from .home import open_screen
from .plain import Plain, number, record, records, strings, text
from .runs import steps_of
from .session import CONFIG_NAME, Session
from .text import counted, line
from .words import reads, verb

MARKER = ".quarterdeck-demo"
MARKER_TEXT = "This folder was made by `quarterdeck demo`; `quarterdeck demo --reset` may delete it.\n"
OUTSIDE = frozenset(("sent", "succeeded", "unknown", "compensated", "compensation_failed"))
SCRIPTED = "scripted"
LEAD = "lead"  # The qualifier's word for a mail that asks for work.
WAIT_S_MAX = 180.0
POLL_MS = 1_000
ANSWER_MS = 10_000
PAUSE_S = 0.1
STILL_S = 6.0  # Nothing moves for so long: then it is over, even if a file could not be read.
TELL_EVERY_S = 10.0  # Without a terminal: one line each.


def company() -> Path:
    """Return the practice company: of the source tree, else of the installed package."""
    here = Path(__file__).resolve()
    candidates = (here.parents[3] / "examples" / "studio", here.parents[1] / "examples" / "studio")
    for folder in candidates:
        if (folder / CONFIG_NAME).is_file():
            return folder
    raise QuarterdeckError("not_found", "The practice company is not installed.", hint="Install the package again.")


def lay_out(folder: Path) -> bool:
    """Copy the company to `folder` unless it is there; return whether it was copied.

    Raises QuarterdeckError `conflict` when the folder holds something else.
    """
    if (folder / MARKER).is_file() and (folder / CONFIG_NAME).is_file():
        return False
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not (folder / MARKER).is_file():
        raise foreign(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # The marker first: a copy that is interrupted can be reset.
    (folder / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
    ignored = shutil.ignore_patterns(".quarterdeck", ".git*", "__pycache__")
    shutil.copytree(company(), folder, dirs_exist_ok=True, ignore=ignored)
    return True


def with_scripted_model(folder: Path) -> bool:
    """Have the script answer what models are asked; return whether it did not before."""
    from ..service import model_shelf

    if model_shelf.is_language(folder, SCRIPTED):
        return False
    model_shelf.add_file(folder, SCRIPTED, folder / "models" / "scripted.yaml")
    model_shelf.use(folder, SCRIPTED, ())
    return True


def foreign(folder: Path) -> QuarterdeckError:
    return QuarterdeckError(
        "conflict", f"{folder} was not made by `quarterdeck demo`; it is left as it is.", hint="Name another folder."
    )


def clear(session: Session, folder: Path) -> None:
    """End the daemon and empty the folder. Raises QuarterdeckError `conflict` for a folder without our marker.

    The folder itself stays, since a shell may stand in it; the marker goes last, so that an interrupted reset can
    be done again.
    """
    if not folder.exists():
        return
    if folder.is_symlink() or not (folder / MARKER).is_file():
        raise foreign(folder)
    from ..service import lifecycle

    lifecycle.stop_all(folder)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != MARKER:
            path.unlink()
    (folder / MARKER).unlink()
    session.printer.talk(f"emptied {folder}")


def _files(folder: Path, place: str) -> int:
    return sum(path.is_file() and not path.name.startswith(".") for path in (folder / place).rglob("*"))


def expected(folder: Path) -> tuple[int, int]:
    """Return how many mails lie in the inbox, and how many files the connectors will bring in altogether."""
    from ..service.workspace import load_config

    config = load_config(folder)
    mails = _files(folder, config.mail.inward.path)
    return mails, mails + sum(_files(folder, entry.path) for entry in config.files)


class Settling:
    """Decides from what `ingest.wait` says whether the work is over.

    "Nothing waits" alone is not enough: just after the start the connectors have not looked yet.
    """

    def __init__(self, files: int, now: float) -> None:
        self.files = files
        self.still_since = now
        self.last: Plain = {}

    def over(self, found: Plain, now: float) -> bool:
        if found != self.last:
            self.last, self.still_since = found, now
        if number(found, "waiting"):
            return False
        return number(found, "documents") >= self.files or now - self.still_since >= STILL_S


def settle(session: Session) -> Plain:
    """Wait until all mail is read and no run moves by itself. Raises QuarterdeckError `deadline`."""
    began = told = time.monotonic()
    settling = Settling(expected(session.folder)[1], began)
    while True:
        found = _look(session, settling.last)
        now = time.monotonic()
        if settling.over(found, now):
            _tell(session, found, settling.files, end=True)
            return found
        if now - began > WAIT_S_MAX:
            hint = "Look at `quarterdeck status` and `quarterdeck logs`; running `quarterdeck demo` again goes on."
            raise QuarterdeckError(
                "deadline", f"Not done after {WAIT_S_MAX:.0f} s: {progress(found, settling.files)}.", hint=hint
            )
        if sys.stderr.isatty() or now - told > TELL_EVERY_S:
            told = now
            _tell(session, found, settling.files)
        time.sleep(PAUSE_S)


def _look(session: Session, before: Plain) -> Plain:
    """Ask how far it is. A daemon that says `deadline` is still at it."""
    try:
        return session.ask("ingest.wait", {"timeout_ms": POLL_MS}, deadline_ms=POLL_MS + ANSWER_MS)
    except QuarterdeckError as error:
        if error.code != "deadline":
            raise
        return {**before, "waiting": number(error.details, "waiting") or 1}


def progress(found: Plain, files: int) -> str:
    """Return counts in words."""
    return f"{number(found, 'documents')} of {counted(files, 'document')} read, {counted(number(found, 'runs'), 'run')} settled"


def _tell(session: Session, found: Plain, files: int, *, end: bool = False) -> None:
    if session.printer.quiet or session.printer.json:
        return
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{progress(found, files)}" + ("\n" if end else ""))
        sys.stderr.flush()
    elif not end:
        session.printer.talk(progress(found, files))


def summary(session: Session, found: Plain) -> Plain:
    """Return what was done: documents, leads, why mails were left alone, what waits."""
    runs = session.items("run.list")
    items = waiting(session)
    quiet = [text(run, "run_id", "id") for run in runs if text(run, "status") == "no_op"]
    alone = [one for id in quiet if (one := left_alone(session.ask("run.get", {"id": id})))]
    # A correction of a mail that has left answers nobody anew.
    actions = [one for one in session.items("action.list") if not one.get("compensates")]
    mails = expected(session.folder)[0]
    return {
        "documents": number(found, "documents"),
        "mails": mails,
        "runs": dict(Counter(text(run, "status") for run in runs)),
        "drafted": len(actions),
        "left_the_house": sum(text(one, "status") in OUTSIDE for one in actions),
        "leads": len(actions) + sum(kind == LEAD for kind, _ in alone),
        "not_qualified": [reason for kind, reason in alone if kind == LEAD],
        "left_alone": dict(Counter(kind for kind, _ in alone if kind != LEAD).most_common()),
        "without_run": max(0, mails - len(runs)),
        "waiting": items,
    }


def left_alone(run: Plain) -> tuple[str, str] | None:
    """Return the kind of a mail to which nothing was proposed and the last reason given; None when one was rejected."""
    for step in steps_of(run):
        if step.get("actions"):
            return None
    for step in steps_of(run):
        output = record(step.get("output"))
        reasons = [text(one, "text") for one in records(output.get("reasons"))]
        if text(output, "kind"):
            return text(output, "kind"), reasons[-1] if reasons else ""
    return text(run, "reason") or "nothing to do", ""


def lines(session: Session, done: Plain) -> Iterator[str]:
    items = records(done.get("waiting"))
    yield f"{counted(number(done, 'documents'), 'document')} read, {number(done, 'mails')} of them mail"
    found, drafted = counted(number(done, "leads"), "lead"), counted(number(done, "drafted"), "answer")
    wait = "waits" if len(items) == 1 else "wait"
    yield f"{found} found, {drafted} drafted, {len(items)} {wait} for your yes"
    for reason in strings(done.get("not_qualified")):
        yield f"  not answered: {line(reason)}"
    alone = record(done.get("left_alone"))
    kinds = [f"{number(alone, name)} {name}" for name in alone]
    if number(done, "without_run"):
        kinds.append(f"{number(done, 'without_run')} from machines")
    yield line(f"left alone: {', '.join(kinds) or 'nothing'}")
    runs = record(done.get("runs"))
    failed = sum(number(runs, name) for name in ("failed", "blocked", "exhausted", "timed_out", "stalled"))
    if failed:
        yield f"{counted(failed, 'run')} gave up: see `{session.command('dead list')}`"
    yield ""
    if items:
        yield from session.printer.table(proposal.HEADERS, proposal.rows(items))
        yield ""
    left = number(done, "left_the_house")
    yield f"{left or 'Nothing'} has left the house. Next:" if left < 2 else f"{left} have left the house. Next:"
    yield from _next_steps(session, text(items[0], "id") if items else "ID")


def _next_steps(session: Session, first: str) -> Iterator[str]:
    steps = (
        (f"why {first}", "where a draft comes from, down to the quote"),
        ("review", "decide one by one"),
        (f"approve {first}", "send one, after a hold in which undo is free"),
        ("", "open the screen"),
        ("down", "end the daemon"),
    )
    for words, about in steps:
        yield f"  {session.command(words):<44}  {about}"


@verb("demo", examples=("quarterdeck demo", "quarterdeck demo ~/studio --no-tui", "quarterdeck demo --reset"))
@click.argument("directory", default="./demo-workspace", metavar="[DIR]")
@click.option("--reset", is_flag=True, help="End its daemon, empty the folder, start over. Only if we made it.")
@click.option("--no-tui", is_flag=True, help="Print what was done; do not open the screen.")
@click.option(
    "--scripted-model", is_flag=True, help="With a language model that gives fixed answers; else with none."
)
@reads
def demo(session: Session, directory: str, reset: bool, no_tui: bool, scripted_model: bool) -> None:
    """Make the practice company in DIR and work through its mail up to what needs your yes."""
    named = Path(directory).expanduser()
    folder = named.resolve()
    if reset:
        clear(session, named)
    fresh = lay_out(folder)
    session.named = named
    session.printer.talk(f"{'made' if fresh else 'going on with'} the practice company in {folder}")
    switched = scripted_model and with_scripted_model(folder)
    if switched:
        session.printer.talk("its model says what models/scripted.yaml says")
    if service.start(session):
        session.printer.talk("started its daemon")
    elif switched:
        language_models.told(session)
    done = summary(session, settle(session))
    session.show(done, lines(session, done))
    if session.interactive() and not (no_tui or session.printer.json):
        open_screen(session.folder)
