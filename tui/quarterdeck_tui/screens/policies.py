"""Policies: the rules in the order in which they are tried, and the standing permissions. Why, and what if."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from .. import rules
from ..context import Context
from ..labelled import labelled
from ..replies import Plain
from ..rules import GrantView, RuleView
from ..until import moment
from ..widgets.detail_pane import DetailPane
from ..widgets.row_list import Column
from ..widgets.table_list import TableList
from ..widgets.tabs import Tabs
from .edit_values import EditValuesScreen
from .prompt import PromptScreen, something
from .reading import ReadingScreen
from .tell import TELL_CELLS

TABS = ("rules", "permissions")
RULES = (
    Column("#", 3, right=True), Column("RULE", 20), Column("MATCH", 14), Column("WHEN", 0), Column("THEN", 5),
    Column("RISK", 6),
)  # fmt: skip
GRANTS = (
    Column("ID", 6), Column("AGENT", 10), Column("ACTION", 16), Column("TO", 0), Column("LEFT", 9, right=True),
    Column("ENDS", 8),
)  # fmt: skip
PRESETS = ("cautious", "balanced", "autonomous")
FILE_BYTES_MAX = 256 * 1024
ITEMS_MAX = 500
NEW_GRANT: Plain = {"agent": "", "action": "mail.send", "to": ["known"], "until": "7d", "max": 20, "per_day": 5}


class PoliciesScreen(ReadingScreen):
    """Rules, or permissions; tab changes between them."""

    PLACE = "Policies"
    AUTO_FOCUS = "TableList"
    NOTHING = "Nothing here: what leaves asks."
    BINDINGS = [
        Binding(
            "t", "test", "test on past", id="policy.test", tooltip="What other rules would have said to the past"
        ),
        Binding(
            "x", "explain", "explain", id="policy.explain", tooltip="Which rule decides about an action, and why"
        ),
        Binding("n", "grant", "permit", id="policy.grant", tooltip="Give a standing permission, with an end"),
        Binding("D", "revoke", "revoke", id="policy.revoke", tooltip="End the permission under the cursor, for good"),
        Binding("tab,shift+tab", "tab", "rules/permissions", id="tab.next", tooltip="Rules, or standing permissions"),
        Binding("escape,q", "back", "back", show=False, id="back"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._tab = TABS[0]
        self._rules: tuple[RuleView, ...] = ()
        self._grants: tuple[GrantView, ...] = ()

    def compose_work(self) -> ComposeResult:
        yield Tabs()
        with Container(classes="desk"):
            yield TableList(id="rules")
            yield DetailPane(id="detail")

    async def read(self) -> None:
        self._rules = rules.rules(await self.ask("policy.list", {"limit": ITEMS_MAX}))
        self._grants = rules.grants(await self.ask("policy.grants", {"limit": ITEMS_MAX, "all": True}))

    # --- drawing

    def draw(self) -> None:
        table, tabs, pane = self.query_one(TableList), self.query_one(Tabs), self.query_one(DetailPane)
        tabs.names, tabs.chosen = TABS, self._tab
        active = sum(one.status == "active" for one in self._grants)
        tabs.note = f"{len(self._rules)} rules, {active} permission{'s' * (active != 1)} in force"
        if self._tab == "rules":
            table.table = RULES
            table.rows = tuple(rules.rule_row(number, one) for number, one in enumerate(self._rules, start=1))
        else:
            table.table = GRANTS
            table.rows = tuple(rules.grant_row(one, self.now_us) for one in self._grants)
        table.refresh()
        self._draw_detail(pane)

    def _draw_detail(self, pane: DetailPane) -> None:
        rule, grant = self.rule(), self.grant()
        if rule is not None:
            pane.tell(rule.id, rule.name, rule.where, rules.rule_lines(rule, pane.cells))
        elif grant is not None:
            pane.tell(grant.id, grant.id, grant.status, rules.grant_lines(grant, pane.cells, self.now_us))
        else:
            pane.tell("", "Guards R0 to R7 stand above all rules", "", [])

    def rule(self) -> RuleView | None:
        row = self.query_one(TableList).current
        return next((one for one in self._rules if row is not None and one.id == row.id), None)

    def grant(self) -> GrantView | None:
        row = self.query_one(TableList).current
        return next((one for one in self._grants if row is not None and one.id == row.id), None)

    # --- the operator

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self._tab = event.name
        self.draw()

    def action_tab(self) -> None:
        self._tab = TABS[1 - TABS.index(self._tab)]
        self.draw()

    def action_test(self) -> None:
        def named(words: str | None) -> None:
            if not words:
                return
            given = self._test_of(words)
            if isinstance(given, str):
                self.say(given, alarm=True)
                return
            line = shlex.join(["quarterdeck", "policies", "test", *(["--preset"] if words in PRESETS else []), words])
            self.tell_answer(f"{words}, on the past", "policy.test", given, line, rules.tested)

        about = labelled(
            "", "Nothing is done: each action of the past is judged anew by what was known then.", TELL_CELLS
        )
        prompt = PromptScreen(
            "Test other rules on the past", about, placeholder=f"{', '.join(PRESETS)}, or a file of rules",
            check=something, does="test",
        )  # fmt: skip
        self.app.push_screen(prompt, named)

    def _test_of(self, words: str) -> Plain | str:
        """What to test, or in words why it cannot be read."""
        if words in PRESETS:
            return {"preset": words, "limit": ITEMS_MAX}
        path = Path(words).expanduser()
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                return f"{words} is larger than {FILE_BYTES_MAX // 1024} KiB."
            return {"text": path.read_text(encoding="utf-8"), "limit": ITEMS_MAX}
        except (OSError, UnicodeDecodeError) as error:
            return f"{words} cannot be read: {error}"

    def action_explain(self) -> None:
        def named(words: str | None) -> None:
            if not words:
                return
            first, *_ = words.split()
            connector, dot, verb = first.partition(".")
            params: Plain = {"connector": connector, "verb": verb} if dot else {"id": first}
            line = shlex.join(["quarterdeck", "policies", "explain", *(["--like"] if dot else []), first])
            self.tell_answer(f"Why: {first}", "policy.explain", params, line, rules.explained)

        start = next((one.id for one in self.view.approvals), "")
        prompt = PromptScreen(
            "Explain the verdict on an action", start=start, placeholder="an action such as a17, or a verb such as mail.send",
            check=something, does="explain",
        )  # fmt: skip
        self.app.push_screen(prompt, named)

    def action_grant(self) -> None:
        def filled(fields: Mapping[str, object] | None) -> None:
            if not fields:
                return
            params = {name: value for name, value in {**NEW_GRANT, **fields}.items() if value is not None}
            params["until"] = moment(str(params.get("until", "")), self.context.clock.local())
            words = [str(params.get("agent", "")), str(params.get("action", "")), "--until", str(params["until"])]
            line = shlex.join(["quarterdeck", "policies", "grant", *words])
            self.change(line, "policy.grant", params, f"{params.get('agent')} may {params.get('action')} unasked.")

        about = (
            "One agent, one kind of action. until: 7d, 3h, a weekday or a date. amount_max: in cents, for payments."
        )
        self.app.push_screen(EditValuesScreen("A standing permission", NEW_GRANT, about), filled)

    def action_revoke(self) -> None:
        grant = self.grant()
        if grant is None or grant.status != "active":
            said = "tab shows the permissions." if grant is None else f"{grant.id} has ended."
            self.say(f"No permission in force is under the cursor; {said}")
            return

        def revoked(reason: str | None) -> None:
            if reason is not None:
                line = shlex.join(["quarterdeck", "policies", "revoke", grant.id])
                params = {"id": grant.id, "reason": reason}
                self.change(line, "policy.revoke", params, f"{grant.id} has ended; {grant.agent} asks again.")

        about = rules.grant_lines(grant, TELL_CELLS, self.now_us)
        self.app.push_screen(PromptScreen(f"Revoke {grant.id}, for good", about, does="revoke it"), revoked)
