"""`init`: a new workspace, with every setting shown and nothing allowed to leave unasked."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .session import CONFIG_NAME, Session, program
from .words import changes, verb

ZONE_NAME = re.compile(r"[A-Za-z][\w+-]*(/[\w+-]+)*")
ZERO = frozenset(("Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"))  # Names of UTC.
FOLDERS = ("playbooks", "policies", "templates", "facts", "agents", "tests", "notes")

OWN_POLICY = """\
# Your own rules. They are asked from top to bottom, before those of the preset that quarterdeck.toml names ([policy]); the
# first that matches decides. `quarterdeck policies show` prints the preset, docs/policies.md every term of a condition.
# Built-in guards stand above all rules and can only make things stricter.
#
# Try a rule on the past before it is in force: quarterdeck policies test policies/10-mine.toml --since 30d

description = "My own rules."

# [[rule]]
# id = "mail.night"
# match = "mail.*"                                # connector.verb; * stands for anything
# when = "time.hour < 7 || time.hour >= 20"       # CEL; left out: always; without an answer it asks
# verdict = "ask"                                 # allow, ask or deny
# risk = "low"                                    # low, medium or high
# hold = "8s"                                     # how long it can be undone for free
# firm = true                                     # no permission and no level of autonomy makes it an allow
# reason = "Nothing leaves in the evening without me."

# [[sink]]                                        # what some places may receive
# match = "mail.*"
# to = "*@newsletter.example"
# receives = "public"
"""

GITIGNORE = """\
# State, keys and sockets of the daemon; never in version control.
.quarterdeck/
mail/
"""


def machine_zone(localtime: Path = Path("/etc/localtime")) -> str:
    """Return the name of this machine's time zone: of TZ, else of the file that `localtime` points to, else UTC."""
    import zoneinfo

    named = os.environ.get("TZ", "").removeprefix(":")
    for name in (named, os.path.realpath(localtime)):
        name = name.rpartition("zoneinfo/")[2].removeprefix("posix/").removeprefix("right/")
        if not ZONE_NAME.fullmatch(name):
            continue
        try:
            return "UTC" if zoneinfo.ZoneInfo(name).key in ZERO else name
        except (
            LookupError,
            ValueError,
            OSError,
        ):  # A rule such as CET-1CEST, or a file of some other name: no time zone's name.
            continue
    return "UTC"


def contents() -> dict[str, str]:
    """Return the files of a fresh workspace by name."""
    from ..service.workspace import DEFAULT_CONFIG_TEXT

    return {
        CONFIG_NAME: DEFAULT_CONFIG_TEXT.replace('timezone = "UTC"', f'timezone = "{machine_zone()}"', 1),
        "policies/10-mine.toml": OWN_POLICY,
        ".gitignore": GITIGNORE,
        **{f"{folder}/.gitkeep": "" for folder in FOLDERS if folder != "policies"},
    }


def make_workspace(folder: Path) -> list[str]:
    """Write the files that are not there yet; return their names. Nothing of yours is overwritten.

    Raises QuarterdeckError `conflict` when the folder is a workspace already, `bad_value` when it cannot be made.
    """
    if (folder / CONFIG_NAME).exists():
        raise QuarterdeckError(
            "conflict", f"{folder} is a workspace already.", hint="`quarterdeck config check` looks at it."
        )
    written = []
    umask = os.umask(0)
    os.umask(umask | stat.S_IWOTH)  # The daemon refuses settings that everybody may write.
    try:
        for name, content in contents().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text(content, encoding="utf-8")
                written.append(name)
    except OSError as error:
        raise QuarterdeckError(
            "bad_value", f"Cannot write to {folder}: {error.strerror}.", hint="Name another folder."
        ) from error
    finally:
        os.umask(umask)
    return written


@verb("init", examples=("quarterdeck init", "quarterdeck init ~/company"))
@click.argument("directory", required=False, metavar="[DIR]")
@changes
def init(session: Session, directory: str | None) -> None:
    """Make a workspace in DIR (default: here): settings (cautious ones), folders, a file for your own rules, .gitignore."""
    if directory == "":  # What a shell makes of a variable that is not set.
        raise QuarterdeckError("bad_value", "The folder has no name.", hint="Name it, or write `.` for this one.")
    folder = (Path(directory) if directory else session.named or Path()).expanduser().resolve()
    if session.dry_run:
        names = list(contents())
        session.show({"dry_run": True, "files": names}, [f"would write {folder / name}" for name in names])
        return
    written = make_workspace(folder)
    value = {"id": str(folder), "workspace": str(folder), "files": written}
    session.show(value, [f"made {folder}", *(f"  {name}" for name in written)])
    up = f"{program()} -w {shlex.quote(str(folder))} up"
    session.printer.talk(f"next: edit {folder / CONFIG_NAME}, then `{up}`")
    session.printer.talk("undo: remove what is listed above; nothing else was touched")
