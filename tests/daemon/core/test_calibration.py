"""What a stated confidence was worth: counted by bins, with an interval, and nothing said about too few."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core.calibration import bin_of, borne, calibrated, standing, table_of_bins, wilson
from quarterdeck_daemon.core.entities import Record, Tally
from quarterdeck_daemon.core.verbs import VERBS

from .core_bench import rebuilt
from .trust_bench import ID, Trust


def counted(trust: Trust) -> dict[str, tuple[int, int]]:
    return trust.record.calibration


def practised(count: int = 10) -> Trust:
    """An agent of whose mails so many stood: from now on a confidence is stated."""
    trust = Trust()
    for _ in range(count):
        trust.approve()
    return trust


@pytest.mark.parametrize(
    ("stated", "number"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.3, 3), (0.7, 7), (0.9, 9), (1.0, 9)]
)
def test_a_confidence_falls_into_one_of_ten_bins(stated: float, number: int) -> None:
    assert bin_of(stated) == number


def test_the_interval_is_wilsons() -> None:
    """Figures of the published worked examples: 0 of 10, 8 of 10, 10 of 10."""
    assert wilson(0, 10) == (0.0, 0.2775)
    assert wilson(8, 10) == (0.4902, 0.9433)
    assert wilson(10, 10) == (0.7225, 1.0)


def test_nothing_is_said_about_fewer_than_ten() -> None:
    few = borne(Record(id=ID, calibration={"9": (9, 9)}), 9)
    assert (few.observed, few.low) == (None, None)
    assert few.says == "not enough data about what was stated with 90 to 100 % (9 of 10 decisions)"
    enough = borne(Record(id=ID, calibration={"9": (10, 9)}), 9)
    assert enough.says == "of 10 stated with 90 to 100 %, 9 stood (90 %; 60 % to 98 %)"


def test_nothing_is_weighed_before_a_confidence_is_stated() -> None:
    trust = practised(10)
    assert counted(trust) == {}
    assert calibrated(trust.record, None) == {}


def test_each_end_moves_its_bin_and_a_fold_of_the_log_gives_the_same() -> None:
    trust = practised()
    trust.approve()
    assert counted(trust) == {"9": (1, 1)}
    trust.approve(edits={"body": "better"})
    trust.reject()
    assert counted(trust) == {"9": (3, 1)}
    trust.fail(trust.approve())
    assert counted(trust)["9"] == (3, 1)
    assert rebuilt(trust.store).get(Record, ID) == trust.record


def test_what_failed_or_was_undone_did_not_stand_and_what_was_edited_never_did() -> None:
    trust = practised()
    trust.fail(trust.approve())
    assert counted(trust) == {"9": (1, 0)}
    trust.undo(trust.send(trust.approve(edits={"body": "better"})))
    assert sum(n for n, _ in counted(trust).values()) == 2
    assert sum(stood for _, stood in counted(trust).values()) == 0


def test_an_approval_that_came_back_is_counted_by_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    trust = practised()
    action = trust.approve()
    assert counted(trust) == {"9": (1, 1)}
    monkeypatch.setitem(VERBS, "mail.send", msgspec.structs.replace(VERBS["mail.send"], effect_class="C"))
    trust.pass_time(3_600_000_000)
    assert trust.action(action.id).returned
    assert counted(trust) == {"9": (0, 0)}
    trust.reject(trust.action(action.id))
    assert counted(trust) == {"9": (1, 0)}


def test_a_proposal_carries_what_its_confidence_was_worth_when_it_was_made() -> None:
    trust = practised(20)
    action = trust.propose()
    assert action.confidence == 1.0
    assert (action.calibrated["n"], action.calibrated["stood"]) == (10, 10)
    assert action.calibrated["says"] == "of 10 stated with 90 to 100 %, 10 stood (100 %; 72 % to 100 %)"
    trust.approve(action)
    assert trust.action(action.id).calibrated["n"] == 10, "it is what was known then"


def test_an_agents_own_claim_counts_for_nothing() -> None:
    """The bench's proposals all claim 1.0; the record says otherwise, and that is what is stated."""
    trust = practised(10)
    for _ in range(10):
        trust.reject()
    assert trust.propose().confidence == 0.5
    assert [one.low_stated for one in table_of_bins(trust.record)] == [0.5, 0.6, 0.7, 0.8, 0.9]


def test_the_share_of_a_tally_waits_for_enough() -> None:
    assert standing(Tally(unchanged=9))["says"] == "not enough data (9 of 10 decisions)"
    told = standing(Tally(unchanged=8, edited=2, failed=1))
    assert (told["stood"], told["share"], told["decisions"]) == (7, 0.7, 10)
