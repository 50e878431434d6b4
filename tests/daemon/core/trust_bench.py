"""A bench with an agent that writes mails, an operator who decides, and a world that answers."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import (
    AssetFile,
    Choice,
    DecideApprovals,
    EffectAnswered,
    GivePermission,
    LoadAssets,
    PutFact,
    SetAutonomy,
    StartRun,
    StepAnswered,
    Undo,
)
from quarterdeck_daemon.core.entities import Action, Autonomy, Plain, Record
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import EffectDone, Failed, Failure, Outcome, ProposedAction, StepDone
from quarterdeck_protocol.labels import OPERATOR, Labels

from .core_bench import Bench

SECOND, DAY = 1_000_000, 86_400_000_000
PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: composer}\n"
ASK = '[[rule]]\nid = "mine"\nmatch = "*"\nverdict = "ask"\nhold = "8s"\n'
ID = "composer/mail.send"


def policy_file(text: str) -> AssetFile:
    return AssetFile(asset_kind="policy", name="mail", path="policies/mail.toml", text=text, hash=text_hash(text))


class Trust(Bench):
    """`propose`, then `approve`, `edit`, `reject`, `send`, `undo` or `fail` it."""

    def __init__(self, policy: str = ASK) -> None:
        super().__init__(playbook=PLAYBOOK, policy=policy)
        self.do(PutFact(fact_kind="contact", key="boss", value={"email": "boss@x.test"}))

    def propose(
        self, to: str = "boss@x.test", *, labels: Labels = OPERATOR, verb: str = "send", **args: object
    ) -> Action:
        run = str(self.do(StartRun(playbook="lead", labels=labels))["run_id"])
        plain: Plain = {"to": [to], "subject": "s", "body": "b", **args}
        proposed = ProposedAction(
            connector="mail", verb=verb, args=plain, targets=(), summary="m", why="w", confidence=1.0
        )
        self.do(StepAnswered(run=run, step="a", attempt=1, outcome=StepDone(output={}, actions=(proposed,))))
        (id,) = [action.id for action in self.store.scan(Action) if action.run == run]
        return self.action(id)

    def action(self, id: str) -> Action:
        found = self.store.get(Action, id)
        assert found is not None
        return found

    def decide_on(self, action: Action, decision: str, edits: Plain | None = None) -> Action:
        choice = Choice(id=action.id, shown_hash=action.shown_hash)
        items = self.do(DecideApprovals(items=(choice,), decision=decision, edits=edits or {}, reason="because"))[
            "items"
        ]
        assert isinstance(items, list)
        assert items[0]["ok"], items
        return self.action(action.id)

    def approve(self, action: Action | None = None, edits: Plain | None = None) -> Action:
        return self.decide_on(action or self.propose(), "approve", edits)

    def reject(self, action: Action | None = None) -> Action:
        return self.decide_on(action or self.propose(), "reject")

    def send(self, action: Action, outcome: Outcome | None = None) -> Action:
        """Let its hold end, and answer for the world."""
        self.pass_time(30 * SECOND)
        self.do(EffectAnswered(action=action.id, outcome=outcome or EffectDone(result={"message_id": "<1@x>"})))
        return self.action(action.id)

    def fail(self, action: Action) -> Action:
        return self.send(
            action, Failed(failure=Failure(failure="permanent", code="refused", message="no such mailbox"))
        )

    def undo(self, action: Action) -> None:
        self.do(Undo(scope=f"action:{action.id}"))

    def give(self, **changed: object) -> str:
        fields: dict[str, object] = {
            "agent": "composer", "action": "mail.send", "to": ("known",), "uses_max": 3, "expires_us": self.now_us + 7 * DAY,
        }  # fmt: skip
        return str(self.do(GivePermission(**{**fields, **changed}))["id"])  # type: ignore[arg-type]  # Fields of the command.

    def level(self, level: str, action: str = "mail.send") -> None:
        self.do(SetAutonomy(agent="composer", action=action, level=level))

    def load(self, policy: str) -> None:
        playbook = AssetFile(asset_kind="playbook", name="lead", path="p", text=PLAYBOOK, hash=text_hash(PLAYBOOK))
        self.do(LoadAssets(files=(playbook, policy_file(policy))))

    @property
    def record(self) -> Record:
        return self.store.get(Record, ID) or Record(id=ID)

    @property
    def autonomy(self) -> Autonomy:
        return self.store.get(Autonomy, ID) or Autonomy(id=ID)
