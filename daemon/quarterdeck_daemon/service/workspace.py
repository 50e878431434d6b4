"""The settings of a workspace: `quarterdeck.toml` read into typed values, every default in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from quarterdeck_protocol.labels import Integrity, Sensitivity

CONFIG_NAME = "quarterdeck.toml"
STATE_NAME = ".quarterdeck"


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = "My company"
    operator: str = "Operator <operator@localhost>"
    timezone: str = "UTC"
    language: str = "en"


class Actions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hold: str = "8s"
    expires: str = "7d"


class Workers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: int = 2
    step_deadline: str = "30s"


class MailIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Literal["maildir", "mbox", "eml", "none"] = "none"
    path: str = "mail/inbox"
    poll: str = "2s"


class MailOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Literal["maildir", "smtp"] = "maildir"
    path: str = "mail/outbox"
    host: str = "127.0.0.1"
    port: int = 587
    user: str = ""
    password: str = ""  # A handle such as secret://mail/smtp; never the password itself.
    starttls: bool = True


class Mail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"inward": "in"}):
    inward: MailIn = MailIn()
    out: MailOut = MailOut()


class Files(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str
    tags: tuple[str, ...] = ()
    integrity: Integrity = "external"
    sensitivity: Sensitivity = "private"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    workspace: About = About()
    actions: Actions = Actions()
    workers: Workers = Workers()
    mail: Mail = Mail()
    files: tuple[Files, ...] = ()


def load_config(folder: Path) -> Config:
    """Read `quarterdeck.toml` of the workspace; a missing key has its default.

    Raises QuarterdeckError `not_found` without the file, `schema` naming the line and the nearest valid key.
    """
    raise SystemExit("being written")
