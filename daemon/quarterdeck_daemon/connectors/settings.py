"""The part of quarterdeck.toml that connectors read, as shapes. The configuration itself belongs to the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from quarterdeck_protocol.labels import Integrity, Sensitivity


class AboutSettings(Protocol):
    @property
    def operator(self) -> str: ...
    @property
    def timezone(self) -> str: ...


class MailInSettings(Protocol):
    @property
    def kind(self) -> Literal["maildir", "mbox", "eml", "none"]: ...
    @property
    def path(self) -> str: ...


class MailOutSettings(Protocol):
    @property
    def kind(self) -> Literal["maildir", "smtp"]: ...
    @property
    def path(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def starttls(self) -> bool: ...


class MailSettings(Protocol):
    @property
    def inward(self) -> MailInSettings: ...
    @property
    def out(self) -> MailOutSettings: ...


class FilesSettings(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def integrity(self) -> Integrity: ...
    @property
    def sensitivity(self) -> Sensitivity: ...


class PracticeSettings(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def timeout(self) -> str: ...


class Settings(Protocol):
    """What `build_connectors` needs to know."""

    @property
    def workspace(self) -> AboutSettings: ...
    @property
    def mail(self) -> MailSettings: ...
    @property
    def practice(self) -> PracticeSettings: ...
    @property
    def files(self) -> Sequence[FilesSettings]: ...
