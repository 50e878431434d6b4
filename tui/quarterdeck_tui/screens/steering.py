"""What can be done with a run wherever one is under the cursor: answer it, pause it, let it go on, end it."""

from __future__ import annotations

from textual.binding import Binding

from ..flows import FlowView
from ..labelled import labelled
from ..requests import OpenRun, OpenWhy
from .prompt import PromptScreen
from .reading import ReadingScreen

MAY_GO_ON = frozenset(("paused", "quarantined", "timed_out", "exhausted"))


class SteeringScreen(ReadingScreen):
    """Subclasses say which run is meant."""

    BINDINGS = [
        Binding("a", "answer", "answer", id="run.answer", tooltip="Read what it asks you, and decide there"),
        Binding("p", "pause", "pause", id="run.pause", tooltip="Begin no further step, or go on again"),
        Binding("c", "cancel", "cancel", id="run.cancel", tooltip="End this run; what it proposed is withdrawn"),
    ]

    def current_run(self) -> FlowView | None:
        raise NotImplementedError

    def asked(self) -> tuple[str, ...]:
        """Ids of what waits for the operator here."""
        run = self.current_run()
        return run.asks if run is not None else ()

    def open_run(self, id: str) -> None:
        self.post_message(OpenRun(id))

    def action_answer(self) -> None:
        """Open what is asked in full; the yes is given there, to what was read."""
        ids = self.asked()
        item = next((one for one in self.view.approvals if one.id in ids), None)
        if item is not None:
            self.post_message(OpenWhy(item))
        else:
            self.say(
                "Nothing here waits for your word." if not ids else f"{ids[0]} has been decided, or is on its way."
            )

    def action_pause(self) -> None:
        if (run := self.current_run()) is None:
            return
        if run.status in MAY_GO_ON:
            self.change(f"quarterdeck runs resume {run.id}", "run.resume", {"id": run.id}, f"{run.id} goes on.")
        elif run.ended:
            self.say(f"{run.id} has ended: {run.status}.")
        else:
            said = f"{run.id} begins no further step; p lets it go on."
            self.change(f"quarterdeck runs pause {run.id}", "run.pause", {"id": run.id}, said)

    def action_cancel(self) -> None:
        run = self.current_run()
        if run is None or run.ended:
            self.say("It has ended already." if run else "Nothing is under the cursor.")
            return

        def cancelled(reason: str | None) -> None:
            if reason is not None:
                params = {"id": run.id, "reason": reason}
                self.change(f"quarterdeck runs cancel {run.id}", "run.cancel", params, f"{run.id} is cancelled.")

        about = labelled("", "It ends now; what it proposed and has not left is withdrawn. What has left stays.", 74)
        about += labelled("", "Why? It may be left out.", 74)
        self.app.push_screen(PromptScreen(f"Cancel {run.id} {run.playbook}", about, does="cancel it"), cancelled)
