"""What the other commands ask and how they print it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck_daemon.cli.plain import records
from quarterdeck_daemon.cli.why import entity_of
from quarterdeck_protocol.codes import QuarterdeckError

if TYPE_CHECKING:
    from quarterdeck_protocol.frames import Plain

    from .conftest import House, Shell

RUN: Plain = {
    "id": "r7", "run_id": "r7", "playbook": "lead-to-outreach", "status": "running", "at": "2026-03-01T10:00:00.000000Z",
    "steps": [
        {"id": "extract", "agent": "extractor", "status": "succeeded", "attempts": 1, "output": {"company": "Northwind"}},
        {"id": "send", "agent": "outreach", "status": "waiting", "attempts": 1, "actions": ["a17"]},
    ],
}  # fmt: skip
EVENT: Plain = {
    "at_us": 1_770_000_000_000_000,
    "kind": "run.started",
    "actor": "kernel",
    "run": "r7",
    "body": {"playbook": "p"},
}
EVENTS: list[Plain] = [
    {"seq": n, "id": f"e{n}", **EVENT}
    for n in range(1, 4)
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "method"),
    [
        (["runs"], "run.list"), (["approvals"], "approval.list"), (["playbooks"], "playbook.list"), (["policies"], "policy.list"),
        (["connectors"], "connector.list"), (["agents"], "agent.list"), (["dead"], "deadletter.list"),
        (["recall", "x"], "memory.search"), (["fact", "query", "client"], "fact.query"),
        (["memory", "history", "m1"], "memory.history"),
    ],
)  # fmt: skip
def test_every_list_prints_items_in_json(house: House, shell: Shell, words: list[str], method: str) -> None:
    house.answers[method] = {"items": [], "next": None}
    ran = shell(*words, "--json")
    assert (ran.status, ran.json, ran.err) == (0, {"items": []}, "")


def test_a_list_of_several_pages_is_printed_whole(house: House, shell: Shell) -> None:
    house.answers["agent.list"] = lambda params: (
        {"items": [{"id": "two"}], "next": None} if params.get("cursor") else {"items": [{"id": "one"}], "next": "c"}
    )
    assert shell("agents", "--json").json == {"items": [{"id": "one"}, {"id": "two"}]}


def test_a_run_is_shown_step_by_step(house: House, shell: Shell) -> None:
    house.answers["run.get"] = RUN
    assert shell("runs", "show", "r7").out.splitlines() == [
        "r7  lead-to-outreach  running",
        "STEP     STATUS     TRIES  AGENT      OUTCOME",
        "extract  succeeded  1      extractor  company=Northwind",
        "send     waiting    1      outreach   proposed a17",
    ]
    assert shell("runs", "show", "r7", "--json").json == RUN


def test_run_reads_text_json_and_files(house: House, shell: Shell) -> None:
    (house.workspace / "note.txt").write_text("from a file")
    house.answers["run.start"] = {"run_id": "r7", "seq": 9}
    ran = shell("run", "p", "a=x=y", "b:=[1, true]", "c=@note.txt", "--json")
    assert (ran.status, ran.json["id"]) == (0, "r7")
    assert house.calls("run.start") == [{"playbook": "p", "inputs": {"a": "x=y", "b": [1, True], "c": "from a file"}}]
    assert shell("run", "p", "nonsense").status == 2
    assert shell("run", "p", "b:={").status == 2
    assert shell("run", "p", "c=@missing").status == 3


def test_run_with_wait_ends_with_5_when_it_waits_for_approval(house: House, shell: Shell) -> None:
    house.answers["run.start"] = {"run_id": "r7", "seq": 9}
    house.answers["run.get"] = RUN
    assert shell("run", "p", "--wait").status == 5
    house.answers["run.get"] = {**RUN, "status": "failed"}
    assert shell("run", "p", "--wait").status == 1
    house.answers["run.get"] = {**RUN, "status": "succeeded"}
    assert shell("run", "p", "--wait").status == 0
    house.answers["run.get"] = {**RUN, "steps": []}
    assert shell("run", "p", "--wait", "--timeout", "1s").status == 124


def test_a_dry_run_of_a_playbook_shows_its_steps(house: House, shell: Shell) -> None:
    house.answers["run.start"] = {
        "run_id": "",
        "seq": 1,
        "playbook": "p",
        "plan": [{"id": "extract", "agent": "x", "needs": []}],
    }
    assert shell("run", "p", "--dry-run").out == "would start p\n  extract  x\n"
    assert house.calls("run.start") == [{"playbook": "p", "inputs": {}, "dry_run": True}]


def test_steering_a_run_names_the_way_back(house: House, shell: Shell) -> None:
    for verb in ("pause", "resume", "cancel"):
        house.answers[f"run.{verb}"] = {"id": "r7", "seq": 9}
        assert shell("runs", verb, "r7", "--reason", "busy").status == 0
        assert house.calls(f"run.{verb}") == [{"id": "r7", "reason": "busy"}]
    for verb in ("retry", "skip"):
        house.answers[f"run.{verb}_step"] = {"id": "r7", "seq": 9}
        assert shell("runs", verb, "r7", "send").status == 0
        assert house.calls(f"run.{verb}_step") == [{"id": "r7", "step": "send"}]
    house.answers["run.signal"] = {"id": "r7", "seq": 9}
    assert shell("runs", "signal", "r7", "answered", "text=yes").status == 0
    assert house.calls("run.signal") == [{"id": "r7", "signal": "answered", "payload": {"text": "yes"}}]


def test_the_status_when_nothing_runs(shell: Shell) -> None:
    ran = shell("status")
    assert ran.status == 6
    assert "daemon     not running" in ran.out
    assert ran.err == "hint: Start it with `quarterdeck up`.\n"
    assert shell("status", "--short").out == "down\n"
    assert shell("status", "--json").json == {"running": False, "stopped": False, "stop_reason": "", "supervisor": 0}


def test_the_status_with_alerts(house: House, shell: Shell) -> None:
    house.answers["system.status"] = {
        "running": True, "stopped": False, "seq": 41, "pending_approvals": 14, "active_runs": 2, "dead_letters": 1,
        "cost_today": "1.84", "alerts": [{"level": "warning", "text": "disk nearly full", "hint": "make room"}],
    }  # fmt: skip
    assert shell("status", "--short").out == "14 waiting, 2 running, 1 dead, $1.84\n"
    assert "warning    disk nearly full  ->  make room\n" in shell("status").out


@pytest.mark.parametrize("slip", ["notes/tpyo.md", "MAIL.EML"])
def test_one_word_that_was_meant_as_a_file_is_no_note(house: House, shell: Shell, slip: str) -> None:
    assert (shell("remember", slip).status, house.calls("memory.remember")) == (3, [])


def test_the_whole_disk_is_no_folder_of_notes(house: House, shell: Shell) -> None:
    assert (shell("remember", "/").status, house.calls("memory.remember")) == (2, [])


def parsed(params: Plain) -> Plain:
    """The daemon's word that every document asked for has been read."""
    ids = params["ids"]
    assert isinstance(ids, list)
    return {"items": [{"id": id, "status": "parsed", "title": "", "chunks": 1} for id in ids]}


