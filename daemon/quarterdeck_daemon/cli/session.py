"""One call of the command line: which workspace, how to print, and the way to its daemon."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck_protocol.codes import QuarterdeckError

from .output import Printer
from .plain import Plain, records
from .text import line

if TYPE_CHECKING:
    from quarterdeck_protocol.calls import Result
    from quarterdeck_protocol.client import Client

CONFIG_NAME = "quarterdeck.toml"
PROGRAMS = ("quarterdeck", "qd")
LEVELS_MAX = 64  # Folders to look at upward.
PAGES_MAX = 1_000  # Of one list, when all of it is wanted.


class Session:
    """What the options said. Commands receive it as their first argument."""

    def __init__(self) -> None:
        self.printer = Printer()
        self.named: Path | None = None  # By -w.
        self.no_input = False
        self.yes = False
        self.dry_run = False
        self.reason = ""
        self.request_id: str | None = None
        self.as_of: int | str | None = None  # By `at`: every read is of then.
        self._client: Client | None = None

    # --- the workspace

    @property
    def folder(self) -> Path:
        """The workspace's folder. Raises QuarterdeckError `not_found` when there is none."""
        named = self.named or (Path(value) if (value := os.environ.get("QUARTERDECK_WORKSPACE")) else None)
        if named is None:
            return _upward(Path.cwd())
        folder = named.expanduser().resolve()
        if not (folder / CONFIG_NAME).is_file():
            raise QuarterdeckError(
                "not_found",
                f"There is no {CONFIG_NAME} in {folder}.",
                hint=f"Make one with `quarterdeck init {named}`.",
            )
        return folder

    @functools.cached_property
    def zone(self) -> tzinfo | None:
        """The time zone that the workspace's settings name; None when they name none, or there is no workspace."""
        import tomllib
        import zoneinfo

        try:
            settings = tomllib.loads((self.folder / CONFIG_NAME).read_text("utf-8"))
            return zoneinfo.ZoneInfo(str(settings["workspace"]["timezone"]))
        except (QuarterdeckError, OSError, ValueError, LookupError, TypeError):
            return None  # `config check` says what is wrong with them; times are then the machine's.

    def command(self, words: str) -> str:
        """Return a command to type, with the workspace when it was named by -w."""
        where = f" -w {shlex.quote(str(self.named))}" if self.named else ""
        return f"{program()}{where} {words}".rstrip()

    # --- the daemon

    @property
    def client(self) -> Client:
        """The connection, made at the first use. Raises `unavailable` when no daemon runs."""
        if self._client is None:
            from quarterdeck_protocol.client import Client

            self._client = Client(self.folder)
        return self._client

    def ask(self, method: str, params: Plain | None = None, *, deadline_ms: int | None = None) -> Plain:
        """Return the result of a read; under `at`, as it would have been then."""
        asked: Plain = dict(params or {})
        if self.as_of is not None:
            asked["as_of"] = self._then(method)
        return self.client.call(method, asked, deadline_ms=deadline_ms).result

    def _then(self, method: str) -> int | str:
        """The time that `at` named. Raises QuarterdeckError `bad_value` for what can only be read as it is now."""
        assert self.as_of is not None, "asked only under `at`"
        if not _takes(method, "as_of"):
            raise QuarterdeckError(
                "bad_value",
                f"{method} tells how things are now, not how they were.",
                hint="Under `at` work all reads of state: approvals, runs, fact, recall, memory, why, playbooks …",
            )
        return self.as_of

    def items(self, method: str, params: Plain | None = None) -> list[Plain]:
        """Return all items of a list, page after page."""
        found: list[Plain] = []
        asked: Plain = dict(params or {})
        for _ in range(PAGES_MAX):
            page = self.ask(method, asked)
            found += records(page.get("items"))
            cursor = page.get("next")
            if not cursor:
                break
            asked["cursor"] = cursor
        return found

    def change(self, method: str, params: Plain, *, does: str) -> Result | None:
        """Send a change under the caller's request id, with --reason if the method keeps one.

        With --dry-run say what it would do, send nothing.
        """
        if self.as_of is not None:
            raise QuarterdeckError("bad_value", "The past is read-only.", hint="Leave `at TIME` out.")
        if self.reason and _takes(method, "reason"):
            params = {"reason": self.reason} | params
        if self.dry_run:
            self.printer.show({"dry_run": True, "method": method, "params": params}, [f"would {line(does)}"])
            return None
        return self.client.call(method, params, request_id=self.request_id)

    def done(self, result: Result, id: str, did: str, *, then: str, undo: str) -> None:
        """Report a change: what was done, what happens next, how to take it back."""
        value = {"id": id, "seq": result.seq, **result.result, "next": then, "undo": undo}
        self.printer.show(value, [line(did)])
        self.printer.talk(f"next: {line(then)}")
        self.printer.talk(f"undo: {line(undo)}")

    # --- people

    def interactive(self) -> bool:
        """Return whether somebody sits at the terminal whom we may ask."""
        return not self.no_input and sys.stdin.isatty() and sys.stdout.isatty()

    def show(self, value: object, lines: Iterable[str]) -> None:
        self.printer.show(value, lines)

    def show_items(self, items: list[Plain], lines: Iterable[str], *, none: str) -> None:
        """Print a list; an empty one says so on stderr."""
        self.printer.show({"items": items}, lines if items else ())
        if not items:
            self.printer.talk(none)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _takes(method: str, param: str) -> bool:
    from quarterdeck_protocol.messages import method_of

    return param in method_of(method).params.__struct_fields__


def program() -> str:
    """Return what to type to call us: the name when the shell finds it, else the path that was typed."""
    typed = Path(sys.argv[0])
    if typed.name in PROGRAMS and shutil.which(typed.name) is None:
        return str(typed)
    return PROGRAMS[0]


def _upward(start: Path) -> Path:
    for folder in (start, *start.parents[:LEVELS_MAX]):
        if (folder / CONFIG_NAME).is_file():
            return folder
    raise QuarterdeckError(
        "not_found",
        f"There is no {CONFIG_NAME} in {start} or above it.",
        hint="Go to a workspace, name one with -w DIR, or make one with `quarterdeck init`.",
    )
