"""Who may import whom. Doubles as the map of the packages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "quarterdeck_protocol": ROOT / "protocol",
    "quarterdeck_daemon": ROOT / "daemon",
    "quarterdeck_tui": ROOT / "tui",
    "quarterdeck_lsp": ROOT / "editor-plugin",
}
# Part -> the parts that it may import. A part is a package, or a folder inside the daemon's package.
ALLOWED = {
    "quarterdeck_protocol": set(),
    "quarterdeck_tui": {"quarterdeck_protocol"},
    "quarterdeck_lsp": {"quarterdeck_protocol"},
    "almanac": {"quarterdeck_protocol"},
    "core": {"almanac", "quarterdeck_protocol"},
    "store": {"core", "quarterdeck_protocol"},
    "parsers": {"core", "quarterdeck_protocol"},
    "agents": {"core", "quarterdeck_protocol"},
    "outward": {"quarterdeck_protocol"},
    "connectors": {"core", "outward", "quarterdeck_protocol"},
    "embedders": {"core", "outward", "quarterdeck_protocol"},
    "models": {"core", "outward", "quarterdeck_protocol"},
    "recall": {"core", "store", "embedders", "quarterdeck_protocol"},
    "service": {
        "almanac",
        "core",
        "store",
        "parsers",
        "agents",
        "connectors",
        "embedders",
        "models",
        "outward",
        "recall",
        "quarterdeck_protocol",
    },
    "cli": {"service", "quarterdeck_protocol"},
}
# What would make the core impure, or a client heavy: modules that a part may not touch at all.
FORBIDDEN = {
    "core": {
        "zmq",
        "socket",
        "threading",
        "asyncio",
        "time",
        "datetime",
        "random",
        "os",
        "pathlib",
        "rocksdict",
        "subprocess",
    },
    "almanac": {
        "zmq",
        "socket",
        "threading",
        "asyncio",
        "time",
        "random",
        "os",
        "pathlib",
        "rocksdict",
        "subprocess",
    },
    "quarterdeck_tui": {"zmq", "msgpack", "rocksdict", "tantivy"},
    "cli": {"zmq", "rocksdict", "tantivy", "msgpack"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for package, root in PACKAGES.items():
        for path in sorted((root / package).rglob("*.py")):
            inside = path.relative_to(root / package).parts
            yield (inside[0] if package == "quarterdeck_daemon" and len(inside) > 1 else package), path


def imports(path: Path) -> Iterator[list[str]]:
    """Each imported module as its dotted parts, relative ones made absolute."""
    root = next(root for root in PACKAGES.values() if path.is_relative_to(root))
    here = list(path.relative_to(root).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ([*alias.name.split(".")] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level]
            named = (node.module or "").split(".") if node.module else []
            yield from ([*base, *named, alias.name] for alias in node.names) if not named else [[*base, *named]]


def part_of(module: list[str]) -> str | None:
    if module[0] not in PACKAGES:
        return None
    return module[1] if module[0] == "quarterdeck_daemon" and len(module) > 1 and module[1] in ALLOWED else module[0]


def test_parts_import_only_what_the_map_allows() -> None:
    faults = [
        f"{path.relative_to(ROOT)} ({part}) imports {'.'.join(module)}"
        for part, path in modules()
        if part in ALLOWED
        for module in imports(path)
        if (target := part_of(module)) is not None and target != part and target not in ALLOWED[part]
    ]
    assert faults == []


def test_parts_keep_off_what_would_make_them_impure_or_heavy() -> None:
    faults = [
        f"{path.relative_to(ROOT)} imports {module[0]}"
        for part, path in modules()
        for module in imports(path)
        if module[0] in FORBIDDEN.get(part, set())
    ]
    assert faults == []


def test_a_planted_violation_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: a core module that reads the clock and the store is named by both checks."""
    core = tmp_path / "quarterdeck_daemon" / "core"
    core.mkdir(parents=True)
    (core / "planted.py").write_text("import time\nfrom ..store.api import Store\n")
    monkeypatch.setitem(PACKAGES, "quarterdeck_daemon", tmp_path)
    planted = [(part, path) for part, path in modules() if path.name == "planted.py"]
    found = [module for _, path in planted for module in imports(path)]
    assert [part for part, _ in planted] == ["core"]
    assert found == [["time"], ["quarterdeck_daemon", "store", "api"]]
    assert part_of(found[1]) == "store"
    assert "store" not in ALLOWED["core"]


def test_nothing_unsafe_is_loaded_anywhere() -> None:
    """No pickle, no eval: bytes from outside never become code."""
    faults = [
        str(path.relative_to(ROOT))
        for _, path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (
            isinstance(node, ast.Import)
            and any(alias.name in ("pickle", "marshal", "shelve") for alias in node.names)
        )
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"))
    ]
    assert faults == []
