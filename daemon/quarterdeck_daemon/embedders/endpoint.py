"""An OpenAI-compatible service for embeddings, over HTTP with nothing but the standard library.

Promises no text and no key goes anywhere but to the configured address: redirections are refused, and without TLS only
         this machine is spoken to. The fence is looked at before every request. The key is fetched for each request
         and stands in no message.
Leaves   what may be given to it at all (nothing secret, when `remote`) to whoever calls.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import msgspec
import numpy as np

from quarterdeck_protocol.codes import Code, QuarterdeckError

from ..outward.address import address_of
from ..outward.fence import Gate
from ..outward.services import MESSAGE_CHARS_MAX, said, seconds_after, usable_key
from .api import Vectors
from .fixed import Fixed

TEXT_CHARS_MAX = 24_000  # About 8,000 tokens, what such services take.
BATCH_TEXTS_MAX = 64
BATCH_CHARS_MAX = 200_000
RESPONSE_BYTES_MAX = 32 * 1024 * 1024
TRIES_MAX = 4
BACKOFF_S = 0.5  # Doubled after every try.
WAIT_S_MAX = 20.0  # Between two tries, whatever the service asks for.
QUERY_S_MAX = 5.0
REST_S = 30.0  # Doubled after every failure in a row.
REST_S_MAX = 480.0
DIMENSION_MAX = 8_192
RETRIED = frozenset((408, 425, 429, 500, 502, 503, 504))
REFUSALS: dict[int, Code] = {401: "forbidden", 402: "budget_exceeded", 403: "forbidden", 404: "not_found"}

log = logging.getLogger("quarterdeck.embedders")


class _Item(msgspec.Struct, frozen=True):
    embedding: list[float]
    index: int = -1


class _Answer(msgspec.Struct, frozen=True):
    data: list[_Item]


class _Fault(msgspec.Struct, frozen=True):
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Fault | str = ""


class _Again(Exception):
    """A try failed in a way that may pass."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected request would carry the texts and the key to a place that nobody configured."""

    def redirect_request(self, *_: object) -> None:
        return None


