"""From "yes" to the next thing that happens: how long? Within 2x of disk and wire is our promise.

Method   actions wait for approval (runs of one step: the built-in agent `outreach` answers one parsed mail). Measured
         from sending approval.decide for one of them to the arrival of `approval.given` at a SUB socket, one after
         the other. Floor: floor_server.py does the same with the same bytes (written, synced, told on PUB), in turns.
Excludes the hold (a day here, so nothing leaves) and the effect itself; reading the list.
Run      python bench/approval.py [--quick]
"""

from __future__ import annotations

import time

from floor_server import TOPIC, floor_server
from heard import ToEvent, in_turns
from house import House, running_house
from lines import is_quick, percentile, report
from load import Load, request

from quarterdeck_protocol.client import Client

ACTIONS = {False: 800, True: 200}
STARTERS = 8
WAIT_S = 60.0
MAIL = b"""From: Ines Duarte <ines@north.test>\r
To: mara@bench.test\r
Subject: Redesign\r
Message-ID: <lead-1@north.test>\r
Date: Fri, 20 Nov 2026 10:00:00 +0100\r
Content-Type: text/plain; charset=utf-8\r
\r
We are looking for a designer. Could you send us a quote?\r
"""
PLAYBOOK = """
name: answer
version: 1
inputs:
  document: {type: string, required: true}
steps:
  - id: send
    agent: outreach
    reads:
      mail: {document: "${inputs.document}"}
    in:
      draft: {subject: "Re: Redesign", body: "Thank you. We will write soon."}
"""
POLICY = '[[rule]]\nid = "mail.reply"\nmatch = "mail.send"\nverdict = "ask"\nrisk = "low"\nhold = "1d"\n'
FILES = {"playbooks/answer.yaml": PLAYBOOK, "policies/mail.toml": POLICY}


def propose(house: House, client: Client, count: int) -> list[dict[str, object]]:
    """Have `count` actions wait; returns what approval.decide wants to know of each."""
    kept = client.call("memory.remember", {"document": MAIL, "media_type": "message/rfc822", "name": "lead.eml"})
    client.call("ingest.wait", {"timeout_ms": 30_000})
    params: dict[str, object] = {"playbook": "answer", "inputs": {"document": kept.result["id"]}}
    with Load(house.connection.rpc, STARTERS) as load:
        load.at_once([request(house.connection.token, "run.start", params, changes=True) for _ in range(count)])
    give_up = time.monotonic() + WAIT_S
    while time.monotonic() < give_up:
        items = client.call("approval.list", {"limit": 1000}).result["items"]
        assert isinstance(items, list), "a page of actions"
        if len(items) >= count:
            return [{"id": item["id"], "shown_hash": item["shown_hash"]} for item in items]
        time.sleep(0.1)
    raise AssertionError("not all actions were proposed in time")


def decisions(token: str, choices: list[dict[str, object]]) -> list[bytes]:
    return [
        request(token, "approval.decide", {"items": [choice], "decision": "approve"}, changes=True)
        for choice in choices
    ]


def main() -> None:
    count = ACTIONS[is_quick("From approval to the next event.")]
    with running_house(FILES) as house, floor_server(house.folder.parent / "floor") as floor:
        with house.client() as client:
            choices = propose(house, client, count)
        house.settle()
        at = house.connection
        with (
            ToEvent(floor, TOPIC, at.token) as least,
            ToEvent((at.rpc, at.events), b"approval.given", at.token, via=b"fact.asserted") as ours,
        ):
            in_turns(least, ours, [(body, body) for body in decisions(at.token, choices)])
    for figure, share in (("p50", 0.5), ("p99", 0.99)):
        value, bare = (percentile(each.taken, share) * 1e3 for each in (ours, least))
        report("approval", f"to_event_{figure}", value, "ms", floor=bare, n=count)


if __name__ == "__main__":
    main()
