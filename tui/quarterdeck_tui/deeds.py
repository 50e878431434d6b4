"""What was decided and what became of it, kept from events: no list is asked for twice.

Owns     the actions that left the list of approvals, and those a rule allowed.
Promises a decision made elsewhere (another window, the command line) is known as soon as its event comes;
         at most `KEPT_MAX` that have ended are remembered, and at most `READ_MAX` are read at once.
Leaves   reading an action to the session: `stale` names those that must be read again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from quarterdeck_protocol.events import Event

from .views import DeedView

KEPT_MAX = 60
READ_MAX = 50
WORDS = {
    "approval.given": "approved",
    "approval.rejected": "rejected",
    "approval.snoozed": "snoozed",
    "action.withdrawn": "undone",
}
KINDS = ("approval.", "action.", "effect.")
LIVE = frozenset(("held", "intent", "sent", "unknown"))


@dataclass(slots=True)
class Deeds:
    """Feed `heard` with events and `read` with what was asked about; `views` is the result."""

    _views: dict[str, DeedView] = field(default_factory=dict)
    _said: dict[str, tuple[str, int]] = field(default_factory=dict)
    _stale: dict[str, None] = field(default_factory=dict)

    def heard(self, event: Event) -> None:
        id = event.body.get("action")
        if not isinstance(id, str) or not event.kind.startswith(KINDS) or event.kind == "action.proposed":
            return
        if event.kind in WORDS and event.actor == "operator":
            self._said[id] = (WORDS[event.kind], event.at_us)
        self._stale[id] = None

    @property
    def stale(self) -> tuple[str, ...]:
        return tuple(self._stale)[:READ_MAX]

    def read(self, view: DeedView) -> None:
        """Take in an action as the daemon tells it now."""
        self._stale.pop(view.id, None)
        done, at_us = self._said.get(view.id, (view.done, view.at_us))
        if done or view.status in LIVE:
            self._views.pop(view.id, None)
            self._views[view.id] = replace(view, done=done, at_us=at_us)
        self._forget()

    def gone(self, id: str) -> None:
        """The daemon does not know it (any more)."""
        for known in (self._stale, self._views, self._said):
            known.pop(id, None)

    def decided(self, view: DeedView) -> None:
        """Take in a decision made here, before its event comes."""
        self._said[view.id] = (view.done, view.at_us or 0)
        self.read(view)
        self._stale[view.id] = None

    def get(self, id: str) -> DeedView | None:
        return self._views.get(id)

    @property
    def views(self) -> tuple[DeedView, ...]:
        """The newest decision first."""
        return tuple(sorted(self._views.values(), key=lambda one: one.at_us or 0, reverse=True))

    def _forget(self) -> None:
        ended = [view for view in self.views if view.status not in LIVE]
        for view in ended[KEPT_MAX:]:
            self.gone(view.id)