def test_remember_hands_a_mail_in_as_a_mail(house: House, shell: Shell) -> None:
    """As text its words would count as the operator's."""
    mail = b"From: a@b.test\r\nSubject: x\r\n\r\nGr\xfc\xdfe\r\n"
    (house.workspace / "one.eml").write_bytes(mail)
    house.answers["memory.remember"] = {"id": "doc1", "document": "doc1", "seq": 9}
    house.answers["document.status"] = parsed
    assert shell("remember", "one.eml", "--tag", "old").out == "remembered doc1: one.eml\n"
    assert house.calls("memory.remember") == [
        {"document": mail, "media_type": "message/rfc822", "name": "one.eml", "tags": ["old"]}
    ]


def test_remember_takes_words_input_and_files(house: House, shell: Shell) -> None:
    (house.workspace / "one.md").write_text("# One\n")
    (house.workspace / "two.md").write_text("# Two\n")
    house.answers["memory.remember"] = {"id": "m12", "seq": 9}
    house.answers["document.status"] = parsed
    assert shell("remember", "they", "pay", "late", "--tag", "billing").out == "remembered m12: they pay late\n"
    assert shell("remember", "-", stdin="from a pipe\n").status == 0
    assert shell("remember", "one.md", "two.md", "--request-id", "mine").status == 0
    words, piped, *files = house.calls("memory.remember")
    assert (words, piped) == ({"text": "they pay late", "tags": ["billing"]}, {"text": "from a pipe\n"})
    assert sorted(files, key=lambda params: str(params["name"])) == [
        {"document": b"# One\n", "media_type": "text/markdown", "name": "one.md", "path": "one.md"},
        {"document": b"# Two\n", "media_type": "text/markdown", "name": "two.md", "path": "two.md"},
    ]
    asked = [one.request_id for one in house.asked if one.method == "memory.remember"]
    assert sorted(map(str, asked[2:])) == ["mine/1", "mine/2"]
    assert shell("remember", "one.md", "tow.md").status == 3
    assert shell("remember", "-", stdin="  ").status == 2


