"""What a writer remembers from one commit to the next: parsed manifests, and who gives which unique value.

A manifest is remembered by its path and its object id, so it never is out of date. The index of values may name too many
files and never too few: whoever asks reads the files that it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.checks.uniqueness import CLAIMING_KINDS, EXTERNAL_IDS, list_claims
from registry_tool.git.objects.pool import PooledTree
from registry_tool.manifests.document import Document
from registry_tool.manifests.layout import MODELS, OBJECTS, REGISTRY, Place
from registry_tool.names import ModelName

__all__ = [
    "FindIdentities",
    "FindProposed",
    "ManifestMemory",
    "WriterCatalog",
    "find_no_identities",
    "find_none_proposed",
]

# For a full commit id and a model, the records of its versions and drafts at that commit by the identity that they give;
# None where that is not known of this commit.
FindIdentities = Callable[[str, ModelName], Mapping[str, Collection[str]] | None]
# For a model and a branch, without ``refs/heads/``, the versions that other branches propose.
FindProposed = Callable[[ModelName, str], Collection[str]]

# Those of about a thousand models: in turn, clients come back to each of them.
_MOST_BYTES: Final = 10 << 20
# What a document takes besides its source: its path and place, and for each byte what was read of it.
_OF_DOCUMENT: Final = 1200
_OF_BYTE: Final = 7
_MOST_SHOWN: Final = 2_000
_MOST_IDENTITIES: Final = 20_000
# From this number of files on, one Git process finds their lines sooner than they are read one by one.
_MANY: Final = 256
# What a catalog knows of `registry.yaml` alone.
_OF_REGISTRY: Final = ("registry", "layout", "scheme")
_RECORD: Final = "version.yaml"
# A line with a backslash may spell the field or the value in another way.
_MENTIONS: Final = ("external_id", "externalId", "\\")
_IDENTITY: Final = re.compile(rb"^identity: +[\"']?(sha256:[0-9a-f]{64})[\"']? *$", re.MULTILINE)
# A value on its line, as writers of YAML put it; anything else is parsed.
_EXTERNAL: Final = re.compile(
    rb" *(?:- +)?external(?:_id|Id): +(?:'([^'\\]*)'|\"([^\"\\]*)\"|([A-Za-z0-9][A-Za-z0-9._/@-]*)) *"
)


def _measure(document: Document) -> int:
    """The bytes that a document takes in memory, about."""
    return _OF_DOCUMENT + _OF_BYTE * len(document.source)


class _Documents:
    """Manifests by path and object id, those that were asked for last at the end."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Document] = {}
        self._bytes = 0

    def recall(self, path: str, oid: str) -> Document | None:
        found = self._found.pop((path, oid), None)
        if found is not None:
            self._found[path, oid] = found
        return found

    def keep(self, oid: str, document: Document) -> None:
        if self.recall(document.path, oid) is not None:
            return
        self._found[document.path, oid] = document
        self._bytes += _measure(document)
        while self._bytes > _MOST_BYTES:
            self._bytes -= _measure(self._found.pop(next(iter(self._found))))


def find_no_identities(_: str, __: ModelName) -> None:
    """For a writer without a live catalog."""


def find_none_proposed(_: ModelName, __: str) -> Collection[str]:
    """For a writer that is alone."""
    return ()


