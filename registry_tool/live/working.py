"""Working copies of models and versions: what the files of some commits make of a record."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from registry_tool.live.ids import Birth
from registry_tool.live.parts import NOTHING, ReadPart, decode, encode
from registry_tool.live.places import Spot
from registry_tool.live.records import (
    NO_FILES,
    ModelRecord,
    ObjectRecord,
    Touched,
    VersionRecord,
)
from registry_tool.manifests.data import Data, member, text, texts
from registry_tool.names import ModelName

__all__ = ["Edit", "WorkingModel", "WorkingVersion", "object_record"]

_KINDS: Final = {
    "model.yaml": "record", "version.yaml": "record", "key.yaml": "record", "metadata.yaml": "metadata",
    "wire.yaml": "wire", "status.yaml": "status", "deletion.yaml": "status", "title.yaml": "title",
    "draft.yaml": "aliases", "CARD.md": "card", "aliases": "aliases", "tags": "tags",
    "titles": "aliases", "evidence": "evidence",
}  # fmt: skip
# Files that determine a version's state.
_OF_STATE: Final = ("version.yaml", "status.yaml", "deletion.yaml", "draft.yaml")
_EMPTY_FREE: Final = b"{}"


class Edit(NamedTuple):
    """One changed file.

    Attributes:
        spot: What it is about.
        path: Where it is.
        content: Its bytes; None where it is removed.
        part: What was read of it; None for a removed file, and one whose content does not count.
    """

    spot: Spot
    path: str
    content: bytes | None
    part: ReadPart | None

    @property
    def json(self) -> bytes:
        """Its data as JSON; empty where it cannot be read."""
        return b"" if self.part is None or self.part.problem else encode(self.part.data)


def _touch_kind(file: str) -> str:
    found = _KINDS.get(file) or _KINDS.get(file.partition("/")[0])
    return found or "record"  # a pointer file


def _external_id(record: bytes, wire: bytes) -> str:
    """The external id: what a protocol keeps in the wire data, else that of the record."""
    if b'"external_id"' in wire:
        for data in decode(wire).values():
            if isinstance(data, dict) and "external_id" in data:
                return text(data, "external_id")
    return text(decode(record), "external_id") if b'"external_id"' in record else ""


def _free(record: bytes, added: bytes) -> bytes:
    """Free metadata: that of ``metadata.yaml`` over that of the record, without the keys that were deleted."""
    if b'"metadata"' not in record and not added:
        return _EMPTY_FREE
    over = decode(added)
    found = {**member(decode(record), "metadata"), **member(over, "metadata")}
    for key in texts(over, "without"):
        found.pop(key, None)
    return encode(found) if found else _EMPTY_FREE


def _apart(parts: Mapping[str, bytes], defining: str) -> tuple[bytes, Mapping[str, bytes]]:
    """The record and the other files; an unreadable record stays among them, so that its going is noticed."""
    files = {name: part for name, part in parts.items() if name != defining or not part}
    return parts.get(defining, b""), files or NO_FILES


class _Touches:
    """The positions of a record in the making."""

    def __init__(self, former: Touched | None) -> None:
        self._former = former or Touched()
        self._new: dict[str, int] = {}
        self._is_refreshed = False

    def touch(self, kind: str, position: int) -> None:
        self._new[kind] = position

    def refresh(self) -> None:
        """A record must be made, although nothing that counts as a change was touched."""
        self._is_refreshed = True

    @property
    def is_new(self) -> bool:
        return self._is_refreshed or bool(self._new)

    def touched(self) -> Touched:
        return self._former._replace(**self._new) if self._new else self._former


class WorkingVersion:
    """A version in the making.

    Args:
        model: Its model.
        version: Its name.
        former: Its record before; None where it is new.
    """

    def __init__(self, model: ModelName, version: str, former: VersionRecord | None) -> None:
        self.model = model
        self.version = version
        self.former = former
        self.id = 0 if former is None else former.id
        self.is_draft = former is not None and former.is_draft
        self.parts: dict[str, bytes] = {}
        if former is not None:
            self.parts = {
                **former.files,
                **({"version.yaml": former.record} if former.record else {}),
            }
        self._touches = _Touches(None if former is None else former.touched)

    def born(self, birth: Birth) -> None:
        """Give it its id."""
        if self.id != birth.id:
            self.id = birth.id
            self._touches.touch("created", birth.position)

    def touch(self, kind: str, position: int) -> None:
        """Note that files of a kind changed; see ``Touched``."""
        self._touches.touch(kind, position)

    @property
    def exists(self) -> bool:
        """False where all its files are gone."""
        return bool(self.parts)

    @property
    def is_broken(self) -> bool:
        """True where a file that determines its state is missing or cannot be read."""
        return not self.parts.get("version.yaml") or any(
            self.parts.get(file) == b"" for file in _OF_STATE
        )

    @property
    def stage(self) -> str:
        """The stage in the wire data for MLflow."""
        wire = self.parts.get("wire.yaml", b"")
        return text(decode(wire), "mlflow", "stage") if b'"stage"' in wire else ""

    @property
    def reserved(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The aliases and the tags that a draft has reserved."""
        draft = decode(self.parts.get("draft.yaml", b"")) if self.is_draft else NOTHING
        return tuple(texts(draft, "aliases")), tuple(texts(draft, "tags"))

    def apply(self, edits: Sequence[Edit], position: int) -> bool:
        """Apply what one commit changed; True where it changed whether the version exists, or its state."""
        former, before = dict(self.parts), self._standing
        puts = [edit for edit in edits if edit.content is not None]
        put = {edit.spot.file for edit in puts}
        gone = {edit.spot.file for edit in edits if edit.content is None}
        for edit in edits:
            if edit.content is None and (edit.spot.is_draft == self.is_draft or not former):
                self.parts.pop(edit.spot.file, None)
                # What moves as it is, when a draft is sealed, is not touched.
                if edit.spot.file not in put:
                    self._touches.touch(_touch_kind(edit.spot.file), position)
        for edit in puts:
            self._put(edit, former, gone, position)
        return self._standing != before

    @property
    def _standing(self) -> tuple[object, ...]:
        return self.is_draft, *(self.parts.get(file) for file in _OF_STATE[1:3]), bool(self.parts)

    def _put(
        self, edit: Edit, former: Mapping[str, bytes], gone: AbstractSet[str], position: int
    ) -> None:
        file, is_draft = edit.spot.file, edit.spot.is_draft
        if is_draft != self.is_draft:
            if is_draft and "version.yaml" in self.parts:  # a rule refuses it; the version counts
                return
            self.parts = {} if "version.yaml" in self.parts else self.parts
            self.is_draft = is_draft
        if edit.part is not None:
            self.parts[file] = edit.json
        if file in gone and (edit.part is None or former.get(file) == edit.json):
            self._touches.refresh()
        else:
            self._touches.touch(_touch_kind(file), position)

    def record(self, model: ModelRecord | None) -> VersionRecord | None:
        """The record, if any file is left.

        Args:
            model: The record of its model, for what names it.
        """
        if not self._touches.is_new:
            return self.former
        if not self.parts:
            return None
        record, files = _apart(self.parts, "version.yaml")
        aliases, tags = self._names(model)
        return VersionRecord(
            self.id, self.model if model is None else model.name, self.version, self.is_draft,
            self._state(), "" if model is None else model.titles.get(self.version, ""),
            _external_id(record, files.get("wire.yaml", b"")), self._touches.touched(), record,
            files, _free(record, files.get("metadata.yaml", b"")), aliases, tags,
        )  # fmt: skip

    def _names(self, model: ModelRecord | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if model is None:
            return self.reserved
        aliases = {name for name, version in model.aliases.items() if version == self.version}
        tags = {name for name, version in model.tags.items() if version == self.version}
        for own, reserved in zip((aliases, tags), self.reserved, strict=True):
            own.update(name for name in reserved if model.reserved.get(name) == self.version)
        return tuple(sorted(aliases)), tuple(sorted(tags))

    def _state(self) -> str:
        if self.is_broken:
            return "broken"
        if "deletion.yaml" in self.parts:
            return "deleted"
        if self.is_draft:
            return "draft"
        return text(decode(self.parts.get("status.yaml", b"")), "state") or "active"


class WorkingModel:
    """A model in the making.

    Args:
        name: Its name.
        former: Its record before; None where it is new.
    """

    def __init__(self, name: ModelName, former: ModelRecord | None) -> None:
        self.name = name if former is None else former.name
        self.former = former
        self.id = 0 if former is None else former.id
        self.parts: dict[str, bytes] = {}
        self.aliases: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.titles: dict[str, str] = {}
        self.reserved: dict[str, str] = {}
        self._version_ids: array[int] = array("q")
        self._all_ids: array[int] = array("q")
        self._title = ""
        if former is not None:
            self._restore(former)
        self._touches = _Touches(None if former is None else former.touched)
        self._made: ModelRecord | None = None
        self._is_changed = False

    def _restore(self, former: ModelRecord) -> None:
        self.parts = {**former.files, **({"model.yaml": former.record} if former.record else {})}
        self.aliases, self.tags = dict(former.aliases), dict(former.tags)
        self.titles, self.reserved = dict(former.titles), dict(former.reserved)
        self._version_ids, self._all_ids = former.version_ids[:], former.all_ids[:]
        self._title = former.title

    def born(self, birth: Birth) -> None:
        """Give it its id."""
        if self.id != birth.id:
            self.id = birth.id
            self._touches.touch("created", birth.position)

    def has_version(self, number: int, *, exists: bool) -> None:
        """Note that a version exists or is gone."""
        for ids, present in ((self._version_ids, exists), (self._all_ids, True)):
            place = bisect_left(ids, number)
            if (place < len(ids) and ids[place] == number) != present:
                self._is_changed = True
                if present:
                    ids.insert(place, number)
                else:
                    del ids[place]

    def refresh(self) -> None:
        """Make another record, although no file of the model changed."""
        self._is_changed = True

    def version_changed(self, position: int, *, standing: bool, stage: bool) -> None:
        """Note that a version came, went or was given a state, or a stage."""
        if standing:
            self._touches.touch("versions", position)
        if stage:
            self._touches.touch("stages", position)

    def reserve(self, version: str, names: Sequence[Sequence[str]]) -> None:
        """Note the names that a draft has reserved; none for a version."""
        kept = {name: owner for name, owner in self.reserved.items() if owner != version}
        new = {name: version for some in names for name in some if name not in kept}
        if {**kept, **new} != self.reserved:
            self.reserved = {**kept, **new}
            self._is_changed = True

    def apply(self, edits: Iterable[Edit], position: int) -> list[tuple[str, str]]:
        """Apply what one commit changed; the versions concerned, each with a kind of ``Touched``."""
        concerned: list[tuple[str, str]] = []
        for edit in edits:
            folder, _, name = edit.spot.file.partition("/")
            self._is_changed = True
            self._touches.touch(_touch_kind(edit.spot.file), position)
            if folder in {"aliases", "tags", "titles"}:
                concerned += self._name(folder, name.removesuffix(".yaml"), edit)
            elif edit.spot.file == "title.yaml":
                self._title = text(decode(edit.json), "title")
            elif edit.content is None:
                self.parts.pop(edit.spot.file, None)
            elif edit.part is not None:
                self.parts[edit.spot.file] = edit.json
        return concerned

    def _name(self, folder: str, name: str, edit: Edit) -> Iterator[tuple[str, str]]:
        targets = {"aliases": self.aliases, "tags": self.tags, "titles": self.titles}[folder]
        before = targets.pop(name, "")
        after = text(decode(edit.json), "title" if folder == "titles" else "version")
        if after:
            targets[name] = after
        if folder == "titles":
            yield "title", name
        else:
            yield from ((folder, version) for version in {before, after} if version)

    def record(self) -> ModelRecord | None:
        """The record, if anything of the model is left."""
        if not self._is_changed and not self._touches.is_new:
            return self.former
        if self._made is None and (self.parts or self._version_ids or self.aliases or self.tags):
            record, files = _apart(self.parts, "model.yaml")
            self._made = ModelRecord(
                self.id, self.name, self._state(record), self._title,
                _external_id(record, files.get("wire.yaml", b"")), self._touches.touched(), record,
                files, _free(record, b""), self.aliases, self.tags, self.reserved,
                self.titles, self._version_ids, self._all_ids,
            )  # fmt: skip
        return self._made

    def _state(self, record: bytes) -> str:
        if not record or self.parts.get("deletion.yaml") == b"":
            return "broken"
        if "deletion.yaml" in self.parts:
            return "deleted"
        return text(decode(record), "state") or "live"


def object_record(edit: Edit, birth: Birth, position: int) -> ObjectRecord:
    """The record of an object from its file, which says everything.

    Args:
        edit: The file.
        birth: Its id, and where it first appeared.
        position: The position of this commit.
    """
    api, kind, slug = edit.spot.name.split("/")
    source = decode(edit.json)
    data: Data = member(source, "data")
    state = text(source, "state") if source else "broken"
    return ObjectRecord(
        birth.id, api, kind, slug, edit.path, text(source, "title"), text(source, "parent"), state,
        text(data, "external_id"), Touched(created=birth.position, record=position),
        encode(data),
    )  # fmt: skip
