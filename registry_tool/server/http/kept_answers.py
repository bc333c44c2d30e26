"""Answers that are kept until they may be other ones.

What a read answers follows from its URL, who asks and the state of the registry, which is what its ETag says. So the same
question to the same state has the same answer, which is sent without being made again: clients ask for one alias, or for
the first page of a list, again and again.

An answer about one model lasts longer than a state. It follows from what the names in its URL lead to and from the files of
that model, so it is the same while others write to other models; ``Snapshot.naming`` and ``Snapshot.marks`` say so. It keeps
its ETag, which is that of the state it was made from: at this URL, that tag never names another answer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope, Send

    from registry_tool.access.subjects import Subject
    from registry_tool.live.records import ModelRecord
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.names import ModelName

__all__ = ["KeptAnswer", "KeptAnswers", "find_subject_model", "follow_model"]

_MOST_BYTES: Final = 16 << 20
_LARGEST: Final = 1 << 20
_LARGEST_LASTING: Final = 16 << 10  # a few lists must not take the room of thousands of models
_OVERHEAD: Final = 700  # of one answer without its body, about
_OF_BODY: Final = frozenset({b"content-length", b"content-type"})
_NOTHING: Final[dict[str, object]] = {"type": "http.response.body", "body": b""}
_FOLLOWED: Final = "followed_model"

_Header = tuple[bytes, bytes]
_Url = tuple[str, bytes]


def follow_model(request: Request, model: ModelRecord) -> None:
    """Say that the answer to a request follows from the names in its URL and from the files of one model alone."""
    request.scope["state"][_FOLLOWED] = model.name


def find_subject_model(scope: Scope) -> ModelName | None:
    """What ``follow_model`` said of a request; None where its answer may follow from anything."""
    found: ModelName | None = scope["state"].get(_FOLLOWED)
    return found


class KeptAnswer(NamedTuple):
    """An answer.

    Attributes:
        etag: Its tag.
        headers: Its headers.
        body: Its body.
    """

    etag: bytes
    headers: tuple[_Header, ...]
    body: bytes

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it, or say that the client has it."""
        for name, value in scope["headers"]:
            if name == b"if-none-match" and value == self.etag:
                headers = [pair for pair in self.headers if pair[0] not in _OF_BODY]
                await send({"type": "http.response.start", "status": 304, "headers": headers})
                await send(_NOTHING)
                return
        await send({"type": "http.response.start", "status": 200, "headers": [*self.headers]})
        await send({"type": "http.response.body", "body": self.body})


class _Lasting(NamedTuple):
    """An answer about one model, and what it is right for; see ``Snapshot``."""

    model: ModelName
    naming: object
    mark: object
    answer: KeptAnswer

    def is_right(self, snapshot: Snapshot) -> bool:
        return self.naming is snapshot.naming and self.mark is snapshot.marks.get(self.model)


@dataclass(slots=True)
class _OfState:
    """The answers to one subject in one state, by path and query."""

    snapshot: Snapshot
    published: Snapshot
    answers: dict[_Url, KeptAnswer] = field(default_factory=dict)


class KeptAnswers:
    """Answers by subject and URL; for one thread, that of the event loop.

    Args:
        most: The bytes that they may take. When there are more, those of a state are forgotten, then all.
        largest: The bytes of the largest body that is kept.
    """

    def __init__(self, most: int = _MOST_BYTES, largest: int = _LARGEST) -> None:
        self._most = most
        self._largest = largest
        self._of_state: dict[Subject, _OfState] = {}
        self._lasting: dict[Subject, dict[_Url, _Lasting]] = {}
        self._size = 0
        self._lasting_size = 0

    def find(
        self, scope: Scope, subject: Subject, snapshot: Snapshot, published: Snapshot
    ) -> KeptAnswer | None:
        """The answer to a request; None where it has to be made.

        Args:
            scope: The request.
            subject: Who makes it.
            snapshot: The state that the subject sees now.
            published: The published state, without what subjects have proposed.
        """
        if scope["method"] != "GET":
            return None
        url, kept = (scope["path"], scope["query_string"]), self._of_state.get(subject)
        if kept is not None and kept.snapshot is snapshot and url in kept.answers:
            return kept.answers[url]
        if snapshot is not published or subject not in self._lasting:
            return None
        lasting = self._lasting[subject].get(url)
        return lasting.answer if lasting is not None and lasting.is_right(snapshot) else None

    def keep(
        self,
        scope: Scope,
        subject: Subject,
        snapshot: Snapshot,
        answer: Response,
        *,
        published: Snapshot,
        model: ModelName | None = None,
    ) -> None:
        """Keep an answer that has an ETag, if it is one to a plain GET, successful and not too large.

        Args:
            scope: The request.
            subject: Who made it.
            snapshot: The state that it was answered from.
            answer: The answer; it must follow from the URL, the subject and the state alone.
            published: The published state now, without what subjects have proposed.
            model: The model that it is about; see ``follow_model``.
        """
        etag = answer.headers.get("etag", "").encode("latin-1")
        if scope["method"] != "GET" or answer.status_code != 200 or not etag:  # noqa: PLR2004 (OK)
            return
        if len(answer.body) > self._largest:
            return
        url = (sys.intern(scope["path"]), scope["query_string"])
        kept = _read_answer(etag, answer)
        if model is not None and snapshot is published and len(kept.body) <= _LARGEST_LASTING:
            mark = snapshot.marks.get(model)
            self._keep_lasting(subject, url, _Lasting(model, snapshot.naming, mark, kept))
        else:
            self._keep_of_state(subject, url, kept, snapshot, published)

    def _keep_of_state(
        self, subject: Subject, url: _Url, kept: KeptAnswer, snapshot: Snapshot, published: Snapshot
    ) -> None:
        size = _measure(url, kept)
        if not self._make_room(size):
            return
        known = self._of_state.get(subject)
        if known is None or known.snapshot is not snapshot:
            self._forget_former_states(published)
            known = self._of_state[subject] = _OfState(snapshot, published)
        known.answers[url] = kept
        self._size += size

    def _keep_lasting(self, subject: Subject, url: _Url, lasting: _Lasting) -> None:
        known = self._lasting.get(subject, {})
        if (former := known.pop(url, None)) is not None:
            self._lasting_size -= _measure(url, former.answer)
        size = _measure(url, lasting.answer)
        if not self._make_room(size):
            self._lasting.clear()
            self._lasting_size = 0
        self._lasting.setdefault(subject, {})[url] = lasting
        self._lasting_size += size

    def _make_room(self, size: int) -> bool:
        """Forget answers of states where there is no room for another one; True where there is room then."""
        if self._size + self._lasting_size + size > self._most:
            self._of_state.clear()
            self._size = 0
        return self._lasting_size + size <= self._most

    def _forget_former_states(self, published: Snapshot) -> None:
        if any(kept.published is not published for kept in self._of_state.values()):
            self._of_state.clear()
            self._size = 0


def _measure(url: _Url, kept: KeptAnswer) -> int:
    """The bytes that an answer takes, about."""
    return len(kept.body) + len(url[1]) + _OVERHEAD


@lru_cache(maxsize=1024)
def _share(header: _Header) -> _Header:
    """One object for a header that many answers have: all of a state have one ETag."""
    return header


def _read_answer(etag: bytes, answer: Response) -> KeptAnswer:
    headers: Iterable[_Header] = answer.raw_headers
    # A copy of the exact size: one by orjson has up to four times as many bytes behind it, which nothing else may use.
    body = bytes(memoryview(answer.body))
    return KeptAnswer(etag, tuple(map(_share, headers)), body)
