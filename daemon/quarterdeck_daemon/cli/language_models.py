"""`models` for those that answer: the parts of its verbs that are about language models. Each works with and without a daemon."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, strings, text
from .prompt import sure
from .session import Session
from .text import line

AT_START = "the daemon takes it up when it is started"
PROGRESS_EVERY = 5  # Questions.
AT_ONCE = "its host is up in a moment: `quarterdeck models`"


def table(session: Session, rows: list[Plain]) -> Iterator[str]:
    headers = ("NAME", "TIER", "READY", "ANSWERS", "TOKENS/S", "FIRST", "MB", "ABOUT")
    yield from session.printer.table(headers, [_cells(one) for one in rows])
    for one in rows:
        if one.get("problem"):
            yield line(f"{text(one, 'id')} is not ready: {text(one, 'problem')}. {text(one, 'fix')}")
    judged = [row for one in rows for row in records(one.get("quality"))]
    if judged:
        yield ""
        yield from quality(session, judged)


def _cells(one: Plain) -> tuple[object, ...]:
    answers = ", ".join(strings(one.get("routes")) or strings(one.get("purposes"))) or "any"
    speed, first = one.get("tokens_s"), one.get("first_ms")
    return (
        text(one, "id"), text(one, "tier"), text(one, "ready"), answers,
        f"{speed:.1f}" if isinstance(speed, float) and speed else "",
        f"{first:.0f} ms" if isinstance(first, float) and first else "",
        number(one, "memory_mb") or number(one, "size_bytes") // 1_000_000 or "", text(one, "about"),
    )  # fmt: skip


def is_pick(name: str) -> bool:
    """Whether it is no model's name but says how to choose one."""
    from ..service.model_shelf import PICKS

    return name in PICKS


def is_language(session: Session, name: str) -> bool:
    """Raises QuarterdeckError `not_found` for what is no model of either kind."""
    from ..service.model_shelf import check_known, is_language

    check_known(session.folder, name)
    return is_language(session.folder, name)


def add(session: Session, name: str, make: Callable[[], Plain], does: str) -> None:
    """Make it, tell the daemon, say what can be done next."""
    from ..service.model_shelf import check_new

    check_new(session.folder, name)
    if session.dry_run:
        session.show({"dry_run": True, "id": name}, [line(f"would {does}")])
        return
    made = make()
    then, undo = session.command(f"models use {name}"), session.command(f"models remove {name}")
    up = told(session)
    session.show(
        {**made, "next": then, "undo": undo}, [line(f"{name} is in the settings ({text(made, 'backend')}); {up}")]
    )
    session.printer.talk(f"next: {then}")
    session.printer.talk(f"undo: {undo}")


def add_file(session: Session, name: str, source: str, sha256: str, backend: str, tier: int) -> None:
    from ..service.model_shelf import add_file

    path = Path(source).expanduser().resolve()
    add(
        session, name, lambda: add_file(session.folder, name, path, sha256=sha256, backend=backend, tier=tier),
        f"add {path} as {name}",
    )  # fmt: skip


def add_service(session: Session, name: str, url: str, model: str, key: str, tier: int) -> None:
    from ..service.model_shelf import add_service

    add(
        session, name, lambda: add_service(session.folder, name, url, model, key=key, tier=tier),
        f"add {model} of {url} as {name}",
    )  # fmt: skip


def pull(
    session: Session, name: str, id: str, *, hub: str, sha256: str, key: str, tier: int,
    progress: Callable[[int, int], None],
) -> None:  # fmt: skip
    """Fetch a file of a hub, then add it. Ended in the middle, the next call goes on where it was."""
    from ..service.model_download import fetch, hub_base, url_of
    from ..service.model_shelf import add_file
    from ..service.workspace import STATE_NAME

    url, file = url_of(hub_base(hub), id)
    home = session.folder / STATE_NAME

    def make() -> Plain:
        home.mkdir(mode=0o700, exist_ok=True)
        part, found = fetch(home, url, progress, key=_secret(key, home), sha256=sha256)
        whole = part.with_name(file)
        part.rename(whole)
        try:
            made = add_file(session.folder, name, whole, sha256=found, tier=tier, move=True)
        finally:
            whole.unlink(missing_ok=True)
        return {**made, "from": url}

    add(session, name, make, f"fetch {url} and add it as {name}")


