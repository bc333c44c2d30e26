"""What every endpoint does: read a request, find what it names, write, answer."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import orjson
from starlette.responses import Response

from registry_tool.errors import (
    ConflictError,
    NotFoundError,
    RegistryError,
    UsageError,
)
from registry_tool.live.records import (
    ArtifactRecord,
    ModelRecord,
    ObjectRecord,
    Record,
    VersionRecord,
)
from registry_tool.server.http.faces import JsonResponse, current_subject
from registry_tool.server.http.kept_answers import follow_model
from registry_tool.server.kubeflow.bodies import read_object
from registry_tool.server.kubeflow.errors import failure_for, render_error
from registry_tool.server.kubeflow.render import API, ARTIFACT, Renderer
from registry_tool.writer.request import Person, WriteRequest, Written

if TYPE_CHECKING:
    from starlette.requests import Request

    from registry_tool.edits.changeset import Edit
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.manifests.problems import JSON
    from registry_tool.server.http.faces import Handler
    from registry_tool.server.long_series import LongSeries, SeriesPlace
    from registry_tool.server.service import Service
    from registry_tool.server.views import SubjectView

__all__ = ["Call", "Claims", "answering", "now_ms"]

_ID: Final = re.compile(r"[1-9][0-9]{0,8}")
_SHOWN: Final = 60
_R = TypeVar("_R", ModelRecord, VersionRecord, ObjectRecord)


def now_ms() -> int:
    """The time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Claims:
    """External ids that requests under way are about to take: two at once must not both get one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    @contextmanager
    def claim(self, pool: str, value: object) -> Iterator[None]:
        """Hold an external id while a request runs; an empty one is none.

        Raises:
            ConflictError: Another request holds it.
        """
        key = f"{pool}:{value}"
        if not value:
            yield
            return
        if key in self._taken:
            raise ConflictError(f"externalId {str(value)[:_SHOWN]!a} is already used")
        self._taken.add(key)
        try:
            yield
        finally:
            self._taken.discard(key)


class Call:
    """One request.

    Args:
        service: The registry.
        request: The request.
        claims: Of all requests.
        series: The histories of metrics.
        is_alpha: True for v1alpha3.
    """

    def __init__(
        self,
        service: Service,
        request: Request,
        claims: Claims,
        series: LongSeries,
        *,
        is_alpha: bool,
    ) -> None:
        self.service = service
        self.request = request
        self.claims = claims
        self.series = series
        self.subject = current_subject(request)
        self.view = service.view_for(self.subject)
        # After the view: an answer from an older state is not kept.
        self.home = service.writing_namespace(API)
        self.headers: dict[str, str] = {}
        self._has_former_id = False
        self.is_alpha = is_alpha
        self.params = request.query_params
        for name, value in self.params.items():
            if "\0" in name or "\0" in value:
                raise UsageError(f"the query parameter {name[:_SHOWN]!a} contains a null byte")

    @property
    def snapshot(self) -> Snapshot:
        """The state that the request is answered from: the published one, with what the client has proposed."""
        return self.view.snapshot

    @property
    def newest(self) -> Snapshot:
        """The same as it is now; for an edit, which is made later."""
        return self.service.snapshot_for(self.subject)

    @property
    def renderer(self) -> Renderer:
        """Shows records of the snapshot."""
        return Renderer(self.snapshot, self.home, is_alpha=self.is_alpha, view=self.view)

    def sees(self, record: Record) -> bool:
        """True for a record that the client may read."""
        if isinstance(record, ModelRecord):
            return self.subject.sees(record.name.namespace)
        if isinstance(record, VersionRecord):
            return self.subject.sees(record.model.namespace)
        return record.api == API and self.subject.sees(self.home)

    def namespaces(self) -> set[str]:
        """The namespaces that the client may read."""
        return {name for name in self.snapshot.namespaces if self.subject.sees(name)}

    async def body(self) -> dict[str, JSON]:
        """The JSON object of the request."""
        return read_object(await self.request.body())

    @property
    def id(self) -> str:
        """The id in the path."""
        found: str = self.request.path_params["id"]
        return found

    def find(self, kind: type[_R], written: object, what: str, *, object_kind: str = "") -> _R:
        """The record with an id.

        Raises:
            UsageError: It is no id.
            NotFoundError: No such record exists, or the client may not see it.
        """
        record = self.record(read_id(written))
        fits = isinstance(record, kind) and self.sees(record)
        if fits and isinstance(record, ObjectRecord):
            fits = record.kind == object_kind
        if not fits or not isinstance(record, kind):
            raise NotFoundError(f"{what} with id {str(written)[:_SHOWN]} not found")
        return record

    def record(self, number: int) -> Record | None:
        """The model, version or object with an id, also with the one that it had before its proposal was merged."""
        found = self.snapshot.record(number)
        if found is None:
            now = self.service.find_published(self.subject, number, self.snapshot)
            found = self.snapshot.record(now) if now else None
            self._has_former_id = True
        return found

    def follow(self, model: ModelRecord) -> None:
        """Say that the answer follows from one model; where a former id leads to it is another matter."""
        if not self._has_former_id:
            follow_model(self.request, model)

    def artifact(self, number: int) -> ArtifactRecord | ObjectRecord | None:
        """The artifact with an id; see ``record``."""
        found = self.snapshot.artifact(number)
        if found is None:
            now = self.service.find_published(self.subject, number, self.snapshot, is_artifact=True)
            found = self.snapshot.artifact(now) if now else None
        return found

    def one(self, found: list[_R], what: str) -> _R:
        """The only one of some records that the client may see.

        Raises:
            NotFoundError: There is none, or there are several.
        """
        seen = [record for record in found if self.sees(record)]
        if len(seen) > 1:
            raise NotFoundError(f"multiple {what}s found: not found as one")
        if not seen:
            raise NotFoundError(f"{what} not found")
        return seen[0]

    async def write(self, edit: Edit, namespace: str) -> Written:
        """Publish or propose an edit; ``snapshot`` has it afterwards, and the client is told of a proposal.

        Raises:
            RegistryError: It is refused.
        """
        self.service.require(self.subject, "write", namespace)
        content = hashlib.sha256(await self.request.body())
        content.update(
            f"{self.request.method} {self.request.url.path}".encode(errors="surrogatepass")
        )
        written = await self.service.write(
            WriteRequest(
                edit, Person(self.subject.name, self.subject.email), api=API,
                request_id=self.request.headers.get("idempotency-key", ""), content=content.hexdigest(),
                may_review=self.subject.may("review", namespace),
            )
        )  # fmt: skip
        self.headers |= self.service.describe_proposal(written, self.subject)
        self.view = self.service.view_for(self.subject)
        return written

    def note_series(self, place: SeriesPlace) -> None:
        """Move points of a series that got one to the DVC remote, if they are many."""
        self.series.note(place, Person(self.subject.name, self.subject.email))

    def check_external(self, value: object, *, but: int = 0) -> None:
        """Refuse an external id that another model, version or object has; artifacts are another pool.

        Raises:
            ConflictError: One has.
        """
        if not isinstance(value, str) or not value:
            return
        for record in self.newest.with_external_id(value):
            if isinstance(record, ObjectRecord) and record.kind == ARTIFACT:
                continue
            if record.id != but:
                raise ConflictError(f"externalId {value[:_SHOWN]!a} is already used")


def read_id(written: object) -> int:
    """An id as it is written.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(written, str) or not _ID.fullmatch(written):
        raise UsageError(
            f"{str(written)[:_SHOWN]!a} is not an id: a positive whole number is expected"
        )
    return int(written)


Answer = Callable[[Call], Awaitable["tuple[int, JSON]"]]


def _etag(request: Request, view: SubjectView) -> str:
    said = f"{view.mark} {request.url.path}?{request.url.query} {current_subject(request)!r}"
    return f'"{hashlib.blake2b(said.encode(), digest_size=12).hexdigest()}"'


def answering(
    service: Service, answer: Answer, claims: Claims, series: LongSeries, *, is_alpha: bool
) -> Handler:
    """A handler that answers in JSON, and with Kubeflow's errors."""

    async def handle(request: Request) -> Response:
        is_read = request.method in {"GET", "HEAD"}
        try:
            call = Call(service, request, claims, series, is_alpha=is_alpha)
            if is_read:
                call.headers["ETag"] = etag = _etag(request, call.view)
                if request.headers.get("if-none-match") == etag:
                    return Response(status_code=304, headers=call.headers)
            status, found = await answer(call)
        except RegistryError as exc:
            failure = failure_for(exc)
            response = render_error(failure)
            response.headers.update(failure.headers)
            return response
        response = JsonResponse(orjson.dumps(found), status, headers=call.headers)
        if is_read:
            service.keep_answer(request.scope, call.subject, call.snapshot, response)
        return response

    return handle
