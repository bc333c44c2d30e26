"""How requests become changes, whatever the protocol: scopes, the author, the idempotency key, and what edits look up.

Looked up are the live catalog's indexes, so that an edit reads no file for what is known already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from registry_tool.artifacts.dvc_files import Pointer, render_pointer
from registry_tool.live.parts import decode
from registry_tool.live.records import VersionRecord
from registry_tool.manifests.data import Data, member, text, whole
from registry_tool.server.http.faces import current_subject
from registry_tool.writer.request import Person, WriteRequest, Written

if TYPE_CHECKING:
    from starlette.requests import Request

    from registry_tool.access.subjects import Scope, Subject
    from registry_tool.catalog.catalog import ModelView
    from registry_tool.edits.changeset import Edit
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.manifests.layout import Layout
    from registry_tool.names import ModelName
    from registry_tool.server.service import Service

__all__ = [
    "ChangeWriter",
    "KnownVersions",
    "find_added_model",
    "find_stages",
    "render_owner",
    "render_pointers",
]


def _identity(record: object) -> str | None:
    return text(record.data, "identity") or None if isinstance(record, VersionRecord) else None


class ChangeWriter:
    """Writes the changes of one protocol.

    Args:
        service: What it writes to.
        api: The protocol, for the trailer ``Registry-Api``.
    """

    def __init__(self, service: Service, api: str) -> None:
        self._service = service
        self._api = api

    async def write(
        self, request: Request, namespace: str, edit: Edit, *scopes: Scope, step: str = "",
        about: ModelName | None = None,
    ) -> Written:  # fmt: skip
        """Publish the change of a request with a body in JSON.

        Args:
            request: The request; ``Idempotency-Key`` counts.
            namespace: Where it writes.
            edit: The change.
            scopes: What its subject needs in the namespace; ``write`` by default.
            step: Which change of the request it is, where it makes several: each is a commit.
            about: The model that it is about, where one is known.

        Raises:
            RegistryError: It is refused.
        """
        key = request.headers.get("idempotency-key", "")
        key = f"{key}/{step}" if key and step else key
        content = hashlib.sha256(request.url.path.encode() + await request.body()).hexdigest()
        return await self._write(
            request, namespace, edit, *scopes, key=key, content=content, about=about
        )

    async def write_plain(
        self, request: Request, namespace: str, edit: Edit, *scopes: Scope, subject: Subject | None = None
    ) -> Written:  # fmt: skip
        """Publish a change whose request has no body, or one that is a file.

        Args:
            request: The request.
            namespace: Where it writes.
            edit: The change.
            scopes: As for ``write``.
            subject: Who asks, where that is not the subject of the request.

        Raises:
            RegistryError: It is refused.
        """
        return await self._write(request, namespace, edit, *scopes, subject=subject)

    async def rehearse(
        self, request: Request, namespace: str, edits: Sequence[Edit], *scopes: Scope
    ) -> None:
        """Make the changes of a request and check them, each on the one before, without writing them.

        Raises:
            RegistryError: One would be refused; as ``write``.
        """
        who = current_subject(request)
        for scope in scopes or ("write",):
            self._service.require(who, scope, namespace)
        author, may_review = Person(who.name, who.email), who.may("review", namespace)
        asked = [WriteRequest(edit, author, api=self._api, may_review=may_review) for edit in edits]
        if asked:
            await self._service.rehearse(asked)

    async def _write(
        self, request: Request, namespace: str, edit: Edit, *scopes: Scope,
        key: str = "", content: str = "", subject: Subject | None = None, about: ModelName | None = None,
    ) -> Written:  # fmt: skip
        who = subject or current_subject(request)
        for scope in scopes or ("write",):
            self._service.require(who, scope, namespace)
        author, may_review = Person(who.name, who.email), who.may("review", namespace)
        written = await self._service.write(
            WriteRequest(
                edit, author, api=self._api, request_id=key, content=content, may_review=may_review,
                about=about,
            )
        )  # fmt: skip
        request.state.proposal = self._service.describe_proposal(written, who)
        return written


class KnownVersions:
    """What edits ask about versions that the live catalog knows.

    Args:
        snapshot: Gives the state that the request's subject sees now.
    """

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def find_gone(self, view: ModelView) -> list[str]:
        """The versions and drafts that a model had and has no more."""
        snapshot = self._snapshot()
        model = snapshot.model(view.name)
        if model is None or len(model.all_ids) == len(model.version_ids):
            return []
        start = f"{snapshot.layout.model(view.name)}/versions/"
        known = {*view.versions, *view.drafts}
        births = (key for key in snapshot.ids.births if key.startswith(start))
        return [name for key in births if (name := key.removeprefix(start)) not in known]

    def find_equal(self, view: ModelView, identity: str) -> str:
        """The earlier version of a model with an identity: from the index, or where that has not got it, from its files.

        A deleted version counts: the check compares with it too, and no index has it.
        """
        snapshot = self._snapshot()
        ids = snapshot.indexes.find("version", "identity", _identity, identity)
        equal = (one for one in map(snapshot.records.get, ids) if isinstance(one, VersionRecord))
        names = [one.version for one in equal if one.model == view.name and not one.is_draft]
        for name in view.versions:
            known = snapshot.version(view.name, name)
            if known is None or not known.is_listed:
                names.append(name)
        for name in names:
            # What is proposed on another branch is in the index, and not here.
            found = view.version(name)
            if found is not None and text(found.data, "identity") == identity:
                return f"{view.name}@{name}"
        return ""


def render_owner(subject: Subject) -> str:
    """A subject as the owner of what it registers."""
    return f"{subject.name} <{subject.email}>"


def find_added_model(layout: Layout, written: Written) -> ModelName | None:
    """The model that a change added; None where it added none."""
    for path in written.change.puts:
        place = layout.locate(path)
        if place is not None and place.kind == "model" and place.model is not None:
            return place.model
    return None


def find_stages(snapshot: Snapshot, namespace: str) -> set[str]:
    """The aliases that are stages in a namespace."""
    own = snapshot.namespaces.get(namespace)
    found = {*member(decode(snapshot.settings), "stages")}
    return found if own is None else found | {*member(decode(own.record), "stages")}


def render_pointers(entries: Sequence[Data]) -> dict[str, bytes]:
    """The pointers of stored artifacts by path."""
    return {
        text(entry, "path"): render_pointer(
            Pointer(
                text(entry, "path"),
                text(entry, "md5"),
                whole(entry, "size"),
                whole(entry, "nfiles") or None,
            )
        )
        for entry in entries
    }