def test_a_pipe_with_a_pdf_is_a_document(house: House, shell: Shell) -> None:
    house.answers["memory.remember"] = {"id": "doc1", "document": "doc1", "seq": 9}
    house.answers["document.status"] = parsed
    assert shell("remember", "-", "--title", "Offer", stdin="%PDF-1.4\nrest").out == "remembered doc1: Offer\n"
    assert house.calls("memory.remember") == [
        {"document": b"%PDF-1.4\nrest", "media_type": "application/pdf", "name": "Offer", "title": "Offer"}
    ]


def test_a_folder_is_handed_in_with_an_account_of_what_could_not_be_read(house: House, shell: Shell) -> None:
    """Hidden files, folders inside and what is no text are passed over and counted."""
    folder = house.workspace / "papers"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.md").write_text("# A\n")
    (folder / "b.pdf").write_bytes(b"%PDF-broken")
    (folder / "c.bin").write_bytes(b"\x00\x01")
    (folder / ".hidden.md").write_text("x")
    numbers = {"papers/a.md": "doc1", "papers/b.pdf": "doc2"}
    house.answers["memory.remember"] = lambda params: {"id": numbers[str(params["path"])], "seq": 9}
    states = [{"id": "doc1", "status": "parsed"}, {"id": "doc2", "status": "unreadable", "error": "it is damaged"}]
    house.answers["document.status"] = {"items": states}
    ran = shell("remember", "papers")
    assert ran.status == 1
    assert ran.out.startswith("1 new, 1 unreadable (2 documents in ")
    assert sorted(ran.err.splitlines()) == [
        "left out: 1 (folders inside; use --recursive)",
        "left out: 1 (hidden)",
        "left out: 1 (not readable as text)",
        "unreadable: papers/b.pdf: it is damaged",
    ]
    rehearsed = shell("remember", "papers", "--dry-run", "--json").json
    assert [(one["name"], one["media_type"]) for one in records(rehearsed["items"])] == [
        ("papers/a.md", "text/markdown"),
        ("papers/b.pdf", "application/pdf"),
    ]
    assert len(house.calls("memory.remember")) == 2


def test_a_large_document_travels_in_pieces_unless_it_is_known(house: House, shell: Shell) -> None:
    data = b"%PDF-" + b"x" * 2_000_000
    (house.workspace / "large.pdf").write_bytes(data)
    here = bytearray()

    def upload(params: Plain) -> Plain:
        piece = params["data"]
        assert isinstance(piece, bytes)
        assert params["offset"] == len(here)
        here.extend(piece)
        return {"received_bytes": len(here), "complete": len(here) == len(data)}

    def remember(params: Plain) -> Plain:
        if not here:
            raise QuarterdeckError("not_found", "these bytes have not been sent")
        return {"id": "doc1", "document": "doc1", "seq": 9}

    house.answers |= {"document.upload": upload, "memory.remember": remember, "document.status": parsed}
    assert shell("remember", "large.pdf").out == "remembered doc1: large.pdf\n"
    assert bytes(here) == data
    assert ["document" in params for params in house.calls("memory.remember")] == [False, False]


