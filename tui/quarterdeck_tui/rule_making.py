"""From a habit to a rule: drafted by the daemon, read by the operator, written as it was read, the item approved with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck_protocol.codes import QuarterdeckError

from . import rule_draft, typed_lines
from .requests import Decide
from .screens.rule import RuleScreen
from .session import Session
from .views import ApprovalView, Shown
from .wire import Plain

if TYPE_CHECKING:
    from .app import QuarterdeckApp

METHOD = "approval.delegate"


async def make_rule(app: QuarterdeckApp, session: Session, item: ApprovalView) -> None:
    """Nothing changes before `enter` on the sheet; what is another draft by then is a conflict, and nothing is approved."""
    line, shown = typed_lines.rule_line(item.id), Shown(item.id, item.shown_hash)
    asked: Plain = {"id": shown.id, "shown_hash": shown.shown_hash}
    answer = await session.read(METHOD, asked, line=line)
    if isinstance(answer, QuarterdeckError):
        app.say(f"No rule: {answer.message}. {answer.hint}".strip(), alarm=True)
        return
    draft = rule_draft.read(answer)
    if draft.refused:
        app.say(f"No rule of {item.id}: {draft.refused[0]}. Decide it by itself.", alarm=True)
        return
    if not await app.push_screen_wait(RuleScreen(draft, item.summary)):
        return
    written = await session.change(line, METHOD, {**asked, "plan_hash": draft.plan_hash})
    if isinstance(written, QuarterdeckError):
        app.say(f"No rule was written: {written.message}. {written.hint}".strip(), alarm=True)
        return
    app.say(f"The rule stands in {written.get('written')}; take it out there to end it.")
    app.post_message(Decide((shown,), "approve"))
