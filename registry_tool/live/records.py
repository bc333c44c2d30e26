"""What the live catalog knows of each object: the few values that are looked up, and the rest as compact JSON.

Records are immutable and are replaced when a file of theirs changes, so the identity of a record is a key for whatever
is made from it alone. Positions are those of commits on the line: see ``times.Line``.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from functools import cache
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from registry_tool.live.parts import decode
from registry_tool.manifests.data import Data
from registry_tool.names import ModelName

__all__ = [
    "HIDDEN",
    "NO_FILES",
    "ArtifactRecord",
    "ModelRecord",
    "NamespaceRecord",
    "ObjectRecord",
    "Record",
    "Touched",
    "VersionRecord",
]

NO_FILES: Final[Mapping[str, bytes]] = {}
# States that no list shows: the files of an object were removed or cannot be read, or it was deleted.
HIDDEN: Final = frozenset({"deleted", "broken"})


class Touched(NamedTuple):
    """The positions of the last commits that touched an object, by kind of file; 0 for never.

    Attributes:
        created: The commit in which it first appeared.
        record: ``model.yaml``, ``version.yaml`` or the object's file, and pointer files.
        metadata: ``metadata.yaml``.
        wire: ``wire.yaml``.
        status: ``status.yaml``, ``deletion.yaml``.
        aliases: Aliases, and names reserved by a draft: of a version those that point or pointed to it.
        title: Its title.
        tags: Tags.
        evidence: Evidence about it.
        card: ``CARD.md``.
        versions: Of a model: a version was added, removed, sealed, deleted or given a state.
        stages: Of a model: ``stage`` in a version's wire data for MLflow.
    """

    created: int = 0
    record: int = 0
    metadata: int = 0
    wire: int = 0
    status: int = 0
    aliases: int = 0
    title: int = 0
    tags: int = 0
    evidence: int = 0
    card: int = 0
    versions: int = 0
    stages: int = 0

    def last(self, *kinds: str) -> int:
        """The position of the last commit that touched one of some kinds, or created the object.

        Args:
            kinds: Names of attributes; none for ``record``, ``metadata``, ``wire``, ``status`` and ``title``.
        """
        if not kinds:
            return max(self.created, self.record, self.metadata, self.wire, self.status, self.title)
        return max(_getter(kinds)(self))


@cache
def _getter(kinds: tuple[str, ...]) -> Callable[[Touched], tuple[int, ...]]:
    """Takes the positions of some kinds, and that of the creation; protocols have a handful of them."""
    return itemgetter(0, 0, *(_NUMBERS[kind] for kind in kinds))


_NUMBERS: Final = {name: number for number, name in enumerate(Touched._fields)}


class NamespaceRecord(NamedTuple):
    """A namespace.

    Attributes:
        name: The name in paths.
        title: The shown name; empty where it is the name.
        record: ``namespace.yaml`` as JSON; empty where there is none.
    """

    name: str
    title: str = ""
    record: bytes = b""

    @property
    def shown(self) -> str:
        """The name that people see."""
        return self.title or self.name


class ModelRecord(NamedTuple):
    """A model.

    Attributes:
        id: Its number; 0 where no ``model.yaml`` ever named it.
        name: Its path.
        state: ``live``, ``archived``, ``deleted`` or ``broken``.
        title: The shown name; empty where it is the path's.
        external_id: That of the wire data, else that of the record.
        touched: When its files changed.
        record: ``model.yaml`` as JSON; see ``data``.
        files: Other manifests as JSON by file: ``wire.yaml``, ``deletion.yaml``, ``evidence/<id>.yaml``.
        free: Free metadata as JSON; see ``metadata``.
        aliases: The version of each alias; names that a draft has reserved are in ``reserved``.
        tags: The version of each tag; likewise.
        reserved: The drafts of reserved aliases and tags.
        titles: The shown names of versions, drafts, tags and aliases that have one.
        version_ids: The ids of its versions and drafts that exist, ascending: the order of creation.
        all_ids: Those of all that ever existed.
    """

    id: int
    name: ModelName
    state: str
    title: str
    external_id: str
    touched: Touched
    record: bytes
    files: Mapping[str, bytes]
    free: bytes
    aliases: Mapping[str, str]
    tags: Mapping[str, str]
    reserved: Mapping[str, str]
    titles: Mapping[str, str]
    version_ids: array[int]
    all_ids: array[int]

    @property
    def shown(self) -> str:
        """The name that people see."""
        return self.title or self.name.name

    @property
    def is_listed(self) -> bool:
        """False for a deleted model, and one whose manifest cannot be read."""
        return self.state not in HIDDEN

    @property
    def data(self) -> Data:
        """The fields of ``model.yaml``."""
        return decode(self.record)

    @property
    def metadata(self) -> Data:
        """Free metadata."""
        return decode(self.free)

    def file(self, name: str) -> Data:
        """The fields of another of its manifests, such as ``wire.yaml``; empty where there is none."""
        return decode(self.files.get(name, b""))


class VersionRecord(NamedTuple):
    """A version or a draft.

    Attributes:
        id: Its number; 0 where no ``version.yaml`` ever named it.
        model: Its model.
        version: Its name in paths.
        is_draft: True until it is sealed.
        state: ``active``, ``deprecated``, ``withdrawn``, ``erased``, ``draft``, ``deleted`` or ``broken``.
        title: The shown name; empty where it is the path's.
        external_id: That of the wire data, else that of the record.
        touched: When its files changed.
        record: ``version.yaml`` as JSON; see ``data``.
        files: Other manifests as JSON by file: ``metadata.yaml``, ``status.yaml``, ``wire.yaml``, ``deletion.yaml``,
            ``draft.yaml``, ``evidence/<id>.yaml``.
        free: Free metadata as JSON, that of ``metadata.yaml`` laid over that of the record; see ``metadata``.
        aliases: The aliases that point to it or that it has reserved, sorted.
        tags: Its tags, likewise.
    """

    id: int
    model: ModelName
    version: str
    is_draft: bool
    state: str
    title: str
    external_id: str
    touched: Touched
    record: bytes
    files: Mapping[str, bytes]
    free: bytes
    aliases: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The name that people see."""
        return self.title or self.version

    @property
    def is_listed(self) -> bool:
        """False for a deleted version, and one whose manifest cannot be read."""
        return self.state not in HIDDEN

    @property
    def data(self) -> Data:
        """The fields of ``version.yaml``."""
        return decode(self.record)

    @property
    def metadata(self) -> Data:
        """Free metadata."""
        return decode(self.free)

    def file(self, name: str) -> Data:
        """The fields of another of its manifests, such as ``metadata.yaml``; empty where there is none."""
        return decode(self.files.get(name, b""))

    def evidence(self) -> dict[str, Data]:
        """The evidence about it by id, in the order of the ids."""
        found = sorted(name for name in self.files if name.startswith("evidence/"))
        return {
            name.removeprefix("evidence/").removesuffix(".yaml"): decode(self.files[name])
            for name in found
        }