def test_no_words_are_not_the_current_folder(house: House, shell: Shell) -> None:
    (house.workspace / "one.md").write_text("# One\n")
    assert (shell("remember", "").status, house.calls("memory.remember")) == (2, [])


def test_options_of_notes_are_refused_for_files(house: House, shell: Shell) -> None:
    (house.workspace / "one.md").write_text("# One\n")
    assert shell("remember", "one.md", "--pin").err.startswith("error: --pin is for notes, not for documents.")
    assert house.calls("memory.remember") == []


def test_recall_says_why_it_found_something(house: House, shell: Shell) -> None:
    hit = {"id": "m12", "score": 3.14159, "title": "Terms", "text": "pays within\n14 days", "source": "notes/a.md",
           "tier": "long-term", "why": {"terms": ["pays"]}}  # fmt: skip
    house.answers["memory.search"] = {"items": [hit]}
    ran = shell("recall", "when", "pays", "--since", "2026-01-01T00:00:00Z", "--limit", "3")
    assert ran.out == "m12  3.14  Terms\n  pays within 14 days\n  notes/a.md  long-term  matched pays\n"
    assert house.calls("memory.search") == [{"query": "when pays", "limit": 3, "since": "2026-01-01T00:00:00Z"}]


def test_recall_shows_the_past_and_what_has_little_to_do_with_it_when_asked(house: House, shell: Shell) -> None:
    hit = {"id": "m1", "score": 1.0, "title": "Rent", "text": "900", "tier": "core", "superseded": True,
           "why": {"terms": [], "vector": 0.7}}  # fmt: skip
    house.answers["memory.search"] = {"items": [hit], "behind": 3}
    ran = shell("recall", "rent", "--past", "--all")
    assert ran.out == "m1  1.00  Rent\n  900\n  core  close in meaning  no longer so\n"
    assert "is being filled" in ran.err
    assert house.calls("memory.search") == [{"query": "rent", "limit": 10, "past": True, "floor": False}]


def test_a_fact_is_put_over_the_version_that_was_seen(house: House, shell: Shell) -> None:
    house.answers["fact.put"] = {"id": "client/acme", "version": 4, "seq": 9}
    ran = shell("fact", "put", "client", "acme", "name=ACME", "staff:=7", "--if-version", "3")
    assert (ran.status, ran.out) == (0, "wrote client/acme version 4\n")
    assert house.calls("fact.put") == [
        {"kind": "client", "key": "acme", "value": {"name": "ACME", "staff": 7}, "if_version": 3}
    ]
    assert shell("fact", "put", "client", "acme").status == 2


def test_facts_are_linked_and_unlinked(house: House, shell: Shell) -> None:
    house.answers |= {"fact.link": {"id": "x", "seq": 8}, "fact.unlink": {"id": "x", "seq": 9}}
    assert shell("fact", "link", "client/acme", "employs", "contact/ines").status == 0
    assert shell("fact", "link", "client/acme", "employs", "contact/ines", "--remove").status == 0
    assert house.calls("fact.link") == house.calls("fact.unlink")


def test_the_timeline_shows_the_last_events_oldest_first(house: House, shell: Shell) -> None:
    house.answers["system.hello"] = {"seq": 3}
    house.answers["timeline.read"] = {"items": EVENTS[::-1], "next": None}
    ran = shell("timeline", "--run", "r7", "--kind", "run", "--json")
    items = ran.json["items"]
    assert isinstance(items, list)
    assert [one["seq"] for one in items] == [1, 2, 3]
    assert house.calls("timeline.read") == [{"filter": {"run": "r7", "kinds": ["run.*"]}, "limit": 50}]
    assert items[0]["at"] == "2026-02-02T02:40:00Z"


@pytest.mark.parametrize(
    ("id", "kind"),
    [("a17", "action"), ("m12", "memory"), ("doc3", "document"), ("r7", "run"), ("dead2", "deadletter"), ("e5", "event"),
     ("5", "event"), ("client/northwind", "fact"), ("template/reply", "asset"), ("my-own-run", "run")],
)  # fmt: skip
def test_an_id_says_its_kind(id: str, kind: str) -> None:
    assert entity_of(id) == (kind, id)
    assert entity_of(f"{kind}:{id}") == (kind, id)


