"""Fetching one file of a model from a hub, over plain https, in ranges: a kill in the middle costs nothing that had come.

A hub is any server that gives `BASE/REPO/resolve/REVISION/FILE`. Its base is --hub, or the variable HF_ENDPOINT, or what
the installed hub library calls its own; none is written here.

Owns     `.quarterdeck/models/.pulling/`: for each address `HASH.part`, and `HASH.json` with size, tag and hash.
Promises bytes are only added to those of the same file (If-Range), and what was fetched is handed on only with the hash that
         was asked for, or that the hub itself tells.
Leaves   whether it can be loaded to model_shelf.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import importlib.util
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx2
import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..embedders.catalogue import FOLDER
from ..outward.address import is_loopback
from ..outward.services import said, usable_key

FILE_BYTES_MAX = 400 << 30
FREE_BYTES_MIN = 64 << 20
TRIES_MAX = 6
PAUSE_S = 0.5  # Doubled after each try that brought nothing.
TIMEOUT_S = 30.0
REDIRECTS_MAX = 5
STALE_S = 30 * 86_400
FOLDER_NAME = ".pulling"
HASH_HEADERS = ("x-linked-etag", "etag")  # Hubs name large files by their SHA-256.

Progress = Callable[[int, int], None]
"""Takes bytes so far and bytes in all."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said of the file. tag: strong, or ""; without one a broken download begins anew."""

    url: str
    size: int = 0
    tag: str = ""
    sha256: str = ""


def hub_base(named: str) -> str:
    """Raises QuarterdeckError `bad_value` for no address that may be used, `not_found` when none is known."""
    base = named or os.environ.get("HF_ENDPOINT", "")
    if not base and importlib.util.find_spec("huggingface_hub") is not None:
        base = str(getattr(importlib.import_module("huggingface_hub.constants"), "ENDPOINT", ""))
    if not base:
        raise QuarterdeckError("not_found", "no hub is known", hint="Name one: --hub https://…")
    _check_url(base)
    return base.rstrip("/")


def url_of(base: str, id: str) -> tuple[str, str]:
    """Return the address of `OWNER/REPO/FILE` or `OWNER/REPO@REVISION/FILE`, and the file's name."""
    match = re.fullmatch(r"([\w.-]+/[\w.-]+?)(?:@([\w.-]+))?/((?:[\w.-]+/)*[\w.-]+\.gguf)", id)
    if match is None or ".." in id:
        raise QuarterdeckError(
            "bad_value", f"{id[:200]!r} names no model file of a hub", hint="Like owner/repository/file.Q4_K_M.gguf"
        )
    repo, revision, file = match.groups()
    return f"{base}/{repo}/resolve/{revision or 'main'}/{file}", file.rpartition("/")[2]


def _check_url(url: str) -> None:
    parts = httpx2.URL(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.host)):
        raise QuarterdeckError(
            "bad_value", f"{url[:200]} is no https address", hint="Only https leaves this machine."
        )
    if parts.userinfo:
        raise QuarterdeckError("bad_value", "the address of a hub may hold no password", hint="Use --key secret://…")


def fetch(home: Path, url: str, progress: Progress, *, key: str = "", sha256: str = "") -> tuple[Path, str]:
    """Return the file, whole and of the right hash, and that hash. It lies in `.pulling` until somebody takes it away.

    Raises QuarterdeckError: `unavailable`, `not_found`, `forbidden`, `bad_value` for other bytes, `no_space`, `conflict`
    while another process fetches the same.
    """
    folder = home / FOLDER / FOLDER_NAME
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear_stale(folder)
    name = hashlib.sha256(url.encode()).hexdigest()[:24]
    with (folder / f"{name}.part").open("ab") as part, _locked(part):
        known = _noted(folder / f"{name}.json", url)
        try:
            with _client(key) as client:
                found = _fetched(client, url, part, known, folder / f"{name}.json", progress)
        finally:
            if not os.fstat(part.fileno()).st_size:
                os.unlink(part.name)
    return _compared(folder / f"{name}.part", sha256 or found.sha256, told=bool(sha256))


def _fetched(client: httpx2.Client, url: str, part: IO[bytes], known: Found, note: Path, progress: Progress) -> Found:
    pause_s, tries = PAUSE_S, 0
    while True:
        have = os.fstat(part.fileno()).st_size
        if known.size and have == known.size:
            return known
        try:
            known = _one_try(client, url, part, known, note, progress)
            if os.fstat(part.fileno()).st_size == known.size:
                return known
            why = "it broke off"
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            why = said(str(error), "") or type(error).__name__
            known = _noted(note, url)  # What the try learned before it ended.
        brought = os.fstat(part.fileno()).st_size - have
        tries = 1 if brought > 0 else tries + 1
        if tries >= TRIES_MAX:
            hint = "What has come is kept: call it again to go on."
            raise QuarterdeckError("unavailable", f"{url} could not be fetched: {why}", hint=hint)
        time.sleep(pause_s if brought <= 0 else 0.0)
        pause_s = PAUSE_S if brought > 0 else pause_s * 2


