"""Approve, edit, reject, snooze: the same keys and the same care wherever an item can be read in full.

Promises a decision names what `shown` says was painted, passes the guard first, and is refused in words
         when the daemon cannot be reached, when all is stopped, or when the item has gone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace

from textual.binding import Binding

from ..guard import WAIT_MS
from ..requests import Decide, MakeRule, TakeBack
from ..until import moment
from ..views import ApprovalView, Decision, LessonView, Rejection, Shown
from .confirm import ConfirmScreen
from .edit import EditScreen
from .frame import FrameScreen
from .group import GroupScreen, Together
from .reject import RejectScreen
from .snooze import SnoozeScreen


class DecidingScreen(FrameScreen):
    """Subclasses say what is shown, and what happens after a decision was sent."""

    BINDINGS = [
        Binding("a", "approve", "ok", id="approve", tooltip="Approve what is under the cursor, or all marked"),
        Binding("A", "group", "group", id="group", tooltip="Decide together about all that is like this one"),
        Binding("e", "edit", "edit", id="edit", tooltip="Change the text, then approve it"),
        Binding("r", "reject", "reject", id="reject", tooltip="Say no, with a reason"),
        Binding("s", "snooze", "snooze", id="snooze", tooltip="Ask me again later"),
        Binding("p", "rule", "rule", show=False, id="rule", tooltip="Make a rule of it, after a look at the past"),
        Binding("z", "take_back", "undo", id="take_back", tooltip="Take back what is held, or the last decision"),
    ]

    @abstractmethod
    def shown(self) -> Shown | None:
        """The item and hash that are painted now."""

    @abstractmethod
    def sent(self, ids: frozenset[str]) -> None:
        """A decision over `ids` is on its way: move on."""

    def chosen(self) -> tuple[Shown, ...]:
        """What a verb acts on: the marked items, else the one that is shown."""
        shown = self.shown()
        return () if shown is None else (shown,)

    # --- actions

    def action_approve(self) -> None:
        shown, guard = self.shown(), self.context.guard
        refusal = guard.refusal(shown, self.context.clock.mono_ms()) if shown else ""
        if refusal or (refusal := self._why_not()):
            self.say(f"Not approved: {refusal}.", alarm=False)
            return
        chosen, press = self.chosen(), guard.waiting
        if press is None or not shown:
            self._approve(chosen)
            return
        # The wait ends outside of any message of this screen; `call_later` brings it back in.
        self.context.later(WAIT_MS, lambda: self.call_later(self._approve_waiting, chosen, press))

    def _approve_waiting(self, chosen: tuple[Shown, ...], press: int) -> None:
        if self.context.guard.due(press) and self.is_current:
            self._approve(chosen)

    def _approve(self, chosen: tuple[Shown, ...]) -> None:
        items = self._readable(chosen)
        if len(items) > 1:
            self._approve_marked(items)
            return
        for item in items:
            self._approve_one(item)

    def action_edit(self) -> None:
        item = self._single()
        if item is None or item.body is None:
            self.say("There is no text to edit here." if item else "Nothing is under the cursor.")
            return
        shown = Shown(item.id, item.shown_hash)
        draft = self.context.drafts.get(item.id, "")

        def edited(body: str | None) -> None:
            if body is not None:
                self._approve_edited(item, shown, body)

        self.app.push_screen(EditScreen(self.context, item, draft, may_change=self._why_not), edited)

    def action_reject(self) -> None:
        items = self.chosen()
        if self._refused(items):
            return

        self._reject(items)

    def _reject(self, items: tuple[Shown, ...]) -> None:
        def rejected(no: Rejection | None) -> None:
            if no is not None:
                self._send(items, "reject", reason=no.reason, lesson=no.lesson)

        self.app.push_screen(RejectScreen(self._title(items), self._readable(items)), rejected)

    def action_snooze(self) -> None:
        items = self.chosen()
        if self._refused(items):
            return
        self._snooze(items)

    def _snooze(self, items: tuple[Shown, ...]) -> None:

        def snoozed(words: str | None) -> None:
            if words:
                self._send(items, "snooze", until=moment(words, self.context.clock.local()))

        self.app.push_screen(SnoozeScreen(self._title(items)), snoozed)

    def action_group(self) -> None:
        """Open the sheet of the group that the shown item is in."""
        item = self._single()
        members = [view for view in self.view.approvals if item is not None and view.id in item.group_items]
        if item is not None and len(members) < 2:
            self.say(f"{item.id} is decided by itself: nothing that waits is like it.")
        elif item is not None:
            self.app.push_screen(GroupScreen(self.context, members), self._together)

    def _together(self, told: Together | None) -> None:
        if told is None:
            return
        if told.decision == "approve":
            self._approve(told.items)
        elif not self._refused(told.items):
            (self._reject if told.decision == "reject" else self._snooze)(told.items)

    def action_rule(self) -> None:
        """The daemon drafts it; what would be written, and what that would have let go, is read before."""
        item, refusal = self._single(), self._why_not()
        if item is not None and item.gate:
            refusal = "a question of a run is no action, so no rule can answer it"
        if refusal:
            self.say(f"No rule: {refusal}.")
        elif item is not None:
            self.post_message(MakeRule(item))

    def action_take_back(self) -> None:
        self.post_message(TakeBack())

    # --- what they have in common

    def _approve_one(self, item: ApprovalView) -> None:
        shown = Shown(item.id, item.shown_hash)
        if not item.typed:
            self._send((shown,), "approve")
            return

        def confirmed(yes: bool | None) -> None:
            if yes:
                self._send((shown,), "approve", confirm=item.confirm_word)

        self.app.push_screen(ConfirmScreen(item), confirmed)

    def _approve_marked(self, items: tuple[ApprovalView, ...]) -> None:
        """High risks are never part of a group; they stay marked and are named."""
        risky = [item for item in items if item.typed]
        plain = tuple(Shown(item.id, item.shown_hash) for item in items if not item.typed)
        if plain:
            self._send(plain, "approve")
        if risky:
            self.say(f"{len(risky)} HIGH left out: approve each by itself.", alarm=True)

    def _approve_edited(self, item: ApprovalView, shown: Shown, body: str) -> None:
        self.context.drafts[item.id] = body
        edits = {"body": body}
        if not item.typed:
            self._send((shown,), "approve", edits=edits)
            return

        def confirmed(yes: bool | None) -> None:
            if yes:
                self._send((shown,), "approve", edits=edits, confirm=edited.confirm_word)

        edited = replace(item, args={**item.args, **edits})  # The sheet shows what would leave now.
        self.app.push_screen(ConfirmScreen(edited), confirmed)

    def _send(
        self,
        items: tuple[Shown, ...],
        decision: Decision,
        *,
        edits: Mapping[str, str] | None = None,
        reason: str = "",
        until: str = "",
        confirm: str = "",
        lesson: LessonView | None = None,
    ) -> None:
        if refusal := self._why_not(decision):
            self.say(f"Not sent: {refusal}.", alarm=True)
            return
        fresh = tuple(item for item in items if item not in self.context.on_its_way)
        if not fresh:
            self.say("That is already on its way.")
            return
        self.context.on_its_way.update(fresh)
        if decision == "approve":
            self.context.guard.approved(self.context.clock.mono_ms())
        self.post_message(Decide(fresh, decision, edits, reason, until, confirm, lesson))
        self.sent(frozenset(item.id for item in fresh))

    def _refused(self, items: tuple[Shown, ...]) -> bool:
        refusal = self._why_not("reject") or ("" if items else "nothing is under the cursor")
        if refusal:
            self.say(f"Not possible: {refusal}.")
        return bool(refusal)

    def _why_not(self, decision: Decision = "approve") -> str:
        if self.too_small:
            return "the window is too small to show it"
        if not self.view.may_change:
            return "the daemon does not answer, and what you see may be old"
        if self.view.stop.engaged and decision == "approve":
            return "everything is stopped; ^g shows how to go on"
        return ""

    def _single(self) -> ApprovalView | None:
        shown = self.shown()
        readable = self._readable((shown,)) if shown else ()
        return readable[0] if readable else None

    def _readable(self, items: tuple[Shown, ...]) -> tuple[ApprovalView, ...]:
        """Return the views of exactly these versions; what changed or went is left out and said."""
        by_shown = {Shown(view.id, view.shown_hash): view for view in self.view.approvals}
        missing = [item.id for item in items if item not in by_shown]
        if missing or not items:
            self.say(
                f"{missing[0]} has changed or is gone; look again." if missing else "Nothing is under the cursor."
            )
        return tuple(by_shown[item] for item in items if item in by_shown)

    def _title(self, items: tuple[Shown, ...]) -> str:
        if len(items) != 1:
            return f"{len(items)} marked items"
        return next((view.summary for view in self.view.approvals if view.id == items[0].id), items[0].id)
