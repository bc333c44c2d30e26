"""Values for rules across the registry: those that must be unique, and the readers of encrypted versions.

A full check collects all of them. A check of a change collects those of the changed files and searches the tree for other
files with the same values: for an external id in the whole registry, for an identity in the model, so that its cost
depends on the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.shown_names import fold_title
from registry_tool.manifests.data import records, text, texts
from registry_tool.manifests.document import Document
from registry_tool.manifests.layout import MODELS
from registry_tool.manifests.problems import JSONPath

__all__ = ["Claims", "UniqueValue", "list_claims"]


_IN_ITS_MODEL: Final = frozenset({"identity"})
_ANYWHERE: Final = frozenset({"subject", "artifact"})


class UniqueValue(NamedTuple):
    """One value in one place.

    Attributes:
        pool: ``subject`` (models and versions), ``artifact`` or ``identity``, in which a value is unique; ``reader``, whom the
            key of a version is wrapped to; ``title``, the namespace and title of a model as titles are compared.
        value: The value.
        path: The file.
        at: Where in the file.
    """

    pool: str
    value: str
    path: str
    at: JSONPath


def _readers(document: Document) -> Iterator[UniqueValue]:
    """Whom the key of a version is wrapped to."""
    for number, wrap in enumerate(records(document.data, "wraps")):
        for reader in texts(wrap, "to"):
            yield UniqueValue("reader", reader, document.path, ("wraps", number, "to"))


def list_claims(document: Document) -> Iterator[UniqueValue]:
    """The claims of one manifest."""
    data, place = document.data, document.place
    if place.kind == "title" and place.model is not None and not place.name:
        shown = f"{place.model.namespace}/{fold_title(text(data, 'title'))}"
        yield UniqueValue("title", shown, document.path, ("title",))
    if place.kind == "key" and place.version is not None:
        yield from _readers(document)
    if data is None or place.kind not in {"model", "version"}:
        return
    if place.is_draft and not any(text(e, "role") == "model" for e in records(data, "artifacts")):
        yield UniqueValue("unfinished", text(data, "created_at"), document.path, ("created_at",))
    if external := text(data, "external_id"):
        yield UniqueValue("subject", external, document.path, ("external_id",))
    if identity := text(data, "identity"):
        yield UniqueValue("identity", identity, document.path, ("identity",))
    for number, artifact in enumerate(records(data, "artifacts")):
        if external := text(artifact, "external_id"):
            at = ("artifacts", number, "external_id")
            yield UniqueValue("artifact", external, document.path, at)


def _home(catalog: Catalog, claim: UniqueValue) -> str:
    """The folder in which other claims to a value count."""
    place = catalog.layout.locate(claim.path) if claim.pool in _IN_ITS_MODEL else None
    return MODELS if place is None or place.model is None else catalog.layout.model(place.model)


class Claims:
    """The claims of a check.

    Attributes:
        found: Who claims what, by pool and value.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], list[UniqueValue]] = {}
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
        for pools in (_IN_ITS_MODEL, _ANYWHERE):
            values = sorted(value for pool, value in self.found if pool in pools)
            folders = {
                _home(catalog, claim)
                for (pool, _), holders in self.found.items()
                for claim in holders
                if pool in pools
            }
            if values:
                self._asked.append(catalog.find_mentions(values, under=sorted(folders)))

    def complete(self, catalog: Catalog) -> None:
        """Find the other claims to the values at hand: external ids anywhere, identities in the same model."""
        if self._asked is None:
            self.ask(catalog)
        known = {claim.path for claim in self}
        paths = {path for found in self._asked or () for path in found}
        for path in sorted(paths - known):
            place = catalog.layout.locate(path)
            if place is not None and place.kind in {"model", "version"}:
                document = catalog.document(path, place)
                if document is not None:
                    self.add_known(document)

    def add_known(self, document: Document) -> None:
        """Take in claims of a manifest to values that are already claimed."""
        for claim in list_claims(document):
            holders = self.found.get((claim.pool, claim.value))
            if holders is not None and claim not in holders:
                holders.append(claim)

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