class ObjectRecord(NamedTuple):
    """A file below ``objects/``: an experiment, a run, a serving environment, a standalone artifact.

    Attributes:
        id: Its number: in the pool of artifacts where ``kind`` is ``artifact``, else in that of models and versions.
        api: The protocol that it belongs to.
        kind: ``experiment``, ``run``, ``serving-environment`` and so on.
        slug: Its name in paths.
        path: Its file.
        title: The shown name.
        parent: ``kind/slug`` of the object that it belongs to; empty for none.
        state: In the words of its protocol; ``deleted`` and ``broken`` are not listed.
        external_id: ``external_id`` of its data.
        touched: When its file changed: only ``created`` and ``record``.
        record: Its data as JSON; see ``data``.
    """

    id: int
    api: str
    kind: str
    slug: str
    path: str
    title: str
    parent: str
    state: str
    external_id: str
    touched: Touched
    record: bytes

    @property
    def shown(self) -> str:
        """The name that people see."""
        return self.title or self.slug

    @property
    def is_listed(self) -> bool:
        """False for a deleted object, and one whose file cannot be read."""
        return self.state not in HIDDEN

    @property
    def data(self) -> Data:
        """The free data of its protocol."""
        return decode(self.record)


class ArtifactRecord(NamedTuple):
    """One artifact, metric or parameter of a version or model, made on demand.

    Attributes:
        id: Its number in the pool of artifacts.
        owner: The version or model that has it.
        kind: ``artifact``, ``metric`` or ``parameter``.
        name: Unique in its owner and kind.
        file: The manifest that has the newest entry: ``version.yaml``, ``model.yaml`` or ``evidence/<id>.yaml``.
        data: The entry: of a parameter ``{"value": …}``; of a metric the last value.
        wire: What protocols keep about it in the owner's wire data: ``{protocol: {…}}``.
        created: The position of the commit in which it first appeared.
        changed: The position of the last commit that touched its manifest, or the owner's wire data where it has some.
    """

    id: int
    owner: VersionRecord | ModelRecord
    kind: str
    name: str
    file: str
    data: Data
    wire: Data
    created: int
    changed: int


Record: TypeAlias = ModelRecord | VersionRecord | ObjectRecord
