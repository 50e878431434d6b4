"""The table of methods as Markdown, made from METHODS: `python -m quarterdeck_protocol.reference [README]`.

protocol/README.md holds this text between two markers; a test compares them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .codes import CODES, EXIT_STATUS
from .messages import METHODS, Method

BEGIN = "<!-- methods: made by `python -m quarterdeck_protocol.reference` -->"
END = "<!-- end of methods -->"


def reference() -> str:
    """Return the generated part of the specification, without the markers."""
    return "\n".join([*_methods(), "", *_errors()]) + "\n"


def _methods() -> Iterator[str]:
    yield "| method | params | result | role | |"
    yield "|---|---|---|---|---|"
    for name, method in METHODS.items():
        marks = ", ".join(_marks(method)) or "read"
        yield (
            f"| `{name}` | {_fields(method.params)} | {_fields(method.result, optional=False)} "
            f"| {method.role} | {marks}. {method.doc} |"
        )


def _marks(method: Method) -> Iterator[str]:
    if method.changes:
        yield "change"
    if method.streams:
        yield "chunks"


def _fields(struct: type[msgspec.Struct], *, optional: bool = True) -> str:
    """The field names; a question mark where a request may leave one out."""
    names = [
        f"{field.encode_name}{'' if field.required or not optional else '?'}"
        for field in msgspec.structs.fields(struct)
    ]
    return f"`{', '.join(names)}`" if names else ""


def _errors() -> Iterator[str]:
    yield "| error code | exit status of the command line |"
    yield "|---|---|"
    for code in sorted(CODES):
        yield f"| `{code}` | {EXIT_STATUS.get(code, 1)} |"


def renew(path: Path) -> None:
    """Write the generated part into the file that holds the markers."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{reference()}{END}{after}", "utf-8")


if __name__ == "__main__":
    renew(Path(sys.argv[1])) if len(sys.argv) > 1 else sys.stdout.write(reference())
