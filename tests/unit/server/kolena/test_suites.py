"""Kolena's test suites: versions, order, tags, and samples of all test cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from support.kolena_wire import add_case, ask_rows, said
from support.served_apps import Reply, ServedApp

from registry_tool.manifests.problems import JSON

A, B = '{"locator": "a"}', '{"locator": "b"}'


def create(app: ServedApp, name: str, *tags: str) -> Reply:
    given: dict[str, JSON] = {"name": name, "description": "All", "workflow": "lang", "tags": [*tags]}  # fmt: skip
    return app.ask("POST", "generic/test-suite/create", given)


def load(app: ServedApp, name: str, version: int | None = None) -> Reply:
    return app.ask("PUT", "generic/test-suite/load", {"name": name, "version": version})


def load_all(app: ServedApp, *tags: str) -> list[JSON]:
    found = said(app.ask("PUT", "generic/test-suite/load-all", {"workflow": "lang", "tags": [*tags]}))  # fmt: skip
    return [[one["name"], one["version"]] for one in cast("list[dict[str, JSON]]", found["test_suites"])]  # fmt: skip


def edit(app: ServedApp, suite: Mapping[str, JSON], *cases: Mapping[str, JSON], **changes: JSON) -> Reply:  # fmt: skip
    body: dict[str, JSON] = {
        "test_suite_id": suite["id"], "current_version": suite["version"], "name": suite["name"],
        "description": suite["description"], "test_case_ids": [case["id"] for case in cases], **changes,
    }  # fmt: skip
    return app.ask("POST", "generic/test-suite/edit", body)


def test_a_suite_has_versions_and_shares_its_words(app: ServedApp) -> None:
    one, two = add_case(app, "one", (A, "{}", "1")), add_case(app, "two", (B, "{}", "1"))
    assert load(app, "all").status == 404
    empty = said(create(app, "all", "nightly", "Groß"))
    assert empty == {
        "id": empty["id"], "name": "all", "version": 0, "description": "All", "test_cases": [], "workflow": "lang",
        "tags": ["nightly", "Groß"],
    }  # fmt: skip
    first = said(edit(app, empty, two, one))
    assert (first["version"], first["test_cases"]) == (1, [two, one])
    words = said(edit(app, first, two, one, description="New", tags=["daily"]))
    assert words == {**first, "description": "New", "tags": ["daily"]}
    second = said(edit(app, words, one))
    assert (second["version"], second["test_cases"]) == (2, [one])
    assert said(load(app, "all", 1)) == words
    assert said(load(app, "all")) == second
    assert load(app, "all", 3).status == 404
    assert create(app, "all").status == 409


def test_all_suites_of_a_workflow_by_tags(app: ServedApp) -> None:
    case = add_case(app, "one")
    said(edit(app, said(create(app, "a", "x", "y")), case))
    said(create(app, "b", "x"))
    assert load_all(app) == [["a", 1], ["b", 0]]
    assert load_all(app, "x", "y") == [["a", 1]]
    assert load_all(app, "z") == []


def test_two_clients_that_edit_one_version(app: ServedApp) -> None:
    one, two = add_case(app, "one"), add_case(app, "two")
    empty = said(create(app, "all"))
    said(edit(app, empty, one))
    assert edit(app, empty, two).status == 409
    assert edit(app, empty, two, current_version=7).status == 422


def test_a_suite_has_test_cases_of_its_workflow_once(app: ServedApp) -> None:
    one, foreign = add_case(app, "one"), add_case(app, "foreign", workflow="other")
    suite = said(create(app, "all"))
    assert edit(app, suite, foreign).status == 422
    assert edit(app, suite, one, one).status == 422
    assert edit(app, suite, {"id": 4711}).status == 404
    assert edit(app, suite, one, name="other").status == 422


def test_the_samples_of_all_test_cases(app: ServedApp) -> None:
    one, none, two = add_case(app, "one", (A, '{"m": 1}', "1"), (B, "{}", "1")), add_case(app, "none"), add_case(app, "two", (B, '{"m": 2}', "1"))  # fmt: skip
    suite = said(edit(app, said(create(app, "all")), two, none, one))
    found = ask_rows(app, "generic/test-suite/load-test-samples", {"test_suite_id": suite["id"]})
    assert found == {
        "test_case_id": [two["id"], one["id"], one["id"]],
        "test_sample": [B, A, B],
        "test_sample_metadata": ['{"m": 2}', '{"m": 1}', '{"m": 2}'],
    }
