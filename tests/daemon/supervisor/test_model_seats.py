"""A seat for each language model: succeeded when it dies, ended by the stop if it speaks outside, changed with the settings."""

from __future__ import annotations

import json
import os
import signal

import msgspec
import pytest

from quarterdeck_daemon.service.workspace import CONFIG_NAME
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import read_connection

from .office import Office, ask, is_gone, until

NEAR = {"backend": "openai", "url": "http://127.0.0.1:9/v1", "model": "m"}
FAR = {"backend": "openai", "url": "https://far.example/v1", "model": "m"}


def test_each_model_has_a_host_that_is_succeeded_when_it_dies(office: Office) -> None:
    office.open(models={"near": NEAR, "far": FAR})
    until(lambda: office.pid("model-near") and office.pid("model-far"))
    before = office.pid("model-near")
    os.kill(before, signal.SIGKILL)
    until(lambda: office.pid("model-near") not in (0, before))


def test_a_stop_ends_the_host_of_a_model_elsewhere_until_it_is_released(office: Office) -> None:
    office.open(models={"near": NEAR, "far": FAR})
    until(lambda: office.pid("model-near") and office.pid("model-far"))
    far, near = office.pid("model-far"), office.pid("model-near")
    answer = office.ask("stop.engage", reason="enough")
    assert far in list(answer["killed"])  # type: ignore[call-overload]  # A list of process ids.
    assert is_gone(far)
    until(lambda: office.children()["effector"]["pid"])
    assert (office.pid("model-far"), office.pid("model-near")) == (0, near)
    office.ask("stop.release", reason="go on")
    until(lambda: office.pid("model-far"))


def test_the_twin_without_it_the_host_speaks_on(office: Office) -> None:
    office.open(models={"far": FAR}, without=["outward"])
    until(lambda: office.pid("model-far"))
    far = office.pid("model-far")
    office.ask("stop.engage", reason="enough")
    assert office.pid("model-far") == far
    assert not is_gone(far)


def test_the_settings_change_and_only_what_changed_is_seated_anew(office: Office) -> None:
    """Asked by the daemon alone."""
    office.open(models={"near": NEAR, "far": FAR})
    until(lambda: office.pid("model-near") and office.pid("model-far"))
    near, far = office.pid("model-near"), office.pid("model-far")
    lines = [f"[models.{name}]\n" + "".join(f"{key} = {json.dumps(one)}\n" for key, one in model.items())
             for name, model in (("near", NEAR), ("other", NEAR))]  # fmt: skip
    (office.folder / CONFIG_NAME).write_text("\n".join(lines), "utf-8")
    connection = read_connection(office.places.control)
    with pytest.raises(QuarterdeckError) as refused:
        office.ask("supervisor.models")
    assert refused.value.code == "forbidden"
    token = str(json.loads(office.places.connection.read_bytes())["daemon_token"])
    daemon = msgspec.structs.replace(connection, token=token)
    assert ask(daemon, connection.control, "supervisor.models") == {"models": ["near", "other"]}
    until(lambda: "model-other" in office.children() and office.pid("model-other"))
    assert office.pid("model-near") == near, "it is the same as before"
    assert "model-far" not in office.children()
    until(lambda: is_gone(far))
