"""The past of aliases, versions and models, as `reg.history` gives it, and the audit of all aliases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import git
from support.commit_histories import ANA, BEN, History
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    model_files,
    registry_yaml,
    small_registry,
    status_yaml,
    tag_yaml,
    version_files,
)

import registry_tool
from registry_tool import HistoryEntry, Registry
from registry_tool.catalog.describe import sentence
from registry_tool.catalog.history import Holding, holdings, moment
from registry_tool.errors import InvalidNameError, NotFoundError, ShallowHistoryError
from registry_tool.manifests.layout import Layout
from registry_tool.names import ModelName

FOLDER = "models/nlp/lang-id"
ALIAS = f"{FOLDER}/aliases/production.yaml"
EDGE = f"{FOLDER}/aliases/edge.yaml"
CAT = "Cat Moor <cat@example.org>"
Open = Callable[..., Registry]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens registries that are closed with the test."""
    found: list[Registry] = []

    def start(source: Path | str, *, ref: str = "HEAD") -> Registry:
        found.append(registry_tool.open(source, ref=ref))
        return found[-1]

    yield start
    for registry in found:
        registry.close()


@pytest.fixture
def past(tmp_path: Path) -> History:
    """Production: 1, by Ben 2 in a merge by Ana, back to 1 and pinned, removed, 2 again; all within one second."""
    history = History(tmp_path / "origin")
    history.commit(small_registry(), "Start", by=ANA)
    history.branch("promote")
    history.commit({ALIAS: alias_yaml("2", reason="Better.")}, "Move it", by=BEN)
    history.merge("promote", message="Merge pull request 7", by=ANA)
    history.commit({ALIAS: alias_yaml("1", reason="Worse.", pinned=True)}, "Roll back", by=CAT)
    history.commit({"README.md": "r\n"}, "Elsewhere")
    history.commit({ALIAS: None}, "Remove it", by=CAT)
    history.commit({ALIAS: alias_yaml("2")}, "Set it again", by=BEN)
    return history


def told(entries: list[HistoryEntry]) -> list[str]:
    return [sentence(entry.event) for entry in entries]


def test_the_moves_of_an_alias(past: History, opened: Open) -> None:
    found = opened(past.folder).history("nlp/lang-id@production")
    shown = [(e.version, e.before, e.pinned, e.by, e.merged_by, e.reason, e.subject) for e in found]
    assert shown == [
        ("2", None, False, BEN, BEN, "", "Set it again"),
        (None, "1", False, CAT, CAT, "", "Remove it"),
        ("1", "2", True, CAT, CAT, "Worse.", "Roll back"),
        ("2", "1", False, BEN, ANA, "Better.", "Merge pull request 7"),
        ("1", None, False, ANA, ANA, "", "Start"),
    ]
    assert {entry.alias for entry in found} == {"production"}
    assert {entry.when for entry in found} == {dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)}
    line = git(past.folder, "rev-list", "--first-parent", "HEAD").split()
    assert [entry.commit for entry in found] == [line[0], line[1], line[3], line[4], line[5]]
    assert [entry.parent for entry in found] == [line[1], line[2], line[4], line[5], ""]


def test_the_newest_of_them(past: History, opened: Open) -> None:
    registry = opened(past.folder)
    assert [e.subject for e in registry.history("nlp/lang-id@production", limit=2)] == [
        "Set it again", "Remove it",
    ]  # fmt: skip


def test_looking_back_from_another_commit(past: History, opened: Open) -> None:
    assert len(opened(past.folder, ref="HEAD~3").history("nlp/lang-id@production")) == 3
    removed = opened(past.folder, ref="HEAD~1")
    assert removed.history("nlp/lang-id@production")[0].version is None
    at_work = opened(past.folder, ref=registry_tool.WORK_TREE)
    assert len(at_work.history("nlp/lang-id@production")) == 5


def test_clocks_change_nothing(past: History, opened: Open) -> None:
    past.commit({ALIAS: alias_yaml("1")}, "Slow", at="2026-03-02T11:00:00Z")
    past.commit({ALIAS: alias_yaml("2")}, "Future", at="2030-01-01T00:00:00Z")
    past.commit({ALIAS: alias_yaml("1")}, "Now", at="2026-03-02T12:00:00Z")
    registry = opened(past.folder)
    newest = registry.history("nlp/lang-id@production", limit=3)
    assert [(e.subject, e.version) for e in newest] == [
        ("Now", "1"),
        ("Future", "2"),
        ("Slow", "1"),
    ]
    assert registry.at("2026-03-02T12:00:00Z").version("nlp/lang-id@production").version == "1"
    assert registry.at("2026-03-02T11:30:00Z").commit == newest[2].commit


