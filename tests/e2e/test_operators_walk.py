"""An operator's walk through memory: a contract and two hundred notes, ten questions, the past, and forgetting."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_protocol.client import Client

from ..daemon.parsers.papers import pdf
from .quarters import Plain, Quarters, running, settle, small_house

# One house for all of the file, and each test goes on from the one before.
pytestmark = pytest.mark.xdist_group("operators_walk")

CONTRACT = [
    [
        "Contract between Mara Lind and Halden Optics",
        "",
        "1. Scope",
        "A brochure of the spectrometer, a landing page.",
    ],
    ["2. Fees", "The fee is 8,400 euros, payable within 21 days of delivery."],
    ["3. Term", "Either side may end it with six weeks notice."],
]
TOPICS = (
    "paper",
    "printer",
    "workshop",
    "newsletter",
    "catalogue",
    "brochure",
    "invoice",
    "studio",
    "museum",
    "bakery",
)
PERSON = ("Ruth Okafor", "ruth.okafor@halden.test", "+44 20 7946 0991")
NOTES = 200
# Question, and what must stand in the first three hits; None where nothing is known.
QUESTIONS = (
    ("what is the fee in the Halden contract", "8,400"),
    ("notice period of the contract", "six weeks"),
    ("when does Halden have to pay", "21"),
    ("who gets the invoices at Halden", "Ruth Okafor"),
    ("allergy", "walnuts"),
    ("day rate", "720 euros"),
    ("where is the backup key", "my sister"),
    ("which airline flies to Tokyo", None),
    ("recipe for lentil soup", None),
    ("what is the tyre pressure of a lorry", None),
    ("what size are Ruth's shoes", None),
    ("what is Ruth's phone number", "+44 20 7946 0991"),
)


def quarterdeck(quarters: Quarters, *words: str, status: int = 0) -> str:
    command = [sys.executable, "-m", "quarterdeck_daemon.cli", "-w", str(quarters.folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env={**os.environ})
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout


def items(printed: str) -> list[Plain]:
    found = json.loads(printed)["items"]
    assert isinstance(found, list)
    return found


def lay_notes(folder: Path) -> None:
    """Two hundred small files of which a few matter."""
    chance = random.Random(7)
    folder.mkdir()
    for number in range(NOTES - 4):
        topic, other = chance.sample(TOPICS, 2)
        text = f"# {topic.capitalize()} {number}\n\nThe {topic} of week {number} went to the {other} people, shelf {number % 17}.\n"
        (folder / f"n{number:03}.md").write_text(text)
    (folder / "ruth.md").write_text(
        f"At Halden {PERSON[0]} gets the invoices. Write to {PERSON[1]} or call {PERSON[2]}.\n"
    )
    (folder / "me.md").write_text("I am allergic to walnuts; tell whoever caters.\n")
    (folder / "rate.md").write_text("My day rate is 640 euros.\n")
    (folder / "key.md").write_text("The backup key of the safe is with my sister.\n")


@pytest.fixture(scope="module")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    folder = small_house(tmp_path_factory.mktemp("walk"))
    papers = folder.parent / "papers"
    lay_notes(papers)
    (papers / "halden.pdf").write_bytes(pdf(CONTRACT, title="Halden contract"))
    with running(folder) as started:
        quarterdeck(started, "remember", str(papers))
        with started.client() as client:
            settle(client)
        quarterdeck(started, "snapshot", "create", "last-tuesday")
        (papers / "rate.md").write_text("My day rate is 720 euros.\n")
        quarterdeck(started, "remember", str(papers / "rate.md"))
        quarterdeck(started, "fact", "put", "client", "halden", "name=Halden Optics", "payment_days:=21")
        with started.client() as client:
            settle(client)
        yield started


def first_three(quarters: Quarters, question: str, *before: str) -> list[str]:
    return [str(one["text"]) for one in items(quarterdeck(quarters, *before, "recall", question, "--json"))[:3]]


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_a_question_finds_what_answers_it_or_nothing(quarters: Quarters, question: str, answer: str | None) -> None:
    found = first_three(quarters, question)
    if answer is None:
        assert found == []
    else:
        assert any(answer in text for text in found), found


def test_why_leads_back_to_the_page_of_the_contract(quarters: Quarters) -> None:
    hit = next(
        one
        for one in items(quarterdeck(quarters, "recall", "fee in the Halden contract", "--json"))
        if "8,400" in str(one["text"])
    )
    told = quarterdeck(quarters, "memory", "why", str(hit["id"]))
    assert "halden.pdf" in told
    assert "p. 2" in told


def test_last_tuesday_is_as_it_was_and_the_difference_can_be_read(quarters: Quarters) -> None:
    then = first_three(quarters, "what is my day rate", "at", "last-tuesday")
    now = first_three(quarters, "what is my day rate")
    assert ["640 euros" in text for text in then[:1]] == [True]
    assert not any("640 euros" in text for text in now)
    told = quarterdeck(quarters, "diff", "last-tuesday")
    assert "client/halden" in told
    assert "payment_days" in told


def test_a_person_is_forgotten_wherever_they_were(quarters: Quarters) -> None:
    """Last of the walk: afterwards no byte of our state says who they were, and the chain still verifies."""
    planned = quarterdeck(quarters, "memory", "forget", "--person", PERSON[0], "--dry-run")
    assert PERSON[1] in planned
    assert said(quarters) == set(PERSON), "the twin: before, the documents do say it"
    quarterdeck(quarters, "memory", "forget", "--person", PERSON[0], "--yes")
    assert said(quarters) == set()
    assert not any(PERSON[0] in text for text in first_three(quarters, "who gets the invoices at Halden"))
    assert not any(PERSON[0] in text for text in first_three(quarters, "Ruth Okafor", "at", "last-tuesday"))
    assert "whole" in quarterdeck(quarters, "audit", "verify")
    assert any("8,400" in text for text in first_three(quarters, "what is the fee in the Halden contract"))


def said(quarters: Quarters) -> set[str]:
    """What of the person the daemon can still show, or a file of its state still holds in clear."""
    state = b"".join(path.read_bytes() for path in (quarters.folder / ".quarterdeck").rglob("*") if path.is_file())
    with quarters.client() as client:
        shown = json.dumps([*exported(client), *logged(client)], default=str)
    return {word for word in PERSON if word.encode() in state or word in shown}


def exported(client: Client) -> list[Plain]:
    return list(client.stream("memory.export", {"past": True}))


def logged(client: Client) -> list[Plain]:
    found: list[Plain] = []
    after: object = 0
    while after is not None:
        page = client.call("timeline.read", {"after": after, "limit": 1000}).result
        events, after = page["items"], page["next"]
        assert isinstance(events, list)
        found += events
    return found