class Endpoint(Fixed):
    """`Embedder` that asks a service. Blocks; the longest wait is TRIES_MAX times (timeout_s + WAIT_S_MAX) a batch."""

    def __init__(
        self,
        *,
        url: str,
        model: str,
        dimension: int,
        key: Callable[[], str] | None = None,
        timeout_s: float = 30.0,
        gate: Gate = lambda: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """url: the base, `https://host/v1`.  key: gives the API key when a request is made; None: none is sent.
        gate: raises when nothing may leave; called before every request.

        Raises QuarterdeckError `bad_value` for an address, model or dimension that cannot be used.
        """
        self._url, self._loopback = address_of(url)
        if not model or not 1 <= dimension <= DIMENSION_MAX:
            raise QuarterdeckError(
                "bad_value",
                "the endpoint needs the name of a model and the dimension of its vectors",
                hint="Set model and dimension in [embedder.endpoint].",
            )
        self._model, self._dimension = model, dimension
        self._key, self._timeout_s, self._gate, self._pause = key, timeout_s, gate, pause
        proxies = urllib.request.ProxyHandler({} if self._loopback else None)
        self._rests_until_s, self._failures = 0.0, 0
        self._opener = urllib.request.build_opener(_NoRedirects, proxies)

    @property
    def id(self) -> str:
        name = hashlib.sha256(f"{self._url}\n{self._model}".encode()).hexdigest()
        return f"endpoint-{self._dimension}-{name[:12]}"

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def remote(self) -> bool:
        return not self._loopback

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Raises QuarterdeckError: `unavailable` when the service cannot be reached or answers nonsense, `forbidden`,
        `not_found`, `budget_exceeded` or `bad_value` when it refuses, `stopped` while nothing may leave."""
        try:
            return self._rows(texts, tries=TRIES_MAX, timeout_s=self._timeout_s)
        except QuarterdeckError as error:
            self._rest(error)
            raise

    @property
    def resting(self) -> bool:
        return time.monotonic() < self._rests_until_s

    def _rest(self, error: QuarterdeckError) -> None:
        """Whoever met the failure, questions do not wait for the same one again."""
        if error.code == "unavailable":
            rest_s = min(REST_S * 2**self._failures, REST_S_MAX)
            self._failures += 1
            self._rests_until_s = time.monotonic() + rest_s
            log.warning("recall goes by words alone for %.0f s: %s", rest_s, error.message)

    def _rows(self, texts: Sequence[str], *, tries: int, timeout_s: float) -> Vectors:
        clean = [text[:TEXT_CHARS_MAX].encode("utf-8", "replace").decode().replace("\0", "") for text in texts]
        made = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for batch in _batches(clean):
            made[batch] = self._ask([clean[at] for at in batch], tries, timeout_s)
        lengths = np.linalg.norm(made, axis=1, keepdims=True)
        return np.asarray(made / np.where(lengths > 0, lengths, 1), dtype=np.float32)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Somebody waits for these: one short try. When it fails, rows of zeros are returned, so that recall goes on by
        words alone, and the service is left in peace for REST_S. Raises QuarterdeckError when the service refuses."""
        if self.resting:
            return np.zeros((len(texts), self._dimension), dtype=np.float32)
        try:
            return self._rows(texts, tries=1, timeout_s=min(self._timeout_s, QUERY_S_MAX))
        except QuarterdeckError as error:
            if error.code not in ("unavailable", "stopped"):
                raise
            self._rest(error)
            return np.zeros((len(texts), self._dimension), dtype=np.float32)

    def fluency(self, text: str) -> float:
        """1 for any text with a letter in it: such models read many languages, and nothing here knows which."""
        return 1.0 if any(character.isalpha() for character in text[:TEXT_CHARS_MAX]) else 0.0

    # --- one batch

    def _ask(self, texts: list[str], tries: int, timeout_s: float) -> Vectors:
        body = msgspec.json.encode({"model": self._model, "input": texts, "encoding_format": "float"})
        for tried in range(1, tries + 1):
            self._gate()
            try:
                made = self._vectors(self._send(body, timeout_s), len(texts))
                self._rests_until_s, self._failures = 0.0, 0
                return made
            except _Again as again:
                if tried == tries:
                    raise self._unavailable(f"{again} (tries: {tries})", "Is the service running?") from again
                self._pause(min(max(again.wait_s, BACKOFF_S * 2 ** (tried - 1)), WAIT_S_MAX))
        raise AssertionError("the last try returns or raises")

    def _send(self, body: bytes, timeout_s: float) -> bytes:
        request = urllib.request.Request(self._url, data=body, method="POST")
        request.add_header("Content-Type", "application/json")
        key = usable_key(self._key()) if self._key else ""
        if key:
            request.add_unredirected_header("Authorization", f"Bearer {key}")
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                content: bytes = answer.read(RESPONSE_BYTES_MAX + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error, key) from None
        except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors.
            if isinstance(getattr(error, "reason", error), ConnectionRefusedError):  # At once is of no use again.
                raise self._unavailable("nobody listens at its address", "Is the service running?") from None
            raise _Again(said(str(error), key)) from None
        if len(content) > RESPONSE_BYTES_MAX:
            raise self._unavailable(f"its answer is longer than {RESPONSE_BYTES_MAX} bytes")
        return content

    def _refused(self, error: urllib.error.HTTPError, key: str) -> Exception:
        """What an error status means. The service's own words are shown, cut and without the key."""
        try:
            told = msgspec.json.decode(error.read(MESSAGE_CHARS_MAX * 16), type=_Refusal).error
        except (OSError, http.client.HTTPException, msgspec.MsgspecError):
            told = ""
        words = said(told if isinstance(told, str) else told.message, key) or str(error.reason)
        if error.code in RETRIED:
            return _Again(f"status {error.code}: {words}", seconds_after(error.headers.get("Retry-After")))
        if 300 <= error.code < 400:
            return self._unavailable("it redirects elsewhere, which is not followed", "Configure its final address.")
        code = REFUSALS.get(error.code, "bad_value")
        return QuarterdeckError(
            code, f"{self._host} refused to embed (status {error.code}): {words}", hint="Look at [embedder.endpoint]."
        )

    def _vectors(self, content: bytes, count: int) -> Vectors:
        """The rows of an answer, in the order of the question. The answer is not trusted to fit."""
        try:
            items = msgspec.json.decode(content, type=_Answer).data
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._unavailable(f"its answer is no list of embeddings: {error}") from error
        places = [item.index if item.index >= 0 else at for at, item in enumerate(items)]
        if sorted(places) != list(range(count)):
            raise self._unavailable(f"it answered {len(items)} vectors to {count} texts")
        sizes = {len(item.embedding) for item in items}
        if sizes != {self._dimension}:
            found = ", ".join(map(str, sorted(sizes)))
            message = f"the vectors of {self._model} have {found} dimensions, not {self._dimension}"
            raise QuarterdeckError("bad_value", message, hint=f"Set dimension = {found} in [embedder.endpoint].")
        made = np.zeros((count, self._dimension), dtype=np.float32)
        made[places] = [item.embedding for item in items]
        if not np.isfinite(made).all():
            raise self._unavailable("it answered numbers that are not finite")
        return made

    @property
    def _host(self) -> str:
        return urlsplit(self._url).netloc

    def _unavailable(self, why: str, hint: str = "Look at [embedder.endpoint].") -> QuarterdeckError:
        return QuarterdeckError("unavailable", f"the embeddings of {self._host} cannot be had: {why}", hint=hint)


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Yield positions of texts that go together; blank texts are left out."""
    batch: list[int] = []
    chars = 0
    for at, text in enumerate(texts):
        if not text.strip():
            continue
        if batch and (len(batch) == BATCH_TEXTS_MAX or chars + len(text) > BATCH_CHARS_MAX):
            yield batch
            batch, chars = [], 0
        batch.append(at)
        chars += len(text)
    if batch:
        yield batch
