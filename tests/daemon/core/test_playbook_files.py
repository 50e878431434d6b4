"""Playbooks as the operator writes them: what is refused says where and why, before anything runs."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import AssetFile, LoadAssets
from quarterdeck_daemon.core.entities import Asset, Plain
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.playbook import PLAYBOOK_BYTES_MAX, STEPS_MAX, check_inputs, parse_playbook
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import PLAYBOOK, POLICY, Bench


def steps(*lines: str) -> str:
    return "name: lead\nsteps:\n" + "".join(f"  - {line}\n" for line in lines)


REFUSED = {
    "name: [": "line 1",
    "name: lead\nsteps:\n  - id: a\n   agent: x\n": "line 4",
    "name: lead\nsteps:\n\t- id: a": "line 3",
    "name: lead": "steps",
    "- a": "a list, not a map",
    "": "nothing, not a map",
    "name: 7\nsteps: []": "name",
    "name: lead\nsteps: []": "1 to 200 steps",
    "name: lead\nsteps: [{id: a, agent: x}]\nbogus: 1": "line 3, column 1: a playbook has no field 'bogus'",
    steps("{id: a, agent: x, bogus: 1}"): "bogus",
    steps("{id: a, agent: x}", "{id: a, agent: y}"): "two steps are called 'a'",
    steps("{id: a, agent: x, needs: [z]}"): "step 'a' needs 'z', which is no step",
    steps("{id: a, agent: x, needs: [a]}"): "wait for each other: a -> a",
    steps(
        "{id: a, agent: x, needs: [b]}", "{id: b, agent: x, needs: [c]}", "{id: c, agent: x, needs: [a]}"
    ): "each other",
    steps("{id: a}"): "exactly one of agent, playbook and wait",
    steps("{id: a, agent: x, wait: {signal: s}}"): "not both agent and wait",
    steps("{id: a, wait: {}}"): "neither a signal nor a time",
    steps("{id: a, wait: {for: soon}}"): "'soon' is not a length of time",
    steps("{id: a, agent: x, timeout: 5}"): "timeout",
    steps("{id: a, agent: x, timeout: 5 parsecs}"): "step 'a': '5 parsecs' is not a length of time",
    steps("{id: a, agent: x, timeout: " + "9" * 400 + "w}"): "is not a length of time",
    steps("{id: a, agent: x, retry: {backoff: ''}}"): "is not a length of time",
    steps("{id: a, agent: x, retry: {times: 21}}"): "retry.times is 0 to 20",
    steps("{id: a, agent: x, retry: {times: -1}}"): "retry.times is 0 to 20",
    steps("{id: a, agent: x, reads: {r: {}}}"): "read 'r': exactly one of",
    steps("{id: a, agent: x, reads: {r: {fact: f, facts: g}}}"): "read 'r': exactly one of",
    steps("{id: a, agent: x, when: 'a ||'}"): "step 'a'",
    steps("{id: a, agent: x, in: &i {b: *i}}"): "aliases are not taken here",
    steps("{id: a, agent: x, in: {a: &i [1], b: [*i, *i]}}"): "aliases are not taken here",
    "name: lead\non: [{event: mail.received, when: '(('}]\n" + steps("{id: a, agent: x}")[11:]: "on mail.received",
    "name: lead\non: [{event: moon.full}]\n" + steps("{id: a, agent: x}")[11:]: "moon.full",
    "name: !!python/object/apply:os.system ['true']\nsteps: []": "line 1",
    "a" * (PLAYBOOK_BYTES_MAX + 1): "at most",
    steps(*(f"{{id: s{n}, agent: x}}" for n in range(STEPS_MAX + 1))): "1 to 200 steps",
    "[" * 20_000: "",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: str(text)[:50])
def test_a_playbook_that_cannot_work_is_refused_with_place_and_reason(text: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        parse_playbook(text)
    assert refused.value.code == "schema"
    assert REFUSED[text] in refused.value.message


def test_words_that_yaml_takes_for_something_else_stay_words() -> None:
    playbook = parse_playbook(steps("{id: on, agent: no, in: {day: 2026-11-20, flag: yes, is: true, n: 7}}"))
    (step,) = playbook.steps
    assert (step.id, step.agent) == ("on", "no")
    assert step.input == {"day": "2026-11-20", "flag": "yes", "is": True, "n": 7}


INPUTS = """
name: p
inputs:
  text: {type: string, required: true}
  count: {type: integer, default: 3}
  share: {type: number}
  on: {type: boolean}
  many: {type: list}
  deep: {type: map}
steps:
  - {id: a, agent: x}
"""


def test_inputs_are_checked_and_their_defaults_filled_in() -> None:
    playbook = parse_playbook(INPUTS)
    given: Plain = {"text": "t", "share": 1, "on": False, "many": [], "deep": {}}
    assert check_inputs(playbook, given) == given | {"count": 3}
    assert check_inputs(playbook, {"text": "t"}) == {"text": "t", "count": 3}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "needs the input 'text'"),
        ({"text": None}, "needs the input 'text'"),
        ({"text": 1}, "is of type integer, not string"),
        ({"text": "t", "count": "3"}, "is of type string, not integer"),
        ({"text": "t", "count": True}, "is of type boolean, not integer"),
        ({"text": "t", "count": 1.5}, "is of type number, not integer"),
        ({"text": "t", "share": True}, "is of type boolean, not number"),
        ({"text": "t", "on": 1}, "is of type integer, not boolean"),
        ({"text": "t", "many": {}}, "is of type map, not list"),
        ({"text": "t", "typo": 1}, "takes no input 'typo'"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(given: Plain, reason: str) -> None:
    with pytest.raises(QuarterdeckError, match=reason) as refused:
        check_inputs(parse_playbook(INPUTS), given)
    assert refused.value.code == "schema"


def test_a_file_that_is_refused_leaves_its_predecessor_in_force_and_costs_no_other_file() -> None:
    bench = Bench()
    other = steps("{id: a, agent: x}").replace("lead", "other")
    files = tuple(
        AssetFile(asset_kind=kind, name=name, path=f"{kind}/{name}", text=text, hash=text_hash(text))
        for kind, name, text in (
            ("playbook", "lead", "name: ["),
            ("playbook", "other", other),
            ("playbook", "called-so", other),
            ("policy", "mail", "[[rule]]\nid = 1"),
        )
    )  # type: ignore[arg-type, unused-ignore]  # The kinds are literals.
    reply = bench.do(LoadAssets(files=files))
    refused = reply["refused"]
    assert isinstance(refused, list)
    assert reply["loaded"] == ["playbook/other"]
    assert [one["id"] for one in refused] == ["playbook/lead", "playbook/called-so", "policy/mail"]
    kept = [bench.store.get(Asset, id) for id in ("playbook/lead", "policy/mail")]
    assert [asset.text for asset in kept if asset is not None] == [PLAYBOOK, POLICY]


def test_loading_the_same_files_again_is_no_news_and_a_missing_one_is_removed() -> None:
    bench = Bench()
    head = bench.store.head.seq
    policy = AssetFile(
        asset_kind="policy", name="mail", path="policies/mail.toml", text=POLICY, hash=text_hash(POLICY)
    )
    bench.do(LoadAssets(files=(policy,)))
    bench.do(LoadAssets(files=(policy,)))
    assert bench.kinds()[head:] == ["asset.removed"]
