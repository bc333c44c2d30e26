"""What changed on a branch as CloudEvents."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import git
from support.commit_histories import ANA, BEN, History
from support.manifests import alias_yaml, registry_yaml, small_registry, version_files

from registry_tool.api.history import entries_between
from registry_tool.catalog.catalog import Catalog
from registry_tool.errors import ShallowHistoryError, UsageError
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree
from registry_tool.integrations.cloudevents import cloud_event, derive_source
from registry_tool.manifests.problems import JSON

ALIAS = "models/nlp/lang-id/aliases/production.yaml"
Ask = Callable[..., list[dict[str, JSON]]]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Asks for the events between two revisions of a repository; None for the beginning."""
    opened: list[Repository] = []

    def between(folder: Path, base: str | None, head: str = "HEAD") -> list[dict[str, JSON]]:
        repository = Repository.open(folder)
        opened.append(repository)
        start = None if base is None else repository.commit(base)
        found = entries_between(repository, start, repository.commit(head))
        return [cloud_event(entry, source="/registries/acme-models") for entry in found]

    yield between
    for repository in opened:
        repository.close()


@pytest.fixture
def past(tmp_path: Path) -> History:
    history = History(tmp_path / "origin")
    history.commit(small_registry(), "Start")
    history.branch("add")
    history.commit(version_files("3"), "Add 3", by=BEN, at="2026-03-01T08:00:00Z")
    history.merge("add", message="Merge add", by=ANA, at="2026-03-03T08:00:00Z")
    history.commit({ALIAS: alias_yaml("3", reason="Better.")}, "Promote", by=BEN)
    return history


def brief(events: list[dict[str, JSON]]) -> list[tuple[JSON, JSON]]:
    return [(event["type"], event["subject"]) for event in events]


def test_an_event_of_a_move(past: History, ask: Ask) -> None:
    (event,) = ask(past.folder, "HEAD~1")
    commit, parent = git(past.folder, "rev-parse", "HEAD", "HEAD~1").split()
    assert event == {
        "specversion": "1.0",
        "id": f"{commit}:{ALIAS}",
        "source": "/registries/acme-models",
        "type": "registry.alias.moved.v1",
        "subject": "nlp/lang-id@production",
        "time": "2026-03-02T12:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "model": "nlp/lang-id", "alias": "production", "version": "3", "before": "1", "pinned": False,
            "reason": "Better.", "reference": "nlp/lang-id@production", "path": ALIAS, "act": "moved",
            "commit": commit, "since": parent, "by": BEN, "merged_by": BEN, "message": "Promote",
        },
    }  # fmt: skip


def test_oldest_first_and_each_once(past: History, ask: Ask) -> None:
    events = ask(past.folder, None)
    assert brief(events)[-2:] == [
        ("registry.version.added.v1", "nlp/lang-id@3"),
        ("registry.alias.moved.v1", "nlp/lang-id@production"),
    ]
    assert brief(events)[0] == ("registry.policy.added.v1", "registry.yaml")
    assert brief(ask(past.folder, "HEAD~2")) == brief(events)[-2:]
    assert ask(past.folder, "HEAD") == []
    ids = [event["id"] for event in events]
    assert len(set(ids)) == len(ids)
    merged = events[-2]["data"]
    assert isinstance(merged, dict)
    assert (merged["by"], merged["merged_by"], merged["message"]) == (BEN, ANA, "Merge add")


def test_the_same_commits_give_the_same_events(past: History, ask: Ask) -> None:
    clone = past.clone("clone", "--bare", "--filter=blob:none")
    assert ask(clone, None) == ask(past.folder, None)


def test_a_push_told_in_parts_is_the_push_told_at_once(past: History, ask: Ask) -> None:
    parts = ask(past.folder, None, "HEAD~1") + ask(past.folder, "HEAD~1", "HEAD")
    assert parts == ask(past.folder, None)


