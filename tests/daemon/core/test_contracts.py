"""Contracts at run time: nothing is taken from an agent that its file does not declare, whatever did the work."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import AssetFile, DeclareScopes, LoadAssets
from quarterdeck_daemon.core.contracts import CODE_MARK, contract_of
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import Failed, Failure, ProposedFact, StepDone
from quarterdeck_daemon.service.agents import agents_in, declared_agents, prompt_file

from .core_bench import POLICY
from .run_bench import SECOND, RunBench, mail, playbook

HEAD = "inputs: {text: {type: string}}\noutputs: {said: {type: string}}\nsla: 7s\n"
BOOK = playbook("{id: a, agent: helper, in: {text: hello}}", "{id: b, agent: helper, needs: [a], in: {text: again}}")


def agent(head: str = HEAD, prompt: str = "Do it.") -> str:
    return f"---\nname: helper\npurpose: helps\n{head}---\n{prompt}\n"


class AgentBench(RunBench):
    def __init__(self, text: str, book: str = BOOK) -> None:
        super().__init__(book)
        self.book = book
        self.use(text)

    def use(self, text: str) -> Plain:
        """The workspace's files as they are now, taken in as the daemon does."""
        files = [("playbook", "lead", self.book), ("policy", "mail", POLICY), ("agent", "helper", text)]
        loaded = self.do(
            LoadAssets(
                files=tuple(
                    AssetFile(asset_kind=kind, name=name, path=name, text=one, hash=text_hash(one))
                    for kind, name, one in files
                )
            )
        )
        self.do(DeclareScopes(declared=declared_agents(agents_in(self.store))))
        return loaded

    def why(self, step: str = "a") -> str:
        error = self.step(step).error
        return f"{error.get('code')}: {error.get('message')}"


def test_a_result_within_the_contract_is_taken() -> None:
    bench = AgentBench(agent())
    bench.start()
    bench.answer("a", said="done")
    assert bench.states()["a"] == "succeeded"


def test_an_output_of_another_shape_is_a_breach_on_record() -> None:
    bench = AgentBench(agent())
    bench.start()
    bench.answer("a", said=7)
    assert bench.states()["a"] == "failed"
    assert bench.why().startswith("breach: helper broke its contract: its output does not fit: said: ")


def test_the_twin_without_a_contract_takes_anything() -> None:
    bench = RunBench(BOOK)
    bench.start()
    bench.answer("a", said=7)
    assert bench.states()["a"] == "succeeded"


def test_an_effect_that_is_not_declared_is_a_breach_and_no_action() -> None:
    bench = AgentBench(agent())
    bench.start()
    bench.answer("a", mail(said="x"))
    assert "it proposes mail.send, which it does not declare" in bench.why()
    assert bench.step("a").actions == ()


def test_a_declared_effect_is_proposed() -> None:
    bench = AgentBench(agent(HEAD + "effects: [mail.send]\n"))
    bench.start()
    bench.answer("a", mail(said="x"))
    assert len(bench.step("a").actions) == 1


def test_a_fact_that_is_not_declared_is_a_breach() -> None:
    bench = AgentBench(agent())
    bench.start()
    bench.answer("a", StepDone(output={"said": "x"}, facts=(ProposedFact(fact_kind="lead", key="k", value={}),)))
    assert "facts of the kind lead" in bench.why()


def test_an_input_that_the_agent_does_not_take_never_reaches_it() -> None:
    bench = AgentBench(agent("inputs: {text: {type: integer}}\noutputs: {said: {type: string}}\n"))
    bench.start()
    assert bench.states()["a"] == "failed"
    assert bench.why().startswith("schema: helper does not take this input: text: ")


def test_the_longest_time_of_a_step_is_the_contracts() -> None:
    bench = AgentBench(agent())
    bench.start()
    event = bench.store.event(bench.step("a").input_seq)
    assert event is not None
    assert event.body["deadline_ms"] == 7 * SECOND // 1000


def test_a_failure_gets_the_advice_of_the_contract() -> None:
    bench = AgentBench(agent(HEAD + "failures: {dry: Give it more text.}\n"))
    bench.start()
    bench.answer("a", Failed(failure=Failure(failure="permanent", code="dry", message="nothing to say")))
    assert bench.step("a").error["hint"] == "Give it more text."


def test_a_run_keeps_the_prompt_that_it_began_with_and_a_new_run_gets_the_new_one() -> None:
    bench = AgentBench(agent(prompt="The old words."))
    bench.start(run="one")
    bench.use(agent(prompt="The new words."))
    bench.answer("a", run="one", said="x")
    bench.start(run="two")
    texts = [
        prompt_file(bench.store, "helper", bench.step(step, run).agent_version)
        for run, step in (("one", "b"), ("two", "a"))
    ]
    assert ["The old words." in texts[0], "The new words." in texts[1]] == [True, True]
    bench.check_refold()


def test_code_cannot_be_kept_back_so_the_log_says_that_it_is_another() -> None:
    bench = AgentBench(agent())
    scopes = declared_agents(agents_in(bench.store))
    assert CODE_MARK not in scopes["agent:helper"].version
    assert contract_of(bench.store, "helper", f"{scopes['agent:helper'].version}{CODE_MARK}abc") is not None


def test_a_file_with_a_fault_is_refused_and_what_it_replaces_stays_in_force() -> None:
    bench = AgentBench(agent())
    refused = bench.use(agent("inputs: 7\n"))["refused"]
    assert "inputs is 7, not a map" in str(refused)
    bench.start()
    bench.answer("a", said=7)
    assert bench.why().startswith("breach")


def test_the_autonomy_of_the_contract_holds_until_the_operator_decides() -> None:
    from quarterdeck_daemon.core.commands import SetAutonomy
    from quarterdeck_daemon.core.track import autonomy_at

    bench = AgentBench(agent(HEAD + "effects: [mail.send]\nautonomy: observe\n"))
    assert autonomy_at(bench.store, "helper/mail.send").level == "observe"
    bench.do(SetAutonomy(agent="helper", action="mail.send", level="suggest"), actor="operator")
    assert autonomy_at(bench.store, "helper/mail.send").level == "suggest"