def _secret(handle: str, home: Path) -> str:
    if not handle:
        return ""
    from ..service.model_shelf import secret_of

    return secret_of(handle, home)


def use(session: Session, name: str, purposes: tuple[str, ...]) -> None:
    from ..service import model_shelf
    from ..service.workspace import load_config

    folder = session.folder
    if name in model_shelf.PICKS:
        name = model_shelf.PICKS[name](folder, purposes)
    config = load_config(folder)
    setting = config.models.get(name)
    host = setting.url if setting is not None and setting.remote else ""
    wanted = purposes or model_shelf.PURPOSES
    before = {purpose: config.routes.get(purpose, "") for purpose in wanted}
    listed = ", ".join(wanted)
    if session.dry_run:
        session.show({"dry_run": True, "id": name, "before": before}, [line(f"would have {name} answer: {listed}")])
        return
    out = f"What is asked for {listed}, and is not labelled secret, would go to {host}."
    if host and any(to != name for to in before.values()) and not sure(session, f"{out} Use it?"):
        session.printer.talk("nothing was changed")
        return
    changed = model_shelf.use(folder, name, purposes)
    back = "; ".join(_back(session, purpose, before[purpose]) for purpose in changed)
    value: Plain = {"id": name, "changed": list(changed), "before": before, "next": told(session), "undo": back}
    session.show(value, [line(f"{name} answers: {listed}" if changed else f"{name} answered already: {listed}")])
    session.printer.talk(f"next: {value['next']}")
    if back:
        session.printer.talk(f"undo: {back}")


def _back(session: Session, purpose: str, before: str) -> str:
    if before and before != "none" and ":" not in before:
        return session.command(f"models use {before} --for {purpose}")
    return f"take {purpose} out of [routes]" if not before else f'write {purpose} = "{before}" into [routes]'


def remove(session: Session, name: str) -> None:
    from ..service.model_shelf import remove

    if session.dry_run:
        session.show({"dry_run": True, "id": name}, [line(f"would remove {name}, its routes and its files")])
        return
    gone = remove(session.folder, name)
    told(session)
    undo = session.command(f"models add {name} --from FILE") if gone["file"] else f"add [models.{name}] again"
    session.show({**gone, "removed": True, "undo": undo}, [line(f"{name} is removed")])
    session.printer.talk(f"undo: {undo}")


def bench(session: Session, name: str) -> None:
    from ..service.model_bench import bench

    if session.dry_run:
        session.show({"dry_run": True, "id": name}, [line(f"would load {name} and ask it four times")])
        return
    found = bench(session.folder, name, lambda said: session.printer.talk(f"{name}: {said}"))
    value: Plain = {
        "id": name, "model": found.id, "tokens_s": found.tokens_s, "reads_s": found.reads_s,
        "first_ms": found.first_ms, "load_ms": found.load_ms, "memory_mb": found.memory_mb,
    }  # fmt: skip
    told_of = (
        f"{name}: writes {found.tokens_s:,.1f} tokens/s, reads {found.reads_s:,.0f}; first after {found.first_ms:,.0f} ms; "
        f"{found.memory_mb:,} MB; loaded in {found.load_ms:,.0f} ms"
    )
    session.show(value, [line(told_of)])