class ManifestMemory:
    """Manifests by path and object id, and the files that give values which must be unique.

    Args:
        find_identities: See ``FindIdentities``; what it does not know is read from the files.
        find_proposed: See ``FindProposed``.
        branch: The branch that the values are those of, without ``refs/heads/``.
    """

    def __init__(
        self,
        find_identities: FindIdentities = find_no_identities,
        find_proposed: FindProposed = find_none_proposed,
        branch: str = "",
    ) -> None:
        self._find_identities = find_identities
        self._find_proposed = find_proposed
        self._branch = branch
        self._start = ""
        # What files that came after the start give, by model.
        self._later: dict[str, dict[str, set[str]]] = {}
        self._documents = _Documents()
        self._external: dict[str, set[str]] | None = None
        self._identities: dict[str, dict[str, set[str]]] = {}
        self._count = 0

    def fork(self, branch: str = "") -> ManifestMemory:
        """A memory of the same manifests with its own index of values: for another branch."""
        other = ManifestMemory(self._find_identities, self._find_proposed, branch)
        other._documents = self._documents
        return other

    def list_proposed(self, model: ModelName) -> Collection[str]:
        """The versions of a model that other branches propose."""
        return self._find_proposed(model, self._branch)

    def recall(self, path: str, oid: str) -> Document | None:
        """A manifest that was read before."""
        return self._documents.recall(path, oid)

    def keep(self, oid: str, document: Document) -> None:
        """Remember a manifest; of many the one that was asked for longest ago is dropped."""
        self._documents.keep(oid, document)

    def begin(self, commit: str) -> None:
        """Note the commit that the next changes are made on."""
        self._start = commit
        self._later.clear()

    def add(self, catalog: Catalog, paths: Iterable[str]) -> None:
        """Take in the values that some files give, after a change of them."""
        for path in paths:
            place = catalog.layout.locate(path)
            if place is None or place.kind not in CLAIMING_KINDS:
                continue
            document = catalog.document(path, place)
            if document is None:
                continue
            model = "" if place.model is None else catalog.layout.model(place.model)
            for claim in list_claims(document):
                if claim.pool in EXTERNAL_IDS and self._external is not None:
                    self._external.setdefault(claim.value, set()).add(path)
                elif claim.pool == "identity":
                    for known in (self._identities.get(model), self._later.setdefault(model, {})):
                        if known is not None:
                            known.setdefault(claim.value, set()).add(path)

    def forget_values(self) -> None:
        """Forget who gives which value: the branch was moved by others."""
        self._external = None
        self._identities, self._count = {}, 0

    def find_mentions(
        self, catalog: WriterCatalog, values: Sequence[str], under: Sequence[str]
    ) -> Iterator[str]:
        """See ``Catalog.find_mentions``."""
        for folder in under:
            if folder in (MODELS, OBJECTS):
                if self._external is None:
                    self._external = _external_ids(catalog)
                known = self._external
            elif catalog.tree.entry(f"{folder}/versions") or catalog.tree.entry(
                f"{folder}/model.yaml"
            ):
                known = self._known_identities(catalog, folder)
            else:
                yield from catalog.tree.grep(values, under=folder)
                continue
            for value in values:
                yield from known.get(value, ())

    def _known_identities(self, catalog: WriterCatalog, folder: str) -> dict[str, set[str]]:
        """The files of a model by the identity that they give."""
        known = self._identities.get(folder)
        if known is None:
            while self._identities and self._count > _MOST_IDENTITIES:
                self._count -= len(self._identities.pop(next(iter(self._identities)))) + 1
            known = self._identities[folder] = self._list_identities(catalog, folder)
            self._count += len(known) + 1
        return known

    def _list_identities(self, catalog: WriterCatalog, folder: str) -> dict[str, set[str]]:
        place = catalog.layout.locate(f"{folder}/model.yaml")
        model = None if place is None else place.model
        tree = catalog.tree
        # Of a draft and a version of one name, which a rule refuses, the live catalog has the version only.
        both = tree.folder(f"{folder}/drafts").keys() & tree.folder(f"{folder}/versions").keys()
        known = None
        if model is not None and not both:
            known = self._find_identities(self._start, model)
        if known is None:
            return _identities(catalog, folder)
        found = {value: set(paths) for value, paths in known.items()}
        for value, paths in self._later.get(folder, {}).items():
            found.setdefault(value, set()).update(paths)
        return found


