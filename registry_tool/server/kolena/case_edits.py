"""Test cases as edits: each version is an object of its own, so old ones stay, and two clients cannot both add the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.shown_names import make_slug
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.objects import ObjectName, find_object, put_object
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.kolena.errors import NameConflictError
from registry_tool.server.kolena.lookup import API, CASE_KIND

__all__ = ["NewCase", "add_case", "add_case_version", "case_slug", "next_case"]


_LONGEST: Final = 200  # of a subject


class NewCase(NamedTuple):
    """A test case to be created."""

    name: str
    description: str
    workflow: str
    namespace: str


def case_slug(name: str, version: int) -> str:
    """The name of the file of a version of a test case; it follows from the two, so equal ones are one file."""
    return f"{make_slug(name, 'object', lambda _: False)}-{version}"


def _put(name: str, data: Mapping[str, JSON], conflict: NameConflictError) -> Edit:
    """Add a version, unless there is one of its number."""
    slug = case_slug(name, whole(data, "version"))
    add = put_object(API, CASE_KIND, name, data, slug=slug)

    def put(catalog: Catalog) -> ChangeSet:
        if find_object(catalog, ObjectName(API, CASE_KIND, slug)) is not None:
            raise conflict
        message = f"Add version {whole(data, 'version')} of the test case {name}"
        return replace(add(catalog), message=message[:_LONGEST])

    return put


def add_case(new: NewCase) -> Edit:
    """Add a test case: its version 0, which has no samples.

    The edit raises NameConflictError: one has this name.

    Raises:
        InvalidNameError: The name cannot be a title.
    """
    data: dict[str, JSON] = {
        "namespace": new.namespace,
        "workflow": new.workflow,
        "version": 0,
        "description": new.description,
    }
    taken = NameConflictError(f"the test case {new.name!a} already exists", remedy="load it, or choose another name")  # fmt: skip
    return _put(new.name, data, taken)


def next_case(
    base: ObjectRecord, description: str, samples: Mapping[str, JSON], *, carried: bool = False
) -> dict[str, JSON]:
    """The data of the version after another one.

    Args:
        base: The version before.
        description: Its description.
        samples: What it says of its samples.
        carried: True where these are those of the version before.
    """
    data: dict[str, JSON] = {
        "namespace": text(base.data, "namespace"),
        "workflow": text(base.data, "workflow"),
        "version": whole(base.data, "version") + 1,
        "description": description,
        **samples,
    }
    return {**data, "carried": True} if carried else data


def add_case_version(name: str, data: Mapping[str, JSON]) -> Edit:
    """Add the next version of a test case.

    The edit raises NameConflictError: another client was first.
    """
    before = whole(data, "version") - 1
    first = NameConflictError(
        f"the test case {name!a} was edited by another client after version {before}",
        remedy="load its newest version, and edit that",
    )
    return _put(name, data, first)
