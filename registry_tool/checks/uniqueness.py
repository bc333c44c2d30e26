"""Values for rules across the registry: those that must be unique, and the readers of encrypted versions.

An external id is given by a field of a record, or kept in the data of another protocol: in ``wire.yaml``, in an object, in
evidence, or in the metadata of an artifact.

A full check collects all of them. A check of a change collects those of the changed files and searches the tree for other
files with the same values: for an external id in the whole registry, for an identity in the model, so that its cost
depends on the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.shown_names import fold_title
from registry_tool.manifests.data import Data, member, records, text, texts
from registry_tool.manifests.document import Document
from registry_tool.manifests.layout import MODELS, OBJECTS, Place
from registry_tool.manifests.problems import JSONPath

__all__ = ["CLAIMING_KINDS", "EXTERNAL_IDS", "Claims", "UniqueValue", "list_claims"]

# The pools of external ids.
EXTERNAL_IDS: Final = frozenset({"subject", "artifact"})
# Kinds of manifests that can give a value which must be unique in the registry or in a model.
CLAIMING_KINDS: Final = frozenset({"model", "version", "wire", "object", "evidence"})
_IN_ITS_MODEL: Final = frozenset({"identity"})
_ARTIFACT: Final = "artifact"
# How an external id is called in the data of a protocol.
_KEPT_AS: Final = ("external_id", "externalId")


class UniqueValue(NamedTuple):
    """One value in one place.

    Attributes:
        pool: ``subject`` (models and versions), ``artifact`` or ``identity``, in which a value is unique; ``reader``, whom the
            key of a version is wrapped to; ``title``, the namespace and title of a model as titles are compared.
        value: The value.
        path: The file.
        at: Where in the file.
        holder: What has the value, where several files may give it for one thing; empty for the file itself.
        is_field: True where a record's own field gives it, False for an external id in the data of another protocol.
    """

    pool: str
    value: str
    path: str
    at: JSONPath
    holder: str = ""
    is_field: bool = True

    @property
    def has(self) -> str:
        """What has the value: one thing has it once."""
        return self.holder or self.path


def _readers(document: Document) -> Iterator[UniqueValue]:
    """Whom the key of a version is wrapped to."""
    for number, wrap in enumerate(records(document.data, "wraps")):
        for reader in texts(wrap, "to"):
            yield UniqueValue("reader", reader, document.path, ("wraps", number, "to"))


def _kept_ids(data: Data) -> Iterator[tuple[str, str]]:
    """The external id in some data of a protocol, and its key."""
    for key in _KEPT_AS:
        if external := text(data, key):
            yield key, external


def _claims_of_wire(document: Document, owner: str) -> Iterator[UniqueValue]:
    """External ids that ``wire.yaml`` keeps: of what it lies with, and of its artifacts."""
    path = document.path
    for api in document.data or ():
        data = member(document.data, api)
        for key, external in _kept_ids(data):
            yield UniqueValue("subject", external, path, (api, key), owner, is_field=False)
        for label in member(data, "artifacts"):
            for key, external in _kept_ids(member(data, "artifacts", label)):
                at = (api, "artifacts", label, key)
                kind, _, name = label.rpartition(":")
                holder = f"{owner} {kind or _ARTIFACT}:{name}"
                yield UniqueValue("artifact", external, path, at, holder, is_field=False)


def _claims_of_object(document: Document) -> Iterator[UniqueValue]:
    if text(document.data, "state") == "deleted":
        return
    pool = _ARTIFACT if text(document.data, "kind") == _ARTIFACT else "subject"
    for key, external in _kept_ids(member(document.data, "data")):
        yield UniqueValue(pool, external, document.path, ("data", key), is_field=False)


def _claims_of_artifacts(document: Document, owner: str) -> Iterator[UniqueValue]:
    """External ids of the artifacts that a record or evidence names."""
    is_record = document.place.kind in {"model", "version"}
    for number, artifact in enumerate(records(document.data, "artifacts")):
        at: JSONPath = ("artifacts", number)
        # Evidence may say more of an artifact of the record, or of earlier evidence.
        holder = f"{owner} artifact:{text(artifact, 'name') or number}"
        if external := text(artifact, "external_id"):
            where = (*at, "external_id")
            yield UniqueValue(_ARTIFACT, external, document.path, where, holder, is_record)
        for own in member(artifact, "metadata"):
            for key, external in (
                _kept_ids(member(artifact, "metadata", own)) if own[:1] == "$" else ()
            ):
                where = (*at, "metadata", own, key)
                yield UniqueValue(_ARTIFACT, external, document.path, where, holder, is_field=False)


def _owner(place: Place) -> str:
    """What a manifest is about, in one word for all of its files."""
    return f"{place.model}@{place.version}" if place.version else str(place.model)


def _claims_elsewhere(document: Document) -> Iterator[UniqueValue]:
    """The claims of a manifest that is no record: of a title, a key, evidence, wire data or an object."""
    data, place = document.data, document.place
    if place.kind == "title" and place.model is not None and not place.name:
        shown = f"{place.model.namespace}/{fold_title(text(data, 'title'))}"
        yield UniqueValue("title", shown, document.path, ("title",))
    elif place.kind == "key" and place.version is not None:
        yield from _readers(document)
    elif place.kind == "evidence":
        yield from _claims_of_artifacts(document, _owner(place))
    elif place.kind == "wire":
        yield from _claims_of_wire(document, _owner(place))
    elif place.kind == "object":
        yield from _claims_of_object(document)


def list_claims(document: Document) -> Iterator[UniqueValue]:
    """The claims of one manifest."""
    data, place = document.data, document.place
    if place.kind not in {"model", "version"}:
        yield from _claims_elsewhere(document)
        return
    if data is None:
        return
    if place.is_draft and not any(text(e, "role") == "model" for e in records(data, "artifacts")):
        yield UniqueValue("unfinished", text(data, "created_at"), document.path, ("created_at",))
    if external := text(data, "external_id"):
        at = ("external_id",)
        yield UniqueValue("subject", external, document.path, at, _owner(place))
    if identity := text(data, "identity"):
        yield UniqueValue("identity", identity, document.path, ("identity",))
    yield from _claims_of_artifacts(document, _owner(place))


def _home(catalog: Catalog, claim: UniqueValue) -> str:
    """The folder in which other claims to a value count."""
    place = catalog.layout.locate(claim.path)
    return MODELS if place is None or place.model is None else catalog.layout.model(place.model)


class Claims:
    """The claims of a check.

    Attributes:
        found: Who claims what, by pool and value.
        unchanged: Files outside the change that claim a value which the change claims.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], list[UniqueValue]] = {}
        self.unchanged: set[str] = set()
        self._asked: list[Iterator[str]] | None = None

    def add(self, document: Document) -> None:
        """Take in the claims of one manifest."""
        self.take(list_claims(document))

    def __iter__(self) -> Iterator[UniqueValue]:
        for holders in self.found.values():
            yield from holders

    def take(self, claims: Iterable[UniqueValue]) -> None:
        """Take in claims."""
        for claim in claims:
            holders = self.found.setdefault((claim.pool, claim.value), [])
            if claim not in holders:
                holders.append(claim)

    def ask(self, catalog: Catalog) -> None:
        """Ask the tree who else claims the values at hand; it may look for them while something else is done."""
        self._asked = []
        external = {value for pool, value in self.found if pool in EXTERNAL_IDS}
        if external:
            self._asked.append(catalog.find_mentions(sorted(external), under=[MODELS, OBJECTS]))
        own = [one for one in self if one.pool in _IN_ITS_MODEL]
        if own:
            folders = {_home(catalog, claim) for claim in own}
            values = sorted({claim.value for claim in own})
            self._asked.append(catalog.find_mentions(values, under=sorted(folders)))

    def complete(self, catalog: Catalog) -> None:
        """Find the other claims to the values at hand: external ids anywhere, identities in the same model."""
        if self._asked is None:
            self.ask(catalog)
        known = {claim.path for claim in self}
        paths = {path for found in self._asked or () for path in found}
        for path in sorted(paths - known):
            place = catalog.layout.locate(path)
            if place is not None and place.kind in CLAIMING_KINDS:
                document = catalog.document(path, place)
                if document is not None:
                    self.add_known(document)

    def add_known(self, document: Document) -> None:
        """Take in claims of a manifest to values that are already claimed."""
        for claim in list_claims(document):
            holders = self.found.get((claim.pool, claim.value))
            if holders is not None and claim not in holders:
                holders.append(claim)
                self.unchanged.add(claim.path)

    def shared(self, pool: str) -> Iterator[list[UniqueValue]]:
        """The claims to one value of a pool, where there are several; in the order of paths."""
        several = [
            (value, holders)
            for (name, value), holders in self.found.items()
            if name == pool and len(holders) > 1
        ]
        for _, holders in sorted(several):
            yield sorted(holders)

    def of_pool(self, pool: str) -> Iterator[UniqueValue]:
        """The claims in one pool."""
        for (name, _), holders in self.found.items():
            if name == pool:
                yield from holders

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Claims:
        """The claims of some manifests."""
        claims = cls()
        for document in documents:
            claims.add(document)
        return claims