def test_a_branch_that_was_rewound(past: History, ask: Ask) -> None:
    base, head = git(past.folder, "rev-parse", "HEAD", "HEAD~1").split()
    (event,) = ask(past.folder, base, head)
    assert event["id"] == f"{base}..{head}:{ALIAS}"
    data = event["data"]
    assert isinstance(data, dict)
    assert (data["version"], data["before"], data["since"], data["by"]) == ("1", "3", base, None)
    # It is another event than the one that the same commit gave when it was new.
    assert event["id"] not in {one["id"] for one in ask(past.folder, None, head)}


def test_a_branch_that_was_rewritten(past: History, ask: Ask) -> None:
    before = git(past.folder, "rev-parse", "HEAD")
    git(past.folder, "reset", "--quiet", "--hard", "HEAD~2")
    past.commit({ALIAS: alias_yaml("2"), "note": "n\n"}, "Instead")
    assert brief(ask(past.folder, before)) == [
        ("registry.version.removed.v1", "nlp/lang-id@3"),
        ("registry.alias.moved.v1", "nlp/lang-id@production"),
        ("registry.file.added.v1", "note"),
    ]


def test_a_merge_the_other_way_round_tells_only_what_is_new(past: History, ask: Ask) -> None:
    deployed = git(past.folder, "rev-parse", "HEAD")
    past.branch("mine", "HEAD~2")
    past.commit({"note": "n\n"}, "Mine")
    merged = past.merge("main", message="Take in main", into="mine")
    assert git(past.folder, "merge-base", deployed, merged) == deployed
    assert brief(ask(past.folder, deployed, merged)) == [("registry.file.added.v1", "note")]


def test_unrelated_histories(past: History, ask: Ask) -> None:
    git(past.folder, "checkout", "--quiet", "--orphan", "other")
    past.commit({ALIAS: alias_yaml("2")}, "Another beginning")
    assert ("registry.alias.moved.v1", "nlp/lang-id@production") in brief(ask(past.folder, "main"))


def test_a_shallow_clone(past: History, ask: Ask) -> None:
    two = past.clone("two", "--depth=2")
    assert brief(ask(two, "HEAD~1")) == [("registry.alias.moved.v1", "nlp/lang-id@production")]
    with pytest.raises(ShallowHistoryError):
        ask(two, None)


def test_attributes_hold_what_the_specification_allows(past: History, ask: Ask) -> None:
    names = [
        "a\nb",
        "a\x7fb",
        "a%b",
        "ü",
        "\uffff",
        "x\U0001ffff",
        os.fsdecode(b"\xff"),
        "a b",
        "\u2028",
    ]
    past.commit(dict.fromkeys(names, "1\n"), "Odd\x01 names")
    events = ask(past.folder, "HEAD~1")
    assert {str(event["subject"]) for event in events} == {
        "a%0Ab", "a%7Fb", "a%25b", "ü", "%EF%BF%BF", "x%F0%9F%BF%BF", "%FF", "a b", "\u2028",
    }  # fmt: skip
    assert {event["data"]["path"] for event in events if isinstance(event["data"], dict)} == set(
        names
    )
    for event in events:
        assert re.fullmatch(r"[0-9a-f]{40}:[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+", str(event["id"]))
        assert json.loads(json.dumps(event)) == event


def test_sources() -> None:
    assert (
        derive_source(Catalog(DictTree({"registry.yaml": registry_yaml()})))
        == "/registries/acme-models"
    )
    assert derive_source(Catalog(DictTree({"registry.yaml": "broken"}))) == "/registries/unnamed"


@pytest.mark.parametrize("source", ["", "a b", "a\nb", "ü"])
def test_what_is_no_source(past: History, source: str) -> None:
    repository = Repository.open(past.folder)
    try:
        (entry,) = entries_between(
            repository, repository.commit("HEAD~1"), repository.commit("HEAD")
        )
        with pytest.raises(UsageError, match="is not a URI reference"):
            cloud_event(entry, source=source)
    finally:
        repository.close()
