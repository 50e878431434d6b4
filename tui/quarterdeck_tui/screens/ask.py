"""What was said, understood as a plan: read it, then start it, change it, answer it, rehearse it, or not.

Promises nothing with an effect begins before this screen has drawn the plan and a key was pressed for exactly that plan;
         a question without any effect is answered at once.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from textual.app import ComposeResult
from textual.binding import Binding

from quarterdeck_protocol.codes import QuarterdeckError

from .. import flow_text, plans
from ..context import Context
from ..flows import FlowView, flow
from ..labelled import labelled
from ..plans import PlanView
from ..replies import Plain
from ..requests import OpenRun
from ..text import visible
from ..views import Shown
from ..widgets.detail_pane import DetailPane
from .edit_values import EditValuesScreen
from .prompt import PromptScreen, something
from .reading import ReadingScreen
from .tell import TELL_CELLS

PLAN_MS = 60_000  # Working a plan out is a run; a model may be asked.


class AskScreen(ReadingScreen):
    """One intent from the words to the end of its run."""

    PLACE = "Ask"
    BINDINGS = [
        Binding("a,enter", "start", "start", id="plan.start", tooltip="Start this plan; or open its run"),
        Binding("w", "answer", "answer it", id="plan.answer", tooltip="Answer what the plan asks"),
        Binding("e", "edit", "edit", id="plan.edit", tooltip="Change the inputs of the plan"),
        Binding("d", "rehearse", "dry run", id="plan.rehearse", tooltip="Say what its agents would propose"),
        Binding("r", "reject", "reject", id="plan.reject", tooltip="It is not to be done, with a reason"),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
        Binding("ctrl+d,pagedown", "scroll(8)", "Half a page down", show=False),
        Binding("ctrl+u,pageup", "scroll(-8)", "Half a page up", show=False),
        Binding("escape,q", "back", "back", id="back", key_display="esc"),
    ]

    def __init__(self, context: Context, words: str) -> None:
        super().__init__(context)
        self._words = words
        self.plan: PlanView | None = None
        self.run: FlowView | None = None
        self._failed = ""

    def compose_work(self) -> ComposeResult:
        yield DetailPane(id="plan")

    def on_mount(self) -> None:
        self.run_worker(self._submit(self._words, ""), name="submit", group="submit")

    # --- from words to a plan

    async def _submit(self, words: str, answers: str) -> None:
        """answers: the plan that asked for these words."""
        params: Plain = {"text": words, **({"plan": answers} if answers else {})}
        line = shlex.join(["quarterdeck", "ask", *(["--plan", answers] if answers else []), words])
        answer = await self.context.session.change(line, "intent.submit", params, deadline_ms=PLAN_MS)
        if isinstance(answer, QuarterdeckError):
            self._failed = f"{answer.message}. {answer.hint}".strip()
            self.say(self._failed, alarm=True)
        else:
            self._failed = ""
            self.plan = plans.plan(answer.get("plan"))
            if self.plan.status == "ready" and self.plan.harmless:
                self._start(self.plan)
        self.draw()

    async def read(self) -> None:
        if self.plan is None:
            return
        was = self.plan
        now = plans.plan(await self.ask("plan.get", {"id": was.id}))
        same = now.shown_hash == was.shown_hash
        self.plan = now if not same or not was.would else plans.rehearsed(now, was)
        if not same and was.waits:
            self.say("This plan has changed while you read; look again.", alarm=True)
        if now.run:
            self.run = flow(await self.ask("run.get", {"id": now.run}))

    # --- drawing

    def draw(self) -> None:
        pane, plan = self.query_one(DetailPane), self.plan
        width = pane.cells
        if plan is None:
            said = self._failed or "Working it out ..."
            pane.tell("", self._words, "", labelled("", said, width, "$text-error bold" if self._failed else ""))
            return
        lines = []
        if self.run is not None:
            lines += plans.answer_lines(self.run, width)
            state = f"{self.run.id} {flow_text.run_state(self.run)}; enter opens it"
            lines += labelled("run", state, width, "bold")
        pane.tell(
            plan.id, plan.intent or self._words, f"{plan.id} {plan.status}", [*lines, *plans.lines(plan, width)]
        )
        self.context.guard.drawn(self._shown(), self.context.clock.mono_ms())

    def _shown(self) -> Shown | None:
        plan = self.plan
        return None if plan is None or self.too_small or plan.status != "ready" else Shown(plan.id, plan.shown_hash)

    # --- the operator

    def action_start(self) -> None:
        plan, shown = self.plan, self._shown()
        if plan is not None and plan.run:
            self.post_message(OpenRun(plan.run))
        elif plan is None or shown is None:
            self.say("There is no plan yet." if plan is None else f"It cannot be started: it is {plan.status}.")
        elif refusal := self.context.guard.refusal(shown, self.context.clock.mono_ms()):
            self.say(f"Not started: {refusal}.")
        else:
            self._start(plan)

    def _start(self, plan: PlanView) -> None:
        params = {"id": plan.id, "shown_hash": plan.shown_hash}
        self.change(
            f"quarterdeck plan approve {plan.id}",
            "plan.approve",
            params,
            "It begins; what needs a yes comes to the Bench.",
        )

    def action_answer(self) -> None:
        plan = self.plan
        if plan is None or not plan.question:
            self.say("It asks nothing.")
            return
        if plan.missing:
            self.action_edit()
            return

        def answered(words: str | None) -> None:
            if words:
                self.run_worker(self._submit(words, plan.id), name="submit", group="submit")

        about = labelled("asks", plan.question, TELL_CELLS)
        self.app.push_screen(PromptScreen("Your answer", about, check=something, does="answer"), answered)

    def action_edit(self) -> None:
        plan = self.plan
        if plan is None or not plan.waits:
            self.say("There is nothing to change here.")
            return

        def edited(fields: Mapping[str, object] | None) -> None:
            if fields:
                words = [f"{name}={value}" for name, value in fields.items()]
                line = shlex.join(["quarterdeck", "plan", "edit", plan.id, *words])
                params = {"id": plan.id, "inputs": dict(fields), "seq": plan.seq}
                self.change(line, "plan.edit", params, f"{plan.id} has new inputs; look it over.")

        wanted: Plain = {str(one.get("name", "")): "" for one in plan.missing}
        about = f"Missing: {', '.join(wanted)}." if wanted else "What its steps are given."
        start = EditValuesScreen(f"Inputs of {plan.id}", plan.inputs, about, more=wanted)
        self.app.push_screen(start, edited)

    def action_rehearse(self) -> None:
        if self.plan is not None and self.plan.waits:
            self.say("Rehearsing on a copy; nothing is done ...")
            self.run_worker(self._rehearse(self.plan), name="rehearse", group="rehearse", exclusive=True)

    async def _rehearse(self, plan: PlanView) -> None:
        line = f"quarterdeck plan show {plan.id} --dry-run"
        params: Plain = {"id": plan.id, "dry_run": True}
        answer = await self.context.session.read("plan.get", params, line=line, deadline_ms=PLAN_MS)
        if isinstance(answer, QuarterdeckError):
            self.say(f"{visible(answer.message)}. {answer.hint}", alarm=True)
            return
        self.plan = plans.plan(answer)
        self.draw()

    def action_reject(self) -> None:
        plan = self.plan
        if plan is None or not plan.waits:
            self.say("There is nothing to reject.")
            return

        def rejected(reason: str | None) -> None:
            if reason:
                line = shlex.join(["quarterdeck", "plan", "reject", plan.id, "--reason", reason])
                self.change(line, "plan.reject", {"id": plan.id, "reason": reason}, f"{plan.id} is not done.")

        about = labelled("", "It counts the next time that you say such a thing. Why?", TELL_CELLS)
        self.app.push_screen(PromptScreen(f"Reject {plan.id}", about, check=something, does="reject"), rejected)
