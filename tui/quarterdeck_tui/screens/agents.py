"""Agents and budgets: who does what, how far each may go, what is used of which limit, which models answer."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from .. import team
from ..context import Context
from ..replies import iso
from ..team import AgentView, BudgetView, CostLine, LevelView, ModelView
from ..widgets.detail_pane import DetailPane
from ..widgets.row_list import Column
from ..widgets.table_list import TableList
from ..widgets.tabs import Tabs
from .edit_values import EditValuesScreen
from .prompt import PromptScreen
from .reading import ReadingScreen

TABS = ("agents", "budgets", "models")
AGENTS = (
    Column("AGENT", 14), Column("MODE", 13, shown_from=100), Column("WORK", 6), Column("MAY", 17), Column("", 10),
    Column("CALLS", 5, right=True), Column("COST", 6, right=True), Column("DOES", 0, shown_from=100),
)  # fmt: skip
BUDGETS = (
    Column("OF", 20), Column("PER", 7), Column("", team.BAR_CELLS), Column("", 4, right=True), Column("USED", 0),
    Column("WAIT", 4, right=True), Column("ENDS", 4, right=True),
)  # fmt: skip
MODELS = (
    Column("MODEL", 20), Column("KIND", 8), Column("STATE", 9), Column("TEXTS", 12), Column("SPEED", 10, right=True),
    Column("FOR", 14, shown_from=100), Column("ABOUT", 0),
)  # fmt: skip
TABLES = {"agents": AGENTS, "budgets": BUDGETS, "models": MODELS}
ITEMS_MAX = 500
AT_ONCE = "at once"
MORE = {"calls": 0, "minutes": 0.0, "tokens": 0, "money": 0}


class AgentsScreen(ReadingScreen):
    """Three lists under tabs; each with what belongs to its row."""

    PLACE = "Agents"
    AUTO_FOCUS = "TableList"
    BINDINGS = [
        Binding("M", "level", "may..", id="agent.level", tooltip="How far this agent may go in a kind of action"),
        Binding("plus", "accept", "accept", key_display="+", id="agent.accept", tooltip="Take the proposed level"),
        Binding("minus", "decline", "decline", key_display="-", id="agent.decline", tooltip="Leave it as it is"),
        Binding("b", "more", "give more", id="budget.more", tooltip="Give more for the present span of time"),
        Binding("tab", "tab(1)", "next tab", id="tab.next", tooltip="Agents, budgets, models"),
        Binding("shift+tab", "tab(-1)", "previous tab", show=False, id="tab.previous"),
        Binding("escape,q", "back", "back", show=False, id="back"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._tab = TABS[0]
        self._agents: tuple[AgentView, ...] = ()
        self._levels: tuple[LevelView, ...] = ()
        self._budgets: tuple[BudgetView, ...] = ()
        self._models: tuple[ModelView, ...] = ()
        self._costs: dict[str, CostLine] = {}

    def compose_work(self) -> ComposeResult:
        yield Tabs()
        with Container(classes="desk"):
            yield TableList(id="team")
            yield DetailPane(id="detail")

    async def read(self) -> None:
        page = {"limit": ITEMS_MAX}
        self._agents = team.agents(await self.ask("agent.list", dict(page)))
        self._levels = team.levels(await self.ask("agent.autonomy", dict(page)))
        self._budgets = team.budgets(await self.ask("budget.list", dict(page)))
        self._models = team.models(await self.ask("model.list", {}))
        midnight = self.context.clock.local().replace(hour=0, minute=0, second=0, microsecond=0)
        since = iso(int(midnight.timestamp() * 1_000_000))
        self._costs = team.costs(await self.ask("cost.report", {"since": since, "by": "agent"}))

    # --- drawing

    def draw(self) -> None:
        table, tabs, marks = self.query_one(TableList), self.query_one(Tabs), self.context.marks
        tabs.names, tabs.chosen = TABS, self._tab
        proposed = sum(bool(level.proposed) for level in self._levels)
        tabs.note = f"{len(self._agents)} agents{f', {proposed} proposed to go further' if proposed else ''}"
        table.table = TABLES[self._tab]
        rows = {
            "agents": lambda: [team.agent_row(one, self.own(one), self._costs.get(one.id)) for one in self._agents],
            "budgets": lambda: [team.budget_row(one, self.now_us, marks) for one in self._budgets],
            "models": lambda: [team.model_row(one) for one in self._models],
        }
        table.rows = tuple(rows[self._tab]())
        table.refresh()
        self._draw_detail(self.query_one(DetailPane))

    def _draw_detail(self, pane: DetailPane) -> None:
        agent, budget, model, width = self.agent(), self.budget(), self.model(), pane.cells
        if agent is not None:
            limits = [one for one in self._budgets if one.id == f"agent:{agent.id}"]
            cost, marks = self._costs.get(agent.id), self.context.marks
            pane.tell(
                agent.id,
                agent.id,
                agent.details.work,
                team.agent_lines(agent, self.own(agent), limits, cost, width, marks),
            )
        elif budget is not None:
            pane.tell(budget.key, budget.id, budget.per, team.budget_lines(budget, width, self.now_us))
        elif model is not None:
            pane.tell(model.id, model.id, model.kind, team.model_lines(model, width))
        else:
            pane.tell("", "Nothing here", "", [])

    def own(self, agent: AgentView) -> list[LevelView]:
        return [level for level in self._levels if level.agent == agent.id]

    def _chosen(self, tab: str) -> str:
        row = self.query_one(TableList).current
        return row.id if row is not None and self._tab == tab else ""

    def agent(self) -> AgentView | None:
        return next((one for one in self._agents if one.id == self._chosen("agents")), None)

    def budget(self) -> BudgetView | None:
        return next((one for one in self._budgets if one.key == self._chosen("budgets")), None)

    def model(self) -> ModelView | None:
        return next((one for one in self._models if one.id == self._chosen("models")), None)

    # --- the operator

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self._tab = event.name
        self.draw()

    def action_tab(self, step: int) -> None:
        self._tab = TABS[(TABS.index(self._tab) + step) % len(TABS)]
        self.draw()

    def action_level(self) -> None:
        if (agent := self.agent()) is None:
            self.say("No agent is under the cursor; tab shows them.")
            return

        def typed(words: str | None) -> None:
            if words:
                action, level = words.split()
                self._set(agent.id, action, "" if level == "rules" else level)

        own = self.own(agent)
        start = f"{own[0].action} " if len(own) == 1 else ""
        prompt = PromptScreen(
            f"How far may {agent.id} go?",
            team.levels_words(own),
            start=start,
            go_on=True,
            check=_level,
            does="decide",
        )
        self.app.push_screen(prompt, typed)

    def action_accept(self) -> None:
        if (level := self._proposed()) is not None:
            self._set(level.agent, level.action, level.proposed)

    def action_decline(self) -> None:
        if (level := self._proposed()) is not None:
            line = shlex.join(["quarterdeck", "agents", "autonomy", level.agent, level.action, "--decline"])
            params = {"agent": level.agent, "action": level.action, "decline": True}
            self.change(
                line, "agent.set_autonomy", params, f"{level.agent} stays at {level.said} for {level.action}."
            )

    def _proposed(self) -> LevelView | None:
        agent = self.agent()
        found = next(
            (one for one in self._levels if agent is not None and one.agent == agent.id and one.proposed), None
        )
        if found is None:
            self.say("Nothing is proposed for what is under the cursor.")
        return found

    def _set(self, agent: str, action: str, level: str) -> None:
        line = shlex.join(["quarterdeck", "agents", "autonomy", agent, action, level or "rules"])
        said = level.replace("_", " ") or "what the rules say"
        params = {"agent": agent, "action": action, "level": level}
        self.change(
            line, "agent.set_autonomy", params, f"{agent} is at {said} for {action}, from the next action on."
        )

    def action_more(self) -> None:
        if (budget := self.budget()) is None:
            self.say("No budget is under the cursor; tab shows them.")
            return
        if budget.per == AT_ONCE:
            self.say("How much may be under way at once stands in quarterdeck.toml, under [[limits]].")
            return

        def given(fields: Mapping[str, object] | None) -> None:
            if fields:
                more = {name: value for name, value in fields.items() if value is not None}
                words = [word for name, value in more.items() for word in (f"--{name}", str(value))]
                line = shlex.join(["quarterdeck", "budget", "raise", budget.id, "--per", budget.per, *words])
                params = {"scope": budget.id, "per": budget.per, **more}
                self.change(line, "budget.raise", params, f"{budget.id} has more, until this {budget.per} ends.")

        about = f"On top of the limit, for this {budget.per} only. Money in cents. {team.spent(budget)}"
        self.app.push_screen(EditValuesScreen(f"More for {budget.id}", MORE, about), given)


def _level(words: str) -> str:
    parts = words.split()
    if len(parts) != 2 or (parts[1] not in team.LEVELS and parts[1] != "rules"):
        return f"Type a kind of action and one of {', '.join(team.LEVELS)}, rules."
    return ""