def test_why_shows_the_tree_down_to_the_quote(with_approvals: House, shell: Shell, lead: object) -> None:
    assert callable(lead)
    with_approvals.answers["action.get"] = {**lead(), "status": "proposed"}
    mail = {
        "id": "document:doc3",
        "kind": "document",
        "relation": "derived_from",
        "title": "Website",
        "labels": {"integrity": "external"},
    }
    memory = {
        "id": "memory:m4",
        "relation": "read",
        "title": "Pricing",
        "quote": "from 8 000 euro",
        "parents": [mail],
    }
    seen = {"id": "fact:client/acme", "relation": "derived_from", "title": "client/acme", "value": {"name": "ACME"}}
    with_approvals.answers["memory.why"] = {
        "items": [],
        "tree": {"id": "action:a17", "kind": "action", "parents": [memory, seen]},
    }
    out = shell("why", "a17").out
    assert "ACME" not in out
    assert "  looked at as well: client/acme\n" in out
    assert "ACME" in shell("why", "a17", "--all").out
    for said in (
        "rule:    ask by mail.reply (policies/mail.toml): first answer",
        'because  budget 12000  [doc3] "our budget is 12 000 euro"',
        "  | Subject: Re: Website".replace("S", "s", 1),
        "  | Dear Ines,",
        'made from:\n  read memory:m4  Pricing\n    "from 8 000 euro"\n    derived_from document:doc3  Website  [external]\n',
    ):
        assert said in out
    assert shell("why", "a17", "--json").json["kind"] == "action"


def test_why_of_an_event_a_fact_and_a_memory(house: House, shell: Shell) -> None:
    house.answers["timeline.event"] = {"event": EVENTS[0], "consequences": []}
    house.answers["memory.why"] = lambda params: {
        "items": [],
        "tree": {"kind": "fact" if "/" in str(params["id"]) else "memory"},
    }
    house.answers["fact.get"] = {"id": "client/acme", "kind": "client", "value": {"name": "ACME"}, "version": 1}
    house.answers["memory.get"] = {
        "id": "m4",
        "entity": "memory:m4",
        "fields": {"title": "Pricing", "text": "from 8 000"},
    }
    assert "run.started" in shell("why", "e1").out
    assert "  name: ACME" in shell("why", "client/acme").out
    assert "  | from 8 000" in shell("why", "m4").out


def test_a_wrong_playbook_is_named_with_its_line(house: House, shell: Shell) -> None:
    (house.workspace / "p.yaml").write_text("name: p\n")
    house.answers["playbook.validate"] = {
        "ok": False,
        "errors": [
            {"message": "no steps", "line": 1, "column": 3, "hint": "add some"},
            {"message": "no end", "line": 9},
        ],
        "warnings": [{"message": "no agent x", "line": 4, "column": 5, "level": "warning"}],
    }
    ran = shell("playbooks", "validate", "p.yaml")
    assert (ran.status, ran.out.splitlines()) == (
        2,
        ["p.yaml:1:3: error: no steps  add some", "p.yaml:9:1: error: no end", "p.yaml:4:5: warning: no agent x"],
    )
    assert "error: 2 faults in 1 file." in ran.err
    house.answers["playbook.validate"] = {"ok": True, "name": "p", "errors": []}
    assert shell("playbooks", "validate", "p.yaml").out == "ok p.yaml\n"


def test_a_file_that_cannot_be_read_is_a_fault_of_its_own_and_the_others_are_checked(
    house: House, shell: Shell
) -> None:
    (shell.folder / "bin.yaml").write_bytes(b"\xff\xfe")
    (shell.folder / "p.yaml").write_text("name: p\n", "utf-8")
    house.answers["playbook.validate"] = {"ok": True, "name": "p", "errors": []}
    ran = shell("playbooks", "validate", "bin.yaml", "gone.yaml", "p.yaml")
    assert ran.status == 2
    assert [line.partition("error: ")[2] for line in ran.out.splitlines()[:2]] == [
        "bin.yaml is not UTF-8 text.  Convert it first.", "Cannot read gone.yaml: No such file or directory.  Check the path.",
    ]  # fmt: skip
    assert ran.out.splitlines()[2] == "ok p.yaml"


