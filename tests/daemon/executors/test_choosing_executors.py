"""Which executor gets a step, which addresses are taken, and what the kernel makes of a remote answer."""

from __future__ import annotations

import asyncio

import pytest

from quarterdeck_daemon.core.entities import Priority
from quarterdeck_daemon.core.orders import Order, Outcome, StepDone
from quarterdeck_daemon.service.executors.address import check_address
from quarterdeck_daemon.service.executors.api import Health
from quarterdeck_daemon.service.executors.choice import Executors
from quarterdeck_daemon.service.executors.dask import DaskExecutor
from quarterdeck_daemon.service.executors.pipe import Open
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels, Sensitivity


class Place:
    """An executor that only says what it got."""

    def __init__(self, name: str, *, remote: bool, ready: bool = True) -> None:
        self.name, self.remote, self.ready = name, remote, ready
        self.cancelled: list[str] = []

    async def submit(self, order: Order, priority: Priority) -> Outcome:
        return StepDone(output={})

    def cancel(self, id: str) -> None:
        self.cancelled.append(id)

    def health(self) -> Health:
        return Health(ready=self.ready, places=1, running=0, detail=self.name)

    async def run(self) -> None:
        await asyncio.Event().wait()


def chosen(sensitivity: Sensitivity, *, highest: Sensitivity, stopped: bool = False, ready: bool = True) -> str:
    executors = Executors(Place("here", remote=False), Place("there", remote=True, ready=ready), highest=highest)
    return executors.for_step(Labels(sensitivity=sensitivity), stopped=stopped).name


def test_what_is_too_sensitive_never_leaves() -> None:
    found = {
        (one, highest): chosen(one, highest=highest)
        for one in ("public", "private", "secret")
        for highest in ("public", "private")
    }
    assert found == {
        ("public", "public"): "there",
        ("public", "private"): "there",
        ("private", "public"): "here",
        ("private", "private"): "there",
        ("secret", "public"): "here",
        ("secret", "private"): "here",
    }


def test_secret_cannot_be_allowed_to_leave() -> None:
    with pytest.raises(AssertionError):
        Executors(Place("here", remote=False), Place("there", remote=True), highest="secret")


def test_a_stop_and_a_cluster_that_is_away_keep_steps_here() -> None:
    assert chosen("public", highest="private", stopped=True) == "here"
    assert chosen("public", highest="private", ready=False) == "here"


def test_a_cancel_reaches_both() -> None:
    here, there = Place("here", remote=False), Place("there", remote=True)
    Executors(here, there).cancel("o1")
    assert (here.cancelled, there.cancelled) == (["o1"], ["o1"])


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:9", "tls://cluster.example:8786"]
)
def test_this_machine_and_tls_are_taken(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tcp://10.0.0.7:8786",
        "tcp://cluster.example:8786",
        "127.0.0.1:8786",
        "http://127.0.0.1:1",
        "tcp://127.0.0.1",
        "tcp://[::",
        "tcp://127.0.0.1:x",
    ],
)
def test_steps_in_clear_over_a_network_are_refused(address: str) -> None:
    with pytest.raises(QuarterdeckError) as refusal:
        DaskExecutor(Open(address=address))
    assert refusal.value.code == "bad_value"
