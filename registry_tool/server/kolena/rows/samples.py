"""The samples of a test case as a table: what an upload makes of them, and their metadata.

A sample is the text of its JSON without metadata, byte for byte. It has a ground truth in each test case, and metadata that is its own:
what was uploaded last is what every test case shows, older versions too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import member, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.kolena.errors import IncorrectUsageError
from registry_tool.server.kolena.lookup import CASE_KIND, Lookup
from registry_tool.server.kolena.rows.parquet import Column, Table, read_files

if TYPE_CHECKING:
    from registry_tool.server.kolena.rows.bulk import BulkCalls

__all__ = ["UPLOADED", "SampleStore", "StoredSamples"]

SAMPLE: Final = "test_sample"
METADATA: Final = "test_sample_metadata"
TRUTH: Final = "ground_truth"
KIND: Final = "test_sample_type"
CASE: Final = "test_case_name"
REMOVE: Final = "remove"

UPLOADED: Final = (
    Column(CASE, has_nulls=True, is_optional=True),
    Column(KIND, has_nulls=True),
    Column(SAMPLE),
    Column(METADATA, has_nulls=True),
    Column(TRUTH, has_nulls=True),
    Column(REMOVE, "flag"),
)
"""The columns of an upload."""
_STORED: Final = UPLOADED[1:5]
_KEPT: Final = tuple(column.name for column in _STORED)
_SEEN: Final = (
    UPLOADED[2],
    UPLOADED[3],
    UPLOADED[5],
)  # what decides whether an upload is stored as it is
_NAMES: Final = (Column(SAMPLE),)
_KNOWN: Final = (*_NAMES, Column(METADATA, has_nulls=True))
_NONE: Final = (None, "{}", "null")


class StoredSamples(NamedTuple):
    """The samples of a version of a test case, as its object names them.

    Attributes:
        entry: Rows and digests; empty where there are none.
        has_metadata: True where one has metadata.
    """

    entry: dict[str, JSON]
    has_metadata: bool = False

    def describe(self) -> dict[str, JSON]:
        """The data of the object."""
        found: dict[str, JSON] = {"samples": self.entry} if self.entry else {}
        return {**found, "has_metadata": True} if self.has_metadata else found


class SampleStore:
    """The samples of test cases.

    Args:
        bulk: Reads uploads, and stored rows.
    """

    def __init__(self, bulk: BulkCalls) -> None:
        self._bulk = bulk

    # --- reading

    def open(self, lookup: Lookup, case: ObjectRecord) -> Table:
        """The samples of a version of a test case, with the newest metadata. Called in a thread.

        Raises:
            RemoteError: The remote cannot be used, or does not have them.
        """
        table = self._open_entry(case)
        newer = self._newer_metadata(lookup, case)
        if not newer:
            return table
        samples, known = table.texts(SAMPLE), table.values(METADATA)
        return table.replace(METADATA, [newer.get(s, m) for s, m in zip(samples, known, strict=True)])  # fmt: skip

    def open_names(self, case: ObjectRecord) -> Table:
        """The samples of a version of a test case, without what belongs to them. Called in a thread.

        Raises:
            RemoteError: The remote cannot be used, or does not have them.
        """
        return self._open_entry(case, _NAMES)

    def _open_entry(self, case: ObjectRecord, columns: Sequence[Column] = _STORED) -> Table:
        entry = member(case.data, "samples")
        return self._bulk.open(entry, columns) if entry else Table.build(columns, {})

    def _newer_metadata(self, lookup: Lookup, case: ObjectRecord) -> dict[str, str]:
        """The metadata of samples that were uploaded after those of a test case."""
        found: dict[str, str] = {}
        own, start = text(case.data, "samples", "sha256"), _find_origin(lookup, case).id
        for other in lookup.objects_of_workflow(CASE_KIND, text(case.data, "workflow")):
            is_newer = other.id > start and _brings_metadata(other)
            # The same rows say the same, unless others came in between.
            if not is_newer or (not found and text(other.data, "samples", "sha256") == own):
                continue
            table = self._open_entry(other, _KNOWN)
            pairs = zip(table.texts(SAMPLE), table.values(METADATA), strict=True)
            found.update((sample, str(said)) for sample, said in pairs if said not in _NONE)
        return found

    # --- writing

    def take(self, lookup: Lookup, base: ObjectRecord | None, load: str) -> StoredSamples:
        """The samples of a test case after the edits of an upload, written to the DVC remote. Called in a thread.

        Args:
            lookup: What the request is answered from.
            base: The version that is edited; None for a test case without samples.
            load: The upload.

        Raises:
            NotFoundError: There is no such upload.
            IncorrectUsageError: It is not what it must be.
            RemoteError: The remote cannot be used.
        """
        is_first = base is None or not member(base.data, "samples")
        chunks = self._bulk.list_chunks(load, UPLOADED)
        if is_first and len(chunks) == 1:
            seen = read_files(chunks, _SEEN)
            if _is_plain(seen):
                return _describe(self._bulk.keep_file(chunks[0], seen.rows), seen)
        before = None if base is None or is_first else self.open(lookup, base)
        return self._keep(_edit(before, read_files(chunks, UPLOADED)))

    def take_each(
        self, load: str, names: Sequence[str], known: Sequence[str]
    ) -> dict[str, StoredSamples]:
        """The samples of several new or emptied test cases by the rows that name them. Called in a thread.

        Args:
            load: The upload.
            names: These test cases.
            known: All test cases that a row may name.

        Raises:
            NotFoundError: There is no such upload.
            IncorrectUsageError: It is not what it must be.
            RemoteError: The remote cannot be used.
        """
        uploaded = read_files(self._bulk.list_chunks(load, UPLOADED), UPLOADED)
        rows: dict[str, list[int]] = {}
        for number, name in enumerate(uploaded.values(CASE)):
            rows.setdefault(str(name or ""), []).append(number)
        if unknown := sorted({*rows}.difference(known)):
            raise IncorrectUsageError(f"a row names the test case {unknown[0][:120]!a}, which the request does not")  # fmt: skip
        return {
            name: self._keep(_edit(None, uploaded.take(rows[name])))
            for name in names
            if name in rows
        }

    def _keep(self, table: Table) -> StoredSamples:
        if not table.rows:
            return StoredSamples({})
        return _describe(self._bulk.keep(table), table)


def _find_origin(lookup: Lookup, case: ObjectRecord) -> ObjectRecord:
    """The version whose edit wrote the samples that a version has; versions that change other things carry them on."""
    versions = sorted(
        lookup.objects_titled(CASE_KIND, case.shown), key=lambda one: whole(one.data, "version")
    )
    found = case
    for one in reversed(versions):
        if whole(one.data, "version") <= whole(found.data, "version"):
            found = one
            if not one.data.get("carried"):
                break
    return found


def _brings_metadata(case: ObjectRecord) -> bool:
    return bool(case.data.get("has_metadata")) and not case.data.get("carried")


def _is_plain(table: Table) -> bool:
    """True for an upload that is what becomes of it: nothing is removed, and no sample comes twice."""
    return table.has_only(REMOVE, False) and table.is_distinct(SAMPLE)


def _describe(entry: dict[str, JSON], table: Table) -> StoredSamples:
    return StoredSamples(entry, not table.has_only(METADATA, "{}", "null"))


def _edit(base: Table | None, uploaded: Table) -> Table:
    """The rows of a test case after an upload.

    A sample that exists keeps its place, and its metadata where the upload says nothing of it. One that is removed and added again
    is the last.
    """
    whole_table = uploaded.select(*_KEPT)
    start = 0
    if base is not None:
        whole_table, start = base.followed_by(whole_table), base.rows
    places: dict[str, int] = {}
    samples, removed = whole_table.texts(SAMPLE), uploaded.values(REMOVE)
    said = whole_table.values(METADATA)
    known: dict[str, object] = {}
    for number, sample in enumerate(samples):
        if said[number] not in _NONE:
            known[sample] = said[number]
        if number >= start and removed[number - start]:
            places.pop(sample, None)
        else:
            places[sample] = number
    found = whole_table.take([*places.values()])
    metadata = [known.get(sample, said[number]) for sample, number in places.items()]
    return found.replace(METADATA, [None if one is None else str(one) for one in metadata])