def test_a_playbook_that_is_called_otherwise_than_its_file_is_told(house: House, shell: Shell) -> None:
    """The daemon is sent a text, and would only find out when the file lies in playbooks/."""
    (shell.folder / "p.yaml").write_text("# a comment\nname: other # here\nsteps: []\n", "utf-8")
    house.answers["playbook.validate"] = {"ok": True, "name": "other", "errors": []}
    ran = shell("playbooks", "validate", "p.yaml")
    assert (ran.status, ran.out) == (
        2,
        "p.yaml:2:7: error: it names its playbook 'other', and the file is called 'p'  "
        "Write `name: p`, or rename the file to other.yaml.\n",
    )  # fmt: skip


def test_rules_are_listed_one_by_one(house: House, shell: Shell) -> None:
    rule = {"id": "mail.reply", "match": "mail.send", "when": "true", "verdict": "ask", "risk": "low"}
    house.answers["policy.list"] = {
        "items": [{"id": "mail", "path": "policies/mail.toml", "details": {"rules": [rule]}}]
    }
    assert shell("policies").out.splitlines()[1] == "mail.reply  mail.send  ask      low   policies/mail.toml  true"


def test_a_broken_chain_is_a_failure(house: House, shell: Shell) -> None:
    house.answers["audit.verify"] = {"ok": True, "checked": 9, "head_seq": 9, "head_mac": b"\x01", "broken_at": None}
    assert (shell("audit", "verify").status, shell("audit", "verify").out) == (
        0,
        "whole: 9 events\n  no head noted outside the log to compare with\n",
    )
    house.answers["audit.verify"] = {"ok": False, "checked": 4, "broken_at": 5, "reason": "seal of 5"}
    ran = shell("audit", "verify")
    assert (ran.status, ran.out) == (1, "broken at event 5\n")


def test_the_log_is_exported_page_by_page_and_never_over_a_file(house: House, shell: Shell, tmp_path: Path) -> None:
    house.answers["audit.export"] = {
        "chunks": [{"events": EVENTS[:2]}, {"events": EVENTS[2:]}],
        "count": 3,
        "head_seq": 3,
        "head_mac": b"",
    }
    rows = [json.loads(row) for row in shell("audit", "export").out.splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 3]
    target = tmp_path / "log.jsonl"
    assert shell("audit", "export", "--to", str(target)).status == 0
    assert len(target.read_text().splitlines()) == 3
    assert shell("audit", "export", "--to", str(target)).status == 8


def test_dead_letters_are_listed_and_resolved(house: House, shell: Shell) -> None:
    letter = {"id": "dead2", "run": "r7", "step": "send", "attempts": 3, "error": {"message": "no route"}, "at": ""}
    house.answers |= {"deadletter.list": {"items": [letter]}, "deadletter.resolve": {"id": "dead2", "seq": 9}}
    assert shell("dead").out.splitlines()[1].split() == ["dead2", "r7", "send", "3", "no", "route"]
    assert shell("dead", "resolve", "dead2", "retry").status == 0
    assert house.calls("deadletter.resolve") == [{"id": "dead2", "remedy": "retry"}]
    assert shell("dead", "resolve", "dead2", "forget").status == 2


def test_doctor_fails_on_a_state_folder_that_others_can_read(house: House, shell: Shell) -> None:
    house.answers["system.doctor"] = {"ok": True, "items": [{"id": "log", "ok": True, "detail": "whole"}]}
    assert shell("doctor", env={"EDITOR": "sh"}).status == 0
    (house.workspace / ".quarterdeck").chmod(0o755)
    ran = shell("doctor", "--json")
    assert ran.status == 1
    rows = ran.json["items"]
    assert isinstance(rows, list)
    assert [row["id"] for row in rows if row.get("status") == "fail"] == ["state"]


def test_the_cost_is_shown(house: House, shell: Shell) -> None:
    house.answers["cost.report"] = {"calls": 2, "tokens": 30, "seconds": 1.5, "money": "0.02", "items": []}
    assert shell("cost").out.splitlines() == ["calls: 2", "tokens: 30", "seconds: 1.5", "money: 0.02"]
