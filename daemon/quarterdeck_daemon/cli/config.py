"""`config`: the settings of a workspace; works without a daemon."""

from __future__ import annotations

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain
from .session import CONFIG_NAME, Session
from .text import line
from .words import near, noun, reads, verb_of

config = noun("config", "Settings: path, check, get.")


@verb_of(config, "path")
@reads
def path(session: Session) -> None:
    """Print where everything of this workspace lies."""
    folder = session.folder
    found: Plain = {
        "workspace": str(folder),
        "config": str(folder / CONFIG_NAME),
        "state": str(folder / ".quarterdeck"),
        "connection": str(folder / ".quarterdeck" / "run" / "daemon.json"),
        "logs": str(folder / ".quarterdeck" / "logs"),
    }
    session.show(found, [f"{name:<11}{line(str(value))}" for name, value in found.items()])


def load(session: Session) -> Plain:
    """Return the settings with all defaults. Raises QuarterdeckError `schema` naming line and nearest key."""
    import msgspec

    from ..service.workspace import load_config

    found = msgspec.to_builtins(load_config(session.folder))
    assert isinstance(found, dict), "a struct becomes a map"
    return found


@verb_of(config, "check")
@reads
def check(session: Session) -> None:
    """Check quarterdeck.toml. Exit status 2: wrong, with the line and the nearest valid key."""
    load(session)
    where = str(session.folder / CONFIG_NAME)
    session.show({"ok": True, "path": where}, [line(f"ok  {where}")])


@verb_of(config, "get", examples=("quarterdeck config get actions.hold", "quarterdeck config get --json"))
@click.argument("key", required=False)
@reads
def get(session: Session, key: str | None) -> None:
    """Print a setting, or all of them, defaults included."""
    flat = flatten(load(session))
    if key is None:
        session.show(flat, [line(f"{name} = {value}") for name, value in flat.items()])
        return
    if key not in flat:
        hint = "All of them: `quarterdeck config get`."
        raise QuarterdeckError("not_found", f"There is no setting `{key}`.{near(key, list(flat))}", hint=hint)
    session.show({"key": key, "value": flat[key]}, [line(str(flat[key]))])


def flatten(settings: Plain, prefix: str = "") -> Plain:
    """Return dotted names and their values."""
    found: Plain = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= flatten(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
