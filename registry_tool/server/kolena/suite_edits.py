"""Test suites as edits: a suite has what all of its versions share, and each version is an object below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.shown_names import make_slug
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.objects import (
    ObjectName,
    change_object,
    find_object,
    put_object,
)
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import Data, text, texts, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.kolena.errors import NameConflictError
from registry_tool.server.kolena.lookup import API, SUITE_KIND, SUITE_VERSION_KIND

__all__ = ["NewSuite", "SuiteChange", "add_suite", "change_suite", "suite_slug"]

_LONGEST: Final = 200  # of a subject


class NewSuite(NamedTuple):
    """A test suite to be created."""

    name: str
    description: str
    workflow: str
    namespace: str
    tags: Sequence[str]


class SuiteChange(NamedTuple):
    """What changes of a suite; None stays.

    Attributes:
        description: Its description, of all versions.
        tags: Its tags, of all versions.
        cases: The test cases of its next version, by path.
    """

    description: str | None = None
    tags: Sequence[str] | None = None
    cases: Sequence[str] | None = None


def suite_slug(name: str) -> str:
    """The name of the file of a suite; it follows from the name, so two new ones of a name are one file."""
    return make_slug(name, "object", lambda _: False)


def _version_slug(suite: str, version: int) -> str:
    return f"{suite}-{version}"


def _add_version(suite: str, name: str, data: Data) -> Edit:
    version = whole(data, "version")
    slug = _version_slug(suite, version)
    parent = f"{SUITE_KIND}/{suite}"
    add = put_object(API, SUITE_VERSION_KIND, name, data, slug=slug, parent=parent)

    def put(catalog: Catalog) -> ChangeSet:
        if find_object(catalog, ObjectName(API, SUITE_VERSION_KIND, slug)) is not None:
            raise NameConflictError(
                f"the test suite {name!a} was edited by another client after version {version - 1}",
                remedy="load its newest version, and edit that",
            )
        return add(catalog)

    return put


def add_suite(new: NewSuite) -> Edit:
    """Add a test suite: its version 0 has no test cases.

    The edit raises NameConflictError: one has this name.

    Raises:
        InvalidNameError: The name cannot be a title.
    """
    slug = suite_slug(new.name)
    data: dict[str, JSON] = {
        "namespace": new.namespace,
        "workflow": new.workflow,
        "description": new.description,
        "tags": [*dict.fromkeys(new.tags)],
    }
    first: dict[str, JSON] = {"namespace": new.namespace, "version": 0, "test_cases": []}
    edits = [put_object(API, SUITE_KIND, new.name, data, slug=slug), _add_version(slug, new.name, first)]  # fmt: skip
    add = combine(edits, f"Add the test suite {new.name}"[:_LONGEST])

    def put(catalog: Catalog) -> ChangeSet:
        if find_object(catalog, ObjectName(API, SUITE_KIND, slug)) is not None:
            raise NameConflictError(f"the test suite {new.name!a} already exists", remedy="load it, or choose another name")  # fmt: skip
        return add(catalog)

    return put


def change_suite(suite: ObjectRecord, newest: ObjectRecord, change: SuiteChange) -> Edit:
    """Change a suite; another list of test cases makes its next version.

    Args:
        suite: The suite.
        newest: Its newest version, as the client knows it.
        change: What changes.

    The edit raises NameConflictError: another client was first.
    """
    name, shown = ObjectName(API, SUITE_KIND, suite.slug), suite.shown
    given: dict[str, JSON] = {}
    if change.description is not None and change.description != text(suite.data, "description"):
        given["description"] = change.description
    if change.tags is not None and set(change.tags) != set(texts(suite.data, "tags")):
        given["tags"] = [*dict.fromkeys(change.tags)]
    edits: list[Edit] = []
    if given:
        edits.append(change_object(name, lambda data: {**data, **given}))
    if change.cases is not None and [*change.cases] != texts(newest.data, "test_cases"):
        version = whole(newest.data, "version") + 1
        data: dict[str, JSON] = {
            "namespace": text(suite.data, "namespace"),
            "version": version,
            "test_cases": [*change.cases],
        }
        edits.append(_add_version(suite.slug, shown, data))
    combined = combine(edits, f"Update the test suite {shown}"[:_LONGEST])

    def edit(catalog: Catalog) -> ChangeSet:
        found = combined(catalog)
        if found.puts:
            return found
        return replace(found, message=f"the test suite {shown} already has these values")

    return edit
