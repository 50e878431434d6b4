"""The workspace itself: its files, settings, stop, alerts and answers."""

from __future__ import annotations

from typing import ClassVar, Literal

from quarterdeck_protocol.labels import Labels

from .base import Entity, Plain

AssetKind = Literal["playbook", "policy", "template", "agent", "kind", "preset", "instructions"]


class Asset(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A file of the workspace that steers it: playbook, policy, template, agent, kind. Id `playbook/name`.

    refused: why what the file of a kind says now is not in use; "" when it is. Never loaded: it is `removed`, too.
    """

    kind: ClassVar[str] = "asset"
    named_under: ClassVar[tuple[str, ...]] = ("policy/", "preset/")
    asset_kind: AssetKind
    name: str
    path: str
    hash: str
    text: str
    at_us: int
    removed: bool = False
    refused: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """`policy` or `preset`, of those that say something now: kept texts of runs (`id@hash`) and removed files do not."""
        of_rules = self.id.startswith(self.named_under) and "@" not in self.id
        return (self.id.partition("/")[0],) if of_rules and (self.refused or not self.removed) else ()


class Stop(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The emergency stop as the log knows it. Id `stop`. The fence file is the faster truth."""

    kind: ClassVar[str] = "stop"
    engaged: bool
    epoch: int
    reason: str
    by: str
    at_us: int
    in_flight: tuple[str, ...] = ()  # Actions that were on the wire.
    states: dict[str, str] = {}  # How each action that had not ended stood at that moment: id -> status.
    unlisted: int = 0  # Further ones, beyond what is listed.


class Settings(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What decisions need to know of quarterdeck.toml. Id `workspace`."""

    kind: ClassVar[str] = "settings"
    name: str = "My company"
    operator: str = "Operator <operator@localhost>"
    timezone: str = "UTC"
    hold_us: int = 8_000_000
    expires_us: int = 7 * 86_400_000_000
    step_deadline_ms: int = 30_000
    core_tokens: int = 2_000
    instructions_tokens: int = 2_000
    pinned_tokens: int = 2_000
    working_tokens: int = 4_000
    batch_window: str = ""  # Hours in which what is scheduled as batch begins; "": at any time.
    working_us: int = 7 * 86_400_000_000  # How long working memory is kept when nothing else is said; 0: for ever.
    cooling_us: int = 0  # How long what is risky waits after a yes; 0: no longer than its hold.
    high_per_minute: int = 6  # High risks that may be approved within a minute; 0: any number.
    warn_percent: int = 0  # Share of the time after which it is told that a proposal expires; 0: never.


class Alert(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Something the operator should look at. Id `alert3`. The same `topic` is raised once until it is resolved."""

    kind: ClassVar[str] = "alert"
    level: Literal["info", "warning", "critical"]
    topic: str  # What it is about, stable: "fact.conflict/supplier/nordpapier/iban".
    text: str
    at_us: int
    labels: Labels
    hint: str = ""
    about: tuple[str, ...] = ()  # Entities, as `kind:id`.
    details: Plain = {}
    resolved: str = ""  # How it ended; empty while it is open.
    runbook: str = ""  # Name of the page that says what to do: `quarterdeck runbook NAME`.

    @property
    def live(self) -> bool:
        return not self.resolved

    @property
    def marks(self) -> tuple[str, ...]:
        """Its topic."""
        return (self.topic,)


class Receipt(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The answer once given to a request id: repeated word for word, never done twice."""

    kind: ClassVar[str] = "receipt"
    body_hash: str
    reply: Plain
    reply_seq: int


class Counter(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The last number given to ids of one prefix."""

    kind: ClassVar[str] = "counter"
    value: int
