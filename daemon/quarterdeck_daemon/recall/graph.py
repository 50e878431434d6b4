"""The base of a vector part: a graph that says what to look at, and the matrix that says how near it is.

Owns     how usearch is opened, grown and saved.
Leaves   which files count, and whether they are what was written, to vectors.py.

The graph holds eight bits a number: it is built and searched in half the time, and what is lost in it is made good
by the exact rows. Measured on static vectors of 256 numbers: the same share of the true neighbours as at 16 bits.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec
from usearch.index import Index

from .matrix import Matrix
from .sealed import Doubt, file_hash

CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 16, 64, 64


class Base(msgspec.Struct, frozen=True):
    """What does not change until the next fold: the graph, and the vectors that it was built over."""

    graph: Index
    matrix: Matrix


def open_base(path: Path, dimension: int) -> Base:
    """Map the graph at `path` and the rows beside it. Raises Doubt."""
    try:
        graph = Index.restore(str(path), view=True)
    except (RuntimeError, ValueError) as error:
        raise Doubt(f"{path.name} cannot be opened: {error}") from error
    if graph is None:
        raise Doubt(f"{path.name} cannot be opened")
    return Base(graph, Matrix.open(path.with_suffix(".rows"), dimension))


def graph_to_grow(path: Path | None, dimension: int) -> Index:
    """A graph in memory that can take more: a copy of the saved one, or an empty one."""
    if path is not None:
        copy = Index.restore(str(path), view=False)
        assert copy is not None, "it was verified when it was opened"
        return copy
    return Index(
        ndim=dimension,
        metric="cos",
        dtype="i8",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
    )


def save_graph(index: Index, fresh: Path) -> str:
    """Save and sync; return the file's SHA-256. usearch itself writes in place and syncs nothing."""
    try:
        index.save(str(fresh))
        handle = os.open(fresh, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        return file_hash(fresh)
    except (OSError, RuntimeError) as error:
        raise OSError(f"the graph could not be saved: {error}") from error


@contextlib.contextmanager
def fresh_files(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Names for a new graph and its rows; what is not put into place is removed."""
    name = secrets.token_hex(4)
    paths = folder / f"{name}.graph.new", folder / f"{name}.rows.new"
    try:
        yield paths
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
