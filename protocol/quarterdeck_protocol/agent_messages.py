"""Params and results about agents: their files, their contracts, their examples."""

from __future__ import annotations

from .frames import Plain
from .params import Change, Params, Short, Text
from .results import Complaint
from .shapes import Shape


class AgentValidate(Params, frozen=True, kw_only=True):
    """Either the name of an agent, or the text of a file."""

    name: Short = ""
    text: Text = ""


class AgentTest(Params, frozen=True, kw_only=True):
    """Run the examples of an agent; text: of a file that is not in use yet, in place of the one that is."""

    id: Short
    text: Text = ""


class AgentView(Shape, frozen=True, kw_only=True):
    """An agent with its contract. origin: built in, a plugin or a file.  work: code or prompt.  file: its whole text.

    autonomy: by kind of action, where the operator or the contract says something      runs_now: its steps under way
    """

    id: str
    name: str
    version: str
    role: str
    purpose: str
    origin: str
    work: str
    mode: str
    contract: Plain
    prompt: str
    file: str
    autonomy: Plain
    examples: int
    runs_now: int


class AgentChecked(Shape, frozen=True, kw_only=True):
    ok: bool
    name: str
    errors: list[Complaint]
    warnings: list[Complaint]


class AgentReload(Change, frozen=True, kw_only=True):
    """Read the files of the workspace again now. They are also read whenever one changes."""


class AgentsReloaded(Shape, frozen=True, kw_only=True):
    """loaded: what is new or changed.  refused: {path, reason}; what it replaced stays in use."""

    loaded: list[str]
    refused: list[Plain]


class ExampleResult(Shape, frozen=True, kw_only=True):
    name: str
    ok: bool
    says: str


class AgentTested(Shape, frozen=True, kw_only=True):
    id: str
    ok: bool
    items: list[ExampleResult]