def test_the_life_of_a_version(past: History, opened: Open) -> None:
    folder = f"{FOLDER}/versions/2"
    past.commit(
        {
            f"{folder}/evidence/holdout.yaml": evidence_yaml("2"),
            f"{FOLDER}/tags/second.yaml": tag_yaml("2"), EDGE: alias_yaml("1"),
        }, "More",
    )  # fmt: skip
    past.commit({f"{folder}/status.yaml": status_yaml("deprecated", reason="Old.")}, "Deprecate")
    registry = opened(past.folder)
    assert told(registry.history("nlp/lang-id@2")) == [
        "version nlp/lang-id@2 is deprecated (it was active): Old.",
        "tag nlp/lang-id@second added: points to 2",
        "evidence holdout on nlp/lang-id@2 added: note by @acme/speech",
        "nlp/lang-id@production now points to 2",
        "nlp/lang-id@production moved from 2 to 1 and pinned: Worse.",
        "nlp/lang-id@production moved from 1 to 2: Better.",
        "version nlp/lang-id@2 added: fasttext; model 13 B",
    ]
    state = registry.history("nlp/lang-id@2")[0]
    assert (state.version, state.before, state.reason, state.alias) == ("2", "active", "Old.", "")
    assert told(registry.history("nlp/lang-id@second")) == [
        "tag nlp/lang-id@second added: points to 2"
    ]
    assert registry.history("nlp/lang-id@latest") == registry.history("nlp/lang-id@1")


def test_all_of_a_model(past: History, opened: Open) -> None:
    past.commit(model_files("cv/faces"), "Another model")
    registry = opened(past.folder)
    found = told(registry.history("nlp/lang-id"))
    assert len(found) == 9
    assert (
        found[-1] == "model nlp/lang-id added, for language-identification, owned by @acme/speech"
    )
    assert not any("faces" in sentence for sentence in found)


def test_what_is_gone_has_a_history(past: History, opened: Open) -> None:
    gone = dict.fromkeys(git(past.folder, "ls-files", FOLDER).splitlines())
    past.commit(gone, "Remove the model")
    registry = opened(past.folder)
    assert registry.history("nlp/lang-id@production")[0].version is None
    assert told(registry.history("nlp/lang-id@1"))[0] == "version nlp/lang-id@1 removed"
    assert registry.history("nlp/lang-id@first")[0].subject == "Remove the model"
    assert "model nlp/lang-id removed" in told(registry.history("nlp/lang-id"))


def test_a_name_that_meant_two_things(past: History, opened: Open) -> None:
    past.commit({ALIAS: None})
    past.commit({f"{FOLDER}/tags/production.yaml": tag_yaml("1")}, "As a tag")
    past.commit({f"{FOLDER}/tags/production.yaml": None}, "Neither")
    found = opened(past.folder).history("nlp/lang-id@production")
    assert [entry.event.kind for entry in found] == ["tag", "tag", *["alias"] * 6]


def test_what_cannot_be_read_is_told_as_that(past: History, opened: Open) -> None:
    past.commit({ALIAS: "version: [\n"}, "Break")
    past.commit({ALIAS: alias_yaml("1")}, "Mend")
    newest = opened(past.folder).history("nlp/lang-id@production", limit=2)
    assert [(entry.version, entry.before) for entry in newest] == [("1", ""), ("", "2")]


def test_models_in_shards(tmp_path: Path, opened: Open) -> None:
    history = History(tmp_path / "r")
    shard = Layout(2).find_shard("lang-id")
    files = {path.replace("/nlp/", f"/nlp/{shard}/"): t for path, t in model_files().items()}
    history.commit({"registry.yaml": registry_yaml(shard=2), **files}, "Start")
    assert len(opened(history.folder).history("nlp/lang-id@1")) == 1


