"""The first-parent line: what each step changed, in the order of the graph, in any kind of repository."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import git
from support.commit_histories import ANA, BEN, History

from registry_tool.errors import GitError, ShallowHistoryError
from registry_tool.git.command import find_repository
from registry_tool.git.history import FirstParentHistory, Touch

ALIAS = "models/nlp/lang-id/aliases/production.yaml"
HOSTILE = (
    "names/new\nline", "names/tab\tand\rcr", "names/:(glob)**", "names/*", "names/-option", "names/\x01",
    "names/ümlaut", "names/:1 2 3 M", "names/" + os.fsdecode(b"\xff\xfe"), "names/^main", "names/a b",
)  # fmt: skip


def line_of(folder: Path, tip: str = "HEAD") -> FirstParentHistory:
    found = find_repository(folder)
    assert found is not None
    return FirstParentHistory(found, git(folder, "rev-parse", tip))


@pytest.fixture
def past(tmp_path: Path) -> History:
    """Three promotions: one on the line, one merged by somebody else, one on the line again."""
    history = History(tmp_path / "origin")
    history.commit({"registry.yaml": "r\n", "other": "o\n"}, "Start")
    history.commit({ALIAS: "1\n"}, "First", by=ANA)
    history.branch("promote")
    history.commit({ALIAS: "2\n", "note": "n\n"}, "Second", by=BEN)
    history.merge("promote", message="Merge second", by=ANA)
    history.commit({ALIAS: "3\n"}, "Third")
    return history


def shown(touches: Iterator[Touch]) -> list[tuple[str, str, bool, bool]]:
    return [(t.step.subject, t.path, t.before is not None, t.after is not None) for t in touches]


def test_steps_and_what_they_changed(past: History) -> None:
    line = line_of(past.folder)
    assert shown(line.touches()) == [
        ("Third", ALIAS, True, True),
        ("Merge second", ALIAS, True, True),
        ("Merge second", "note", False, True),
        ("First", ALIAS, False, True),
        ("Start", "other", False, True),
        ("Start", "registry.yaml", False, True),
    ]
    assert [step.subject for step in line.steps()] == ["Third", "Merge second", "First", "Start"]
    assert shown(line.touches("note", "other")) == [
        ("Merge second", "note", False, True),
        ("Start", "other", False, True),
    ]


def test_a_step_tells_its_commit(past: History) -> None:
    merge = next(t for t in line_of(past.folder).touches("note")).step
    assert merge.commit == git(past.folder, "rev-parse", "HEAD~1")
    assert list(merge.parents) == git(past.folder, "rev-parse", "HEAD~1^1", "HEAD~1^2").split()
    assert (merge.author, merge.committer, merge.when) == (ANA, ANA, 1772452800)


def test_entries_are_those_of_the_trees(past: History) -> None:
    newest = next(line_of(past.folder).touches(ALIAS))
    assert newest.after is not None
    assert newest.before is not None
    assert newest.after.oid == git(past.folder, "rev-parse", f"HEAD:{ALIAS}")
    assert newest.before.oid == git(past.folder, "rev-parse", f"HEAD~1:{ALIAS}")
    assert newest.after.mode == 0o100644


@pytest.mark.parametrize(
    ("message", "subject"),
    [("One\nmore\n\nBody", "One more"), ("", ""), ("\x01:000000 x", "\x01:000000 x"), ("ü", "ü")],
)
def test_odd_messages(tmp_path: Path, message: str, subject: str) -> None:
    history = History(tmp_path / "r")
    history.commit({"x": "1"}, message)
    assert shown(line_of(history.folder).touches()) == [(subject, "x", False, True)]


def test_the_order_is_the_graph_s(tmp_path: Path) -> None:
    history = History(tmp_path / "r")
    times = [
        "2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z",  # of one second
        "2030-01-01T00:00:00Z",  # a clock in the future
        "2026-03-02T11:00:00Z",  # one that is an hour slow
        "1970-01-01T00:00:00Z", "2026-03-02T12:01:00Z",
    ]  # fmt: skip
    for number, at in enumerate(times):
        history.commit({"x": f"{number}\n"}, str(number), at=at)
    line = line_of(history.folder)
    assert [t.step.subject for t in line.touches("x")] == ["5", "4", "3", "2", "1", "0"]
    assert [s.subject for s in line.steps(since=git(history.folder, "rev-parse", "HEAD~4"))] == [
        "5", "4", "3", "2",
    ]  # fmt: skip


def test_a_date_that_git_cannot_read_is_no_trouble(tmp_path: Path) -> None:
    folder = History(tmp_path / "r").folder
    tree = git(folder, "hash-object", "-t", "tree", "-w", os.devnull)
    (tmp_path / "raw").write_text(
        f"tree {tree}\nauthor A <a@x>\ncommitter C <c@x> nonsense\n\nOdd\n", encoding="utf-8"
    )
    odd = git(folder, "hash-object", "--literally", "-t", "commit", "-w", str(tmp_path / "raw"))
    (step,) = line_of(folder, odd).steps()
    assert (step.commit, step.when, step.subject) == (odd, 0, "Odd")


def test_hostile_names_are_names(tmp_path: Path) -> None:
    history = History(tmp_path / "r")
    history.commit({"names/plain": "0"}, "Plain")
    for number, path in enumerate(HOSTILE):
        history.commit({path: f"{number}"}, f"Add {number}")
    line = line_of(history.folder)
    for number, path in enumerate(HOSTILE):
        assert [(t.path, t.step.subject) for t in line.touches(path)] == [(path, f"Add {number}")]
    assert {t.path for t in line.touches("names")} == {"names/plain", *HOSTILE}


def test_the_user_s_settings_change_nothing(past: History, home: Path) -> None:
    signed = git(past.folder, "cat-file", "commit", "HEAD").replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n", 1
    )
    (past.folder.parent / "raw").write_text(signed, encoding="utf-8")
    raw = ("-t", "commit", "-w", str(past.folder.parent / "raw"))
    git(past.folder, "reset", "--quiet", "--hard", git(past.folder, "hash-object", *raw))
    renamed = "renamed.yaml"
    past.commit({ALIAS: None, renamed: "3\n"}, "Rename")
    before = list(line_of(past.folder).touches())
    with (home / ".gitconfig").open("a", encoding="utf-8") as config:
        config.write(
            "[log]\nshowRoot = false\nfollow = true\nshowSignature = true\ndiffMerges = off\n"
            "decorate = full\ndate = iso\n[diff]\nrenames = copies\nrelative = true\norderFile = order\n"
            "[color]\nui = always\n[core]\nquotePath = true\nabbrev = 4\n[format]\npretty = oneline\n"
            "[i18n]\nlogOutputEncoding = latin1\n"
        )
    (past.folder / "order").write_text("note\n", encoding="utf-8")
    assert list(line_of(past.folder).touches()) == before
    assert shown(line_of(past.folder).touches(renamed)) == [("Rename", renamed, False, True)]


def test_since(past: History) -> None:
    line = line_of(past.folder)
    merge, first = git(past.folder, "rev-parse", "HEAD~1", "HEAD~2").split()
    assert [t.step.subject for t in line.touches(ALIAS, since=merge)] == ["Third"]
    assert [t.step.subject for t in line.touches(ALIAS, since=first)] == ["Third", "Merge second"]
    assert list(line.touches(since=line.tip)) == []


def test_which_commits_are_on_the_line(past: History) -> None:
    line = line_of(past.folder)
    on = git(past.folder, "rev-list", "--first-parent", "HEAD").split()
    beside = git(past.folder, "rev-parse", "HEAD~1^2")
    assert all(line.holds(commit) for commit in on)
    assert not line.holds(beside)
    assert line.nearest(frozenset([beside, *on[1:]])) == on[1]
    assert line.nearest(frozenset()) is None


# --- entered


def test_the_step_that_gave_a_file_its_content(past: History) -> None:
    line = line_of(past.folder)
    subjects = {}
    for path in (ALIAS, "note", "other", "nothing", "models"):
        found = line.find_entry(path)
        subjects[path] = found and found.step.subject
    assert subjects == {
        ALIAS: "Third", "note": "Merge second", "other": "Start", "nothing": None, "models": None,
    }  # fmt: skip


def test_a_revert_is_what_gave_the_content(past: History) -> None:
    past.commit({ALIAS: "1\n"}, "Back to the first")
    found = line_of(past.folder).find_entry(ALIAS)
    assert found is not None
    assert found.step.subject == "Back to the first"


def test_what_was_removed_or_became_a_folder_was_not_entered(past: History) -> None:
    past.commit({"note": None}, "Gone")
    past.commit({"other": None}, "Make room")
    past.commit({"other/inside": "1\n"}, "A folder")
    line = line_of(past.folder)
    assert line.find_entry("note") is None
    assert line.find_entry("other") is None
    assert line.find_entry("other/inside") is not None


# --- kinds of repositories


def _bare(past: History) -> Path:
    return past.clone("bare", "--bare")


def _blobless(past: History) -> Path:
    place = past.clone("partial", "--bare", "--filter=blob:none")
    git(place, "remote", "set-url", "origin", "file:///nowhere")
    return place


def _linked(past: History) -> Path:
    git(past.folder, "worktree", "add", "--quiet", "--detach", str(past.folder.parent / "linked"))
    return past.folder.parent / "linked"


def _packed(past: History) -> Path:
    git(past.folder, "gc", "--quiet")
    git(past.folder, "commit-graph", "write", "--reachable", "--changed-paths")
    return past.folder


@pytest.mark.parametrize("kind", [_bare, _blobless, _linked, _packed])
def test_any_kind_of_repository(past: History, kind: Callable[[History], Path]) -> None:
    expected = list(line_of(past.folder).touches())
    line = line_of(kind(past))
    assert list(line.touches()) == expected
    found = line.find_entry(ALIAS)
    assert found is not None
    assert found.step.subject == "Third"
    assert line.removed_names() == frozenset()


def test_sha256(tmp_path: Path) -> None:
    history = History(tmp_path / "r", "--object-format=sha256")
    history.commit({ALIAS: "1\n"}, "First")
    history.commit({ALIAS: "2\n"}, "Second")
    newest, oldest = line_of(history.folder).touches(ALIAS)
    assert (newest.step.subject, oldest.before, len(newest.step.commit)) == ("Second", None, 64)


def test_a_replaced_commit_does_not_rewrite_the_past(past: History) -> None:
    before = list(line_of(past.folder).touches())
    git(past.folder, "replace", "HEAD", "HEAD~2")
    assert list(line_of(past.folder).touches()) == before


def test_a_missing_commit_is_said(past: History) -> None:
    found = find_repository(past.folder)
    assert found is not None
    with pytest.raises(GitError, match="git log failed"):
        list(FirstParentHistory(found, "1" * 40).touches())


def test_a_broken_object_is_said(past: History) -> None:
    tree = git(past.folder, "rev-parse", "HEAD~1:")
    (past.folder / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(GitError):
        list(line_of(past.folder).touches())


# --- shallow clones


def test_a_clone_of_one_commit_answers_nothing(past: History) -> None:
    line = line_of(past.clone("shallow", "--depth=1"))
    questions: list[Callable[[], object]] = [
        lambda: list(line.touches()), lambda: list(line.touches("nothing")), lambda: line.find_entry(ALIAS),
        lambda: line.find_entry("nothing"), line.removed_names, lambda: list(line.steps()),
        lambda: line.holds("1" * 40),
    ]  # fmt: skip
    for question in questions:
        with pytest.raises(ShallowHistoryError, match="is a shallow clone") as caught:
            question()
        assert caught.value.remedy == "git fetch --unshallow"
    assert line.holds(line.tip)


def test_what_lies_before_the_boundary_is_answered(past: History) -> None:
    line = line_of(past.clone("shallow", "--depth=2"))
    found = line.find_entry(ALIAS)
    assert found is not None
    assert (found.step.subject, found.before is not None) == ("Third", True)
    touches = line.touches()
    assert next(touches).step.subject == "Third"
    with pytest.raises(ShallowHistoryError):
        next(touches)
    with pytest.raises(ShallowHistoryError):
        line.find_entry("other")  # it is there, and nobody here knows since when
    boundary = git(past.folder, "rev-parse", "HEAD~1")
    assert [t.step.subject for t in line.touches(since=boundary)] == ["Third"]


def test_a_work_tree_of_a_shallow_clone_is_shallow(past: History) -> None:
    clone = past.clone("shallow", "--depth=1")
    git(clone, "worktree", "add", "--quiet", "--detach", str(clone.parent / "linked"))
    with pytest.raises(ShallowHistoryError):
        line_of(clone.parent / "linked").find_entry(ALIAS)


def test_once_unshallow_it_answers(past: History) -> None:
    clone = past.clone("shallow", "--depth=1")
    git(clone, "fetch", "--quiet", "--unshallow")
    assert list(line_of(clone).touches()) == list(line_of(past.folder).touches())


def test_a_branch_beside_the_line_may_be_cut(past: History) -> None:
    expected = list(line_of(past.folder).touches())
    clone = past.clone("shallow")
    beside = git(clone, "rev-parse", "HEAD~1^2")
    (clone / ".git" / "shallow").write_text(f"{beside}\n", encoding="ascii")
    assert list(line_of(clone).touches()) == expected
