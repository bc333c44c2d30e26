"""Answers that are kept until the registry changes.

What a read answers follows from its URL, who asks and the state of the registry, which is what its ETag says. So the same
question to the same state has the same answer, which is sent without being made again: clients ask for one alias, or for
the first page of a list, again and again. An answer about one model or version is kept for longer: while others write to other
models, what it was made from is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starlette.responses import Response
    from starlette.types import Scope, Send

    from registry_tool.access.subjects import Subject
    from registry_tool.live.records import Record
    from registry_tool.live.snapshot import Snapshot

__all__ = ["MADE_FROM", "KeptAnswer", "KeptAnswers"]

MADE_FROM: Final = "made_from"
"""In the state of a request: the records that its answer follows from; see ``KeptAnswers.keep``."""

_MOST_BYTES: Final = 32 << 20
_LARGEST: Final = 1 << 20
_MOST_LASTING: Final = 8 << 20  # of the bytes that answers about single records may take
_OVERHEAD: Final = 1500  # of one answer without its body, about
_OF_BODY: Final = frozenset({b"content-length", b"content-type"})
_NOTHING: Final[dict[str, object]] = {"type": "http.response.body", "body": b""}


class KeptAnswer(NamedTuple):
    """An answer.

    Attributes:
        etag: Its tag.
        head: The message that begins it.
        body: The message with its body.
        unchanged: The message that begins the answer to a client that has it.
    """

    etag: bytes
    head: dict[str, object]
    body: dict[str, object]
    unchanged: dict[str, object]

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it, or say that the client has it."""
        has_it = any(
            name == b"if-none-match" and value == self.etag for name, value in scope["headers"]
        )
        await send(self.unchanged if has_it else self.head)
        await send(_NOTHING if has_it else self.body)


_Url = tuple[str, bytes]


class _Lasting(NamedTuple):
    """An answer, and what it was made from."""

    naming: object
    records: Sequence[Record]
    answer: KeptAnswer

    def is_right(self, snapshot: Snapshot) -> bool:
        return self.naming is snapshot.naming and all(map(snapshot.has, self.records))


@dataclass(slots=True)
class _Known:
    """The answers to one subject, by path and query: those of one state, and those that may be right in later ones."""

    snapshot: Snapshot
    published: Snapshot
    answers: dict[_Url, KeptAnswer] = field(default_factory=dict)


class KeptAnswers:
    """Answers by subject and URL; for one thread, that of the event loop.

    Args:
        most: The bytes that they may take; when there are more, all are forgotten.
        largest: The bytes of the largest body that is kept.
    """

    def __init__(self, most: int = _MOST_BYTES, largest: int = _LARGEST) -> None:
        self._most = most
        self._largest = largest
        self._size = 0
        self._by_subject: dict[Subject, _Known] = {}
        self._lasting: dict[Subject, dict[_Url, _Lasting]] = {}
        self._lasting_size = 0

    def find(
        self, scope: Scope, subject: Subject, snapshot: Snapshot, *, is_published: bool = True
    ) -> KeptAnswer | None:
        """The answer to a request; None where it has to be made.

        Args:
            scope: The request.
            subject: Who makes it.
            snapshot: The state that the subject sees now.
            is_published: False where that has proposals of the subject.
        """
        if scope["method"] != "GET":
            return None
        url, kept = (scope["path"], scope["query_string"]), self._by_subject.get(subject)
        if kept is not None and kept.snapshot is snapshot and url in kept.answers:
            return kept.answers[url]
        lasting = self._lasting.get(subject, {}).get(url) if is_published else None
        return lasting.answer if lasting is not None and lasting.is_right(snapshot) else None

    def keep(
        self,
        scope: Scope,
        subject: Subject,
        snapshot: Snapshot,
        answer: Response,
        *,
        published: Snapshot,
        records: Sequence[Record] = (),
    ) -> None:
        """Keep an answer that has an ETag, if it is one to a plain GET, successful and not too large.

        Args:
            scope: The request.
            subject: Who made it.
            snapshot: The state that it was answered from.
            answer: The answer; it must follow from the URL, the subject and the state alone.
            published: The published state, without what subjects have proposed.
            records: A model, and what else of it the answer was made from, if it follows from these and from what the names in
                the URL lead to; none where it may follow from anything.
        """
        etag = answer.headers.get("etag", "").encode("latin-1")
        size = len(answer.body) + len(scope["query_string"]) + _OVERHEAD
        if scope["method"] != "GET" or answer.status_code != 200 or not etag:  # noqa: PLR2004 (OK)
            return
        if size > self._largest:
            return
        if records and snapshot is published:
            self._keep_lasting(scope, subject, _Lasting(snapshot.naming, records, _read_answer(etag, answer)), size)  # fmt: skip
            return
        if self._size + size > self._most:
            self._by_subject.clear()
            self._size = 0
        kept = self._by_subject.get(subject)
        if kept is None or kept.snapshot is not snapshot:
            self._forget_others(published)
            kept = self._by_subject[subject] = _Known(snapshot, published)
        kept.answers[scope["path"], scope["query_string"]] = _read_answer(etag, answer)
        self._size += size

    def _keep_lasting(self, scope: Scope, subject: Subject, lasting: _Lasting, size: int) -> None:
        if self._lasting_size + size > min(_MOST_LASTING, self._most):
            self._lasting.clear()
            self._lasting_size = 0
        self._lasting.setdefault(subject, {})[scope["path"], scope["query_string"]] = lasting
        self._lasting_size += size  # also where it replaces one: then all are forgotten sooner

    def _forget_others(self, published: Snapshot) -> None:
        """Forget the answers from former states."""
        if any(kept.published is not published for kept in self._by_subject.values()):
            self._by_subject.clear()
            self._size = 0


def _read_answer(etag: bytes, answer: Response) -> KeptAnswer:
    headers = [*answer.raw_headers]
    return KeptAnswer(
        etag,
        {"type": "http.response.start", "status": 200, "headers": headers},
        # A copy of the exact size: one by orjson has up to four times as many bytes behind it, which nothing else may use.
        {"type": "http.response.body", "body": bytes(memoryview(answer.body))},
        {"type": "http.response.start", "status": 304, "headers": _drop_body_headers(headers)},
    )


def _drop_body_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name not in _OF_BODY]