@pytest.mark.parametrize(
    ("reference", "error", "words"),
    [
        ("nlp/lang-id@prodcution", NotFoundError, "no version, tag or alias prodcution"),
        ("nlp/lang-id@9", NotFoundError, "no version, tag or alias 9"),
        ("nlp/lang-ids", NotFoundError, "model nlp/lang-ids does not exist"),
        ("nlp/lang-ids@1", NotFoundError, "model nlp/lang-ids does not exist"),
        ("NLP/x@1", InvalidNameError, "is not a namespace name"),
        ("nlp/lang-id@a b", InvalidNameError, "is not a reference"),
    ],
)
def test_what_never_was(
    past: History, opened: Open, reference: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        opened(past.folder).history(reference)


def test_what_is_not_committed_has_no_history(past: History, opened: Open) -> None:
    folder = past.folder / f"{FOLDER}/versions/5"
    folder.mkdir()
    registry = opened(past.folder, ref=registry_tool.WORK_TREE)
    with pytest.raises(NotFoundError):
        registry.history("nlp/lang-id@5")


# --- clones


def test_a_shallow_clone_refuses_to_guess(past: History, opened: Open) -> None:
    one = opened(past.clone("one", "--depth=1"))
    for reference in ("nlp/lang-id@production", "nlp/lang-id@1", "nlp/lang-id", "nlp/lang-id@no"):
        with pytest.raises(ShallowHistoryError, match="is a shallow clone"):
            one.history(reference)
    with pytest.raises(ShallowHistoryError):
        one.at("2026-03-01")
    with pytest.raises(ShallowHistoryError):
        one.at("HEAD~1")
    assert one.at("2026-03-02").commit == one.commit
    assert one.version("nlp/lang-id@production").version == "2"


def test_a_shallow_clone_answers_what_it_can(past: History, opened: Open) -> None:
    three = opened(past.clone("three", "--depth=3"))
    assert len(three.history("nlp/lang-id@production", limit=2)) == 2
    with pytest.raises(ShallowHistoryError):
        three.history("nlp/lang-id@production", limit=3)


def test_a_merge_whose_branch_is_cut_is_not_laid_at_the_merger_s_door(
    past: History, opened: Open
) -> None:
    git(past.folder, "reset", "--quiet", "--hard", "HEAD~4")
    two = opened(past.clone("two", "--depth=2", "--branch=main"))
    with pytest.raises(ShallowHistoryError):  # the move is here, and who made it is not
        two.history("nlp/lang-id@production", limit=1)


def test_a_clone_without_files_brings_them_at_once(past: History, opened: Open) -> None:
    expected = opened(past.folder).history("nlp/lang-id@production")
    place = past.clone("partial", "--bare", "--filter=blob:none")
    assert opened(place).history("nlp/lang-id@production") == expected
    packs = [path for path in (place / "objects" / "pack").iterdir() if path.suffix == ".pack"]
    assert len(packs) <= 4  # the clone, registry.yaml, two batches; and not one for each file
    past.folder.rename(past.folder.with_name("gone"))
    assert opened(place).history("nlp/lang-id@production") == expected


def test_by_url(past: History, opened: Open) -> None:
    expected = opened(past.folder).history("nlp/lang-id@1")
    assert opened(past.folder.as_uri()).history("nlp/lang-id@1") == expected


@pytest.mark.parametrize(
    ("seconds", "year"),
    [(0, 1970), (1772452800, 2026), (10**11, 5138), (10**18, 9999), (10**30, 9999)],
)
def test_a_time_that_no_calendar_holds(seconds: int, year: int) -> None:
    assert moment(seconds).year == year


# --- the audit


def rows(found: list[Holding]) -> list[tuple[str, str, str, str, str | None]]:
    return [
        (h.model, h.alias, h.version, h.start.subject, h.end.subject if h.end else None)
        for h in found
    ]


def test_who_held_what(past: History, opened: Open) -> None:
    past.commit({ALIAS: alias_yaml("2", reason="It stays.")}, "Only words")
    past.commit(
        {EDGE: alias_yaml("1"), **model_files("cv/faces"),
         "models/cv/faces/aliases/production.yaml": alias_yaml("1", "cv/faces")}, "More",
    )  # fmt: skip
    registry = opened(past.folder)
    assert registry.commit is not None
    model = "nlp/lang-id"
    expected = [
        ("cv/faces", "production", "1", "More", None),
        (model, "edge", "1", "More", None),
        (model, "production", "1", "Start", "Merge pull request 7"),
        (model, "production", "2", "Merge pull request 7", "Roll back"),
        (model, "production", "1", "Roll back", "Remove it"),
        (model, "production", "2", "Set it again", None),
    ]
    found = holdings(registry.repository, registry.commit)
    assert rows(found) == expected
    assert (found[3].start.by, found[3].start.merged_by) == (BEN, ANA)
    of_one = holdings(registry.repository, registry.commit, model=ModelName("cv", "faces"))
    assert rows(of_one) == expected[:1]


def test_a_window_follows_the_line(past: History, opened: Open) -> None:
    registry = opened(past.folder)
    line = git(past.folder, "rev-list", "--first-parent", "HEAD").split()

    def shown(since: int | None, until: int | None) -> list[str]:
        found = holdings(
            registry.repository, line[0],
            since=None if since is None else line[since], until=None if until is None else line[until],
        )  # fmt: skip
        return [holding.start.subject for holding in found]

    everything = ["Start", "Merge pull request 7", "Roll back", "Set it again"]
    assert shown(None, None) == everything
    assert shown(None, 4) == everything[:2]
    assert shown(4, None) == everything[1:]
    assert shown(3, 2) == ["Roll back"]
    assert shown(1, 1) == []  # nobody held it between the removal and what came next


def test_an_audit_of_a_shallow_clone_is_refused(past: History, opened: Open) -> None:
    shallow = opened(past.clone("shallow", "--depth=2"))
    assert shallow.commit is not None
    with pytest.raises(ShallowHistoryError):
        holdings(shallow.repository, shallow.commit)


def test_other_files_under_aliases_are_none(tmp_path: Path, opened: Open) -> None:
    history = History(tmp_path / "r")
    history.commit(
        {**small_registry(), f"{FOLDER}/aliases/README.md": "r\n", f"{FOLDER}/aliases/x/y.yaml": "y\n",
         "models/aliases/production.yaml": alias_yaml(), **version_files("3")},
    )  # fmt: skip
    registry = opened(history.folder)
    assert registry.commit is not None
    found = holdings(registry.repository, registry.commit)
    assert [(h.model, h.alias) for h in found] == [("nlp/lang-id", "production")]
