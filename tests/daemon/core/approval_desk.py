"""A bench with an operator at it: proposals by one agent, decisions as a face sends them."""

from __future__ import annotations

from quarterdeck_daemon.core.approval_order import awaits, in_order
from quarterdeck_daemon.core.commands import (
    Choice,
    Configure,
    DecideApprovals,
    EffectAnswered,
    EffectStarted,
    LessonDraft,
    PutFact,
    StartRun,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import Action, Evidence, Plain
from quarterdeck_daemon.core.groups import Group, cards_of, grouped
from quarterdeck_daemon.core.orders import EffectDone, ProposedAction, StepDone
from quarterdeck_protocol.labels import OPERATOR, Labels

from .core_bench import Bench

PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: x}\n"
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
HOLD, COOL, EXPIRES = 8 * SECOND, 10 * MINUTE, 7 * DAY
RULES = """
[[rule]]
id = "mail"
match = "mail.send"
verdict = "ask"
risk = "low"
hold = "8s"
"""


class Desk(Bench):
    def __init__(
        self, policy: str = RULES, *, cooling_us: int = COOL, warn_percent: int = 75, per_minute: int = 6
    ) -> None:
        super().__init__(playbook=PLAYBOOK, policy=policy)
        self.do(
            Configure(
                name="W", operator="o", timezone="Europe/Berlin", hold_us=HOLD, expires_us=EXPIRES, step_deadline_ms=1_000,
                cooling_us=cooling_us, warn_percent=warn_percent, high_per_minute=per_minute,
            )
        )  # fmt: skip

    # --- what agents do

    def propose(
        self, to: str = "ana@x.test", *, body: str = "Hello.", labels: Labels = OPERATOR, evidence: tuple[Evidence, ...] = (),
        summary: str = "", risks: tuple[str, ...] = (), **args: object,
    ) -> str:  # fmt: skip
        sent: Plain = {"to": [to], "subject": "s", "body": body, **args}
        summary = summary or f"Reply to {to.title()}: hello"
        return self.propose_action("mail.send", sent, labels=labels, evidence=evidence, summary=summary, risks=risks)

    def pay(self, amount: int = 31_250, to: str = "hostcom", *, evidence: tuple[Evidence, ...] = ()) -> str:
        return self.propose_action("practice.pay", {"to": to, "amount": amount, "currency": "EUR"}, evidence=evidence)

    def propose_action(
        self, name: str, args: Plain, *, labels: Labels = OPERATOR, evidence: tuple[Evidence, ...] = (), summary: str = "s",
        risks: tuple[str, ...] = (),
    ) -> str:  # fmt: skip
        run = str(self.do(StartRun(playbook="lead", labels=labels))["run_id"])
        connector, _, verb = name.partition(".")
        action = ProposedAction(
            connector=connector,
            verb=verb,
            args=args,
            targets=(),
            summary=summary,
            why="w",
            evidence=evidence,
            risks=risks,
        )
        self.do(StepAnswered(run=run, step="a", attempt=1, outcome=StepDone(output={}, actions=(action,))))
        return max((one.id for one in self.store.scan(Action)), key=lambda id: int(id[1:]))

    def put(self, kind: str, key: str, **value: object) -> None:
        self.do(PutFact(fact_kind=kind, key=key, value=value))

    # --- what the operator does

    def decided(
        self, *ids: str, decision: str = "approve", confirm: str | None = None, shown_hash: str = "", edits: Plain | None = None,
        reason: str = "", until_us: int | None = None, until_event: str = "", lesson: LessonDraft | None = None,
        shown_us: int | None = None,
    ) -> list[Plain]:  # fmt: skip
        items = tuple(
            Choice(id=id, shown_hash=shown_hash or self.action(id).shown_hash, confirm=confirm) for id in ids
        )
        command = DecideApprovals(
            items=items, decision=decision, edits=edits or {}, reason=reason, until_us=until_us, until_event=until_event,
            lesson=lesson, shown_us=shown_us,
        )  # fmt: skip
        found = self.do(command)["items"]
        assert isinstance(found, list)
        return found

    def error(self, *ids: str, **how: object) -> str:
        """The code of the refusal of the only item, "" when there was none."""
        (item,) = self.decided(*ids, **how)  # type: ignore[arg-type]  # Passed on as they are.
        error = item.get("error")
        return str(error["code"]) if isinstance(error, dict) else ""

    def send(self, id: str) -> None:
        """Approve it, let its hold pass, and have it done."""
        assert self.error(id) == ""
        self.pass_time(HOLD + 1)
        self.do(EffectStarted(action=id))
        self.do(EffectAnswered(action=id, outcome=EffectDone(result={})))

    # --- what is seen

    def action(self, id: str) -> Action:
        found = self.store.get(Action, id)
        assert found is not None
        return found

    def waiting(self) -> list[Action]:
        return in_order(one for one in self.store.live(Action) if awaits(one, self.now_us))

    def groups(self) -> list[Group]:
        return grouped(cards_of(self.store, self.waiting()))
