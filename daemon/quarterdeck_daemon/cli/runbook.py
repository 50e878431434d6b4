"""`runbook`: what to do when something goes wrong, page by page."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .session import Session
from .text import block
from .words import reads, verb


def pages() -> dict[str, Path]:
    """Return every runbook by name: as shipped with the package, or as it lies in a checkout."""
    here = Path(__file__).resolve()
    places = (here.parents[1] / "runbooks", here.parents[3] / "docs" / "runbooks")
    folder = next((place for place in places if place.is_dir()), None)
    return {path.stem: path for path in sorted(folder.glob("*.md"))} if folder is not None else {}


def title_of(page: str) -> str:
    """Return the heading of a page."""
    return page.partition("\n")[0].removeprefix("#").strip()


@verb("runbook", examples=("quarterdeck runbook", "quarterdeck runbook breaker-open"))
@click.argument("name", required=False)
@reads
def runbook(session: Session, name: str | None) -> None:
    """Print the page NAME, as alerts name it; without one, list them."""
    found = pages()
    if name is None:
        items = [{"id": id, "title": title_of(path.read_text(encoding="utf-8"))} for id, path in found.items()]
        rows = [(one["id"], one["title"]) for one in items]
        listed: list[dict[str, object]] = [dict(one) for one in items]
        session.show_items(listed, session.printer.table(("NAME", "WHEN"), rows), none="No runbooks are installed.")
        return
    path = found.get(name.removesuffix(".md"))
    if path is None:
        near = difflib.get_close_matches(name, found, n=1, cutoff=0.3)
        hint = f"Did you mean `{near[0]}`?" if near else "List them: quarterdeck runbook"
        raise QuarterdeckError("not_found", f"There is no runbook {name!r}.", hint=hint)
    page = path.read_text(encoding="utf-8")
    session.show({"id": path.stem, "title": title_of(page), "text": page}, block(page).splitlines())