def _one_try(client: httpx2.Client, url: str, part: IO[bytes], known: Found, note: Path, progress: Progress) -> Found:
    have = os.fstat(part.fileno()).st_size
    headers = {"Accept-Encoding": "identity"}
    if have and known.tag:
        headers |= {"Range": f"bytes={have}-", "If-Range": known.tag}
    elif have:
        part.truncate(0)
        have = 0
    with client.stream("GET", url, headers=headers) as answer:
        _check_url(str(answer.url))
        if answer.status_code == 416 or (answer.status_code == 206 and not _goes_on(answer, have)):
            part.truncate(0)  # It is another file by now, or the server does not count.
            raise httpx2.StreamError("what had come was of no use")
        if answer.status_code == 200:
            part.truncate(0)
            have = 0
        elif answer.status_code != 206:
            raise _refused(answer)
        found = _found(url, answer, have) if answer.status_code == 200 else known
        note.write_bytes(msgspec.json.encode(found))
        _check_size(found, part, have)
        for data in answer.iter_raw():
            part.write(data)
            have += len(data)
            if have > found.size:
                part.truncate(0)
                raise QuarterdeckError("unavailable", f"{url} gave more than the {found.size:,} bytes that it said")
            part.flush()
            progress(have, found.size)
        os.fsync(part.fileno())
    return found


def _found(url: str, answer: httpx2.Response, have: int) -> Found:
    length = answer.headers.get("content-length", "")
    if not length.isdecimal():
        raise QuarterdeckError("unavailable", f"{url} does not say how long it is", hint="Is it a hub?")
    tag = answer.headers.get("etag", "")
    first = [answer, *answer.history]
    hashes = [one.headers.get(name, "").strip('W/"') for one in first for name in HASH_HEADERS]
    sha256 = next((one for one in hashes if re.fullmatch(r"[0-9a-f]{64}", one)), "")
    return Found(url=url, size=int(length), tag="" if tag.startswith("W/") else tag, sha256=sha256)


def _goes_on(answer: httpx2.Response, have: int) -> bool:
    return answer.headers.get("content-range", "").startswith(f"bytes {have}-")


def _check_size(found: Found, part: IO[bytes], have: int) -> None:
    if not 0 < found.size <= FILE_BYTES_MAX:
        raise QuarterdeckError("bad_value", f"a file of {found.size:,} bytes is not fetched")
    if shutil.disk_usage(os.path.dirname(part.name)).free < found.size - have + FREE_BYTES_MIN:
        raise QuarterdeckError("no_space", f"{found.size - have >> 20} MB are still to come, and do not fit here")


def _refused(answer: httpx2.Response) -> Exception:
    status = answer.status_code
    if status in (401, 403):
        return QuarterdeckError("forbidden", f"the hub refused (status {status})", hint="Does it want a --key?")
    if status == 404:
        return QuarterdeckError("not_found", "the hub has no such file", hint="Look at its list of files.")
    if 300 <= status < 400:
        return QuarterdeckError("unavailable", "the hub redirects without end")
    if 400 <= status < 500 and status not in (408, 425, 429):
        return QuarterdeckError("unavailable", f"the hub refused (status {status})")
    return httpx2.StreamError(f"status {status}")


def _compared(part: Path, wanted: str, *, told: bool) -> tuple[Path, str]:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if wanted and found != wanted:
        part.unlink()
        part.with_suffix(".json").unlink(missing_ok=True)
        who = "you said" if told else "the hub said"
        raise QuarterdeckError(
            "bad_value", f"what came has the SHA-256 {found}, not {wanted} as {who}",
            hint="It was deleted. Compare the hash with its source, and pull again.",
            details={"found": found, "wanted": wanted},
        )  # fmt: skip
    part.with_suffix(".json").unlink(missing_ok=True)
    return part, found


def _client(key: str) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {usable_key(key)}"} if key else {}
    client = httpx2.Client(
        timeout=TIMEOUT_S, follow_redirects=True, max_redirects=REDIRECTS_MAX, headers=headers, http2=False
    )
    client.event_hooks = {"request": [_only_safe]}
    return client


def _only_safe(request: httpx2.Request) -> None:
    """Before every request, also one that a redirection leads to."""
    _check_url(str(request.url))


def _noted(note: Path, url: str) -> Found:
    try:
        found = msgspec.json.decode(note.read_bytes(), type=Found)
    except (OSError, msgspec.DecodeError):
        return Found(url=url)
    return found if found.url == url else Found(url=url)


@contextlib.contextmanager
def _locked(part: IO[bytes]) -> Iterator[None]:
    try:
        fcntl.flock(part.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise QuarterdeckError("conflict", "another process fetches this file", hint="Wait for it.") from error
    yield


def _clear_stale(folder: Path) -> None:
    for left in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > STALE_S:
                left.unlink()