def _identities(catalog: WriterCatalog, model: str) -> dict[str, set[str]]:
    """The records of versions and drafts in a model's folder by the identity that they give."""
    tree = catalog.tree
    found: dict[str, set[str]] = {}
    names = [
        f"{folder}/{name}"
        for folder in (f"{model}/versions", f"{model}/drafts")
        for name, entry in tree.folder(folder).items()
        if entry.is_folder
    ]
    paths = [f"{name}/{_RECORD}" for name in names]
    given: dict[str, list[bytes]] = {}
    if len(names) > _MANY:
        for path, line in catalog.files.grep_lines(("identity:",), under=model):
            given.setdefault(path, []).extend(_IDENTITY.findall(line))
    else:
        tree.prefetch(names)
        tree.prefetch(paths)
        given = {path: _IDENTITY.findall(tree.read(path) or b"") for path in paths}
    for path in paths:
        values = map(bytes.decode, given.get(path, ()))
        for value in list(values) or _claimed(catalog, path, "identity"):
            found.setdefault(value, set()).add(path)
    return found


def _claimed(catalog: WriterCatalog, path: str, *pools: str) -> Iterator[str]:
    """The values of some pools that a file gives."""
    place = catalog.layout.locate(path)
    document = (
        None
        if place is None or place.kind not in CLAIMING_KINDS
        else catalog.document(path, place, keep=False)
    )
    claims = () if document is None else list_claims(document)
    return (claim.value for claim in claims if claim.pool in pools)


def _external_ids(catalog: WriterCatalog) -> dict[str, set[str]]:
    """Every external id of the registry with the files that give it."""
    found: dict[str, set[str]] = {}
    parsed: set[str] = set()
    for path, line in catalog.files.grep_lines(_MENTIONS, under=(MODELS, OBJECTS)):
        if path in parsed:
            continue
        match = _EXTERNAL.fullmatch(line)
        values: Iterable[str] = ()
        if match is None:
            parsed.add(path)
            values = _claimed(catalog, path, *EXTERNAL_IDS)
        else:
            plain = next(group for group in match.groups() if group is not None)
            values = [plain.decode(errors="surrogateescape")]
        for value in values:
            found.setdefault(value, set()).add(path)
    return found


class WriterCatalog(Catalog):
    """The content of one state of a branch; what was read of other states is not read again.

    Args:
        tree: Its files.
        memory: What is remembered of all states.
    """

    def __init__(self, tree: PooledTree, memory: ManifestMemory) -> None:
        super().__init__(tree)
        self.files = tree
        self.memory = memory
        self._views: dict[ModelName, ModelView | None] = {}

    def moved(self, tree: PooledTree, paths: Collection[str]) -> WriterCatalog:
        """The catalog of the next state.

        Args:
            tree: Its files.
            paths: The paths that changed.
        """
        other = WriterCatalog(tree, self.memory)
        if REGISTRY not in paths:
            known = self.__dict__
            other.__dict__.update((name, known[name]) for name in _OF_REGISTRY if name in known)
        other.shown = self.shown_after(paths)
        if len(other.shown) > _MOST_SHOWN:  # those of a namespace take longer to read again
            other.shown = {key: names for key, names in other.shown.items() if not key[1]}
        return other

    def document(self, path: str, place: Place, *, keep: bool = True) -> Document | None:
        """See ``Catalog.document``."""
        if path in self._documents:
            return self._documents[path]
        entry = self.tree.entry(path)
        known = None if entry is None else self.memory.recall(path, entry.oid)
        if known is None and entry is not None:
            known = super().document(path, place, keep=False)
            if known is not None and keep:
                self.memory.keep(entry.oid, known)
        if keep:
            self._documents[path] = known
        return known

    def model(self, name: ModelName) -> ModelView | None:
        """See ``Catalog.model``; a view is kept, with what it has listed: nothing of this state changes."""
        if name not in self._views:
            self._views[name] = super().model(name)
        return self._views[name]

    def proposed_versions(self, model: ModelName) -> Collection[str]:
        """See ``Catalog.proposed_versions``."""
        return self.memory.list_proposed(model)

    def find_mentions(self, values: Sequence[str], *, under: Sequence[str]) -> Iterator[str]:
        """See ``Catalog.find_mentions``."""
        return self.memory.find_mentions(self, values, under)