def judge(session: Session, params: Plain, deadline_ms: int) -> None:
    """Say what will be asked, ask if that leaves this machine, show progress, then a table."""
    foreseen = session.client.call("model.judge", {**params, "foresee": True}).result
    told, rows = _cases(foreseen), records(foreseen.get("foreseen"))
    if session.dry_run:
        session.show({**foreseen, "dry_run": True}, [told, *map(_foreseen, rows)])
        return
    leaving = [text(one, "id") for one in rows if one.get("remote") and number(one, "questions")]
    session.printer.talk(told)
    for one in rows:
        session.printer.talk(_foreseen(one))
    if leaving and not sure(session, f"They would leave this machine, to {', '.join(leaving)}. Ask?"):
        session.printer.talk("nobody was asked")
        return
    if not record(foreseen.get("cases")):
        hint = (
            "When you have approved, edited or rejected what came of models' answers, there is something to compare."
        )
        session.show(foreseen, [line(hint)])
        return
    stream = session.client.stream("model.judge", params, deadline_ms=deadline_ms)
    told_of = 0
    for chunk in stream:  # Each second, too, while nothing is new.
        if number(chunk, "done") != told_of and number(chunk, "done") % PROGRESS_EVERY == 0:
            told_of = number(chunk, "done")
            session.printer.talk(f"{text(chunk, 'id')}: {number(chunk, 'done')} of {number(chunk, 'of')}")
    assert stream.result is not None, "it was read to its end"
    found = stream.result.result
    session.show(found, quality(session, records(found.get("items"))))
    session.printer.talk(f"next: {session.command('models use best --for PURPOSE')}")


def _cases(found: Plain) -> str:
    cases = record(found.get("cases"))
    parts = ", ".join(f"{count} {stood}" for stood, count in sorted(cases.items()))
    return line(f"questions whose answers you decided: {parts}" if parts else "no question has been decided yet")


def _foreseen(one: Plain) -> str:
    money = f", {text(one, 'money')}" if text(one, "money") not in ("", "0") else ""
    return line(
        f"{text(one, 'id')}: {number(one, 'questions')} questions, at most {number(one, 'tokens'):,} tokens{money}"
    )


def quality(session: Session, rows: list[Plain]) -> Iterator[str]:
    """How near models come to the operator's decisions, a row for each and purpose."""
    headers = ("NAME", "PURPOSE", "AGREES", "OWN", "NO ANSWER", "WITHHELD", "REPEATS WHAT WAS REJECTED")
    cells = [
        (text(one, "id"), text(one, "purpose"), text(one, "says"), number(one, "own"), number(one, "failed"),
         number(one, "withheld"), f"{number(one, 'repeated')} of {number(one, 'rejected')}")
        for one in rows
    ]  # fmt: skip
    if cells:
        yield from session.printer.table(headers, cells)


def ask(session: Session, params: Plain, deadline_ms: int) -> None:
    """Print the pieces as they come; with --json the whole answer at the end."""
    if session.dry_run:
        session.show({"dry_run": True, "params": params}, [line("would ask a model")])
        return
    stream = session.client.stream("model.ask", params, deadline_ms=deadline_ms)
    tried, wrote = 0, False
    for chunk in stream:
        if session.printer.json:
            continue
        if number(chunk, "try") != tried and tried:
            session.printer.talk("… another model begins anew:")
        tried, wrote = number(chunk, "try"), True
        sys.stdout.write("\n".join(line(part) for part in text(chunk, "text").split("\n")))
        sys.stdout.flush()
    assert stream.result is not None, "it was read to its end"
    answer = stream.result.result
    if session.printer.json:
        session.show(answer, ())
        return
    if wrote:
        sys.stdout.write("\n")
    session.show(answer, _said(answer, wrote))
    cost = f"{number(answer, 'tokens_in')} + {number(answer, 'tokens_out')} tokens"
    known = "known from before" if answer.get("cached") else cost
    session.printer.talk(f"{text(answer, 'model')}: {known}; {text(answer, 'why')}; call {text(answer, 'call')}")


def _said(answer: Plain, wrote: bool) -> Iterator[str]:
    scores = answer.get("scores")
    if isinstance(scores, dict) and scores:
        yield from (line(f"{float(one):.2f}  {name}") for name, one in scores.items())
    elif not wrote:
        yield from map(line, text(answer, "text").split("\n"))


def told(session: Session) -> str:
    """Have the daemon read the settings, if one runs; say when they count."""
    try:
        session.client.call("model.reload", {})
    except QuarterdeckError as error:
        if error.code not in ("unavailable", "unknown_method"):
            raise
        return AT_START
    return AT_ONCE
