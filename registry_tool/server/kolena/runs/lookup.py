"""Finds test runs, and what they are about."""

from __future__ import annotations

from registry_tool.errors import NotFoundError
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import get, text, whole
from registry_tool.server.kolena.case_edits import case_slug
from registry_tool.server.kolena.errors import IncorrectUsageError
from registry_tool.server.kolena.lookup import API, SUITE_VERSION_KIND, Lookup
from registry_tool.server.kolena.runs.edits import RUN_KIND
from registry_tool.server.kolena.runs.evidence import name_content
from registry_tool.server.kolena.suite_edits import suite_slug

__all__ = ["find_run", "name_case", "name_suite", "run_case", "run_cases", "run_suite"]


def find_run(lookup: Lookup, number: int) -> ObjectRecord:
    """The test run with an id.

    Raises:
        NotFoundError: There is none.
    """
    found = lookup.find_object(RUN_KIND, number)
    if found is None:
        raise NotFoundError(f"test run {number} not found")
    return found


def run_suite(lookup: Lookup, run: ObjectRecord) -> tuple[ObjectRecord, ObjectRecord]:
    """The test suite that a run is about, and its version.

    Raises:
        NotFoundError: It was deleted.
    """
    found = lookup.snapshot.object(API, SUITE_VERSION_KIND, text(run.data, "suite"))
    suite = None if found is None else lookup.suite_with(found)
    if found is None or suite is None:
        raise NotFoundError(f"the test suite of test run {run.id} was not found")
    return suite, found


def run_cases(lookup: Lookup, run: ObjectRecord) -> dict[int, ObjectRecord]:
    """The test cases of a run by the ids that rows of its metrics have.

    Those are the ids of the time when it began; ids of what was proposed are others once it is published.
    """
    _, suite = run_suite(lookup, run)
    cases = lookup.suite_cases(suite)
    known = get(run.data, "case_ids")
    numbers = [one for one in known if isinstance(one, int)] if isinstance(known, list) else []
    named = dict(zip(numbers, cases, strict=False))
    return {**named, **{case.id: case for case in cases if case.id not in named}}


def run_case(lookup: Lookup, run: ObjectRecord, number: int) -> ObjectRecord:
    """A test case of a run.

    Raises:
        IncorrectUsageError: The suite of the run does not have it.
    """
    found = run_cases(lookup, run).get(number)
    if found is None:
        raise IncorrectUsageError(f"test case {number} is not in the test suite of the run")
    return found


def name_case(case: ObjectRecord) -> str:
    """A version of a test case in the name of a metric."""
    version = whole(case.data, "version")
    is_own = case_slug(case.title, version) == case.slug
    return name_content(case.title, version, slug="" if is_own else case.slug)


def name_suite(suite: ObjectRecord, version: ObjectRecord) -> str:
    """A version of a test suite in the name of a metric."""
    is_own = suite_slug(suite.title) == suite.slug
    return name_content(
        suite.title, whole(version.data, "version"), slug="" if is_own else suite.slug
    )
