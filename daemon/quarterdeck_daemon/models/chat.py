"""What a model of conversations wants around a question: the template in its file, filled in.

A template is a program from a stranger: it runs in a sandbox, in the process that may be killed. What is asked is put in
afterwards, as text, so that `</s>` in a mail is four characters and ends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_SYSTEM, _PROMPT = "\ue000system\ue001", "\ue000prompt\ue001"
_PLACES = re.compile(f"({_SYSTEM}|{_PROMPT})")


class Chat:
    """controls: tokens that steer, by name.  begin: the token before a text, which the caller puts there."""

    def __init__(self, template: str, controls: Mapping[str, int], begin: int | None, end: int) -> None:
        self._controls, self._begin = controls, begin
        names = {token: name for name, token in controls.items()}
        self._words = {
            "bos_token": names.get(begin or 0, "") if begin is not None else "",
            "eos_token": names.get(end, ""),
        }
        self._steering = re.compile(
            "|".join(re.escape(one) for one in sorted(controls, key=len, reverse=True)) or r"(?!)"
        )
        self._with_system = self._rendered(template, [("system", _SYSTEM), ("user", _PROMPT)])
        self._alone = self._rendered(template, [("user", _PROMPT)])

    def parts(self, system: str, prompt: str) -> list[str | int]:
        """Return texts to be cut into tokens, and tokens as they are."""
        whole = f"{system}\n\n{prompt}" if system else prompt
        if system and self._with_system:
            return list(self._filled(self._with_system, system, prompt))
        return list(self._filled(self._alone, "", whole)) if self._alone else [whole]

    def _filled(self, form: str, system: str, prompt: str) -> Iterator[str | int]:
        first = True
        for piece in _PLACES.split(form):
            if piece in (_SYSTEM, _PROMPT):
                yield from filter(None, [system if piece == _SYSTEM else prompt])
                continue
            for one in self._steered(piece):
                if not (first and one == self._begin):
                    yield one
                first = False

    def _steered(self, text: str) -> Iterator[str | int]:
        at = 0
        for found in self._steering.finditer(text):
            yield from filter(None, [text[at : found.start()]])
            yield self._controls[found.group()]
            at = found.end()
        yield from filter(None, [text[at:]])

    def _rendered(self, template: str, messages: list[tuple[str, str]]) -> str:
        """ "" for no template, or one that does not take such messages or loses what is asked."""
        if not template:
            return ""
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        said = [{"role": role, "content": content} for role, content in messages]
        try:
            text = environment.from_string(template).render(messages=said, add_generation_prompt=True, **self._words)
        except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError, LookupError):
            return ""
        return text if all(text.count(content) == 1 for _, content in messages) else ""


def _refuse(why: str) -> None:
    raise ValueError(why)
