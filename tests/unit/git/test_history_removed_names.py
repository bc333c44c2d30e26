"""Names that were given away and are gone, and the notes that are kept of them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from support import git, give_away
from support.commit_histories import History

from registry_tool.git.command import find_repository
from registry_tool.git.history import FirstParentHistory, extend_removed_names

MODEL = "models/nlp/lang-id"
ONE, TWO = (f"{MODEL}/versions/{v}/version.yaml" for v in "12")
TAG = f"{MODEL}/tags/first.yaml"
ALIAS = f"{MODEL}/aliases/production.yaml"


def vanished(folder: Path, tip: str = "HEAD", *, below: Iterable[str] = ()) -> frozenset[str]:
    found = find_repository(folder)
    assert found is not None
    return FirstParentHistory(found, git(folder, "rev-parse", tip)).removed_names(*below)


def carry(folder: Path, before: str, *, came: Iterable[str] = (), went: Iterable[str] = ()) -> None:
    found = find_repository(folder)
    assert found is not None
    extend_removed_names(found, before, git(folder, "rev-parse", "HEAD"), came=came, went=went)


FIRST = b"registry-tool vanished 3 "


def read_note(note: Path) -> dict[str, dict[str, list[str]]]:
    """What a note says, below the line with its digest."""
    found: dict[str, dict[str, list[str]]] = json.loads(note.read_bytes().partition(b"\n")[2])
    return found


def write_note(note: Path, text: bytes) -> None:
    """Replace a note by one that says something else, under the digest of that."""
    digest = hashlib.sha256(text).hexdigest().encode()
    note.write_bytes(FIRST + digest + b"\n" + text)


def notes(folder: Path) -> list[Path]:
    return sorted((folder / "registry-tool").iterdir())


@pytest.fixture
def past(tmp_path: Path) -> History:
    history = History(tmp_path / "r")
    history.commit(
        {
            "models/nlp/namespace.yaml": "n\n", f"{MODEL}/model.yaml": "m\n", ONE: "1\n", TWO: "2\n",
            TAG: "1\n", ALIAS: "1\n", f"{MODEL}/versions/1/model.bin.dvc": "d\n", "README.md": "r\n",
        }
    )  # fmt: skip
    return history


def test_nothing_is_gone(past: History) -> None:
    assert vanished(past.folder) == frozenset()


def test_names_that_went(past: History) -> None:
    past.commit({ONE: None, f"{MODEL}/versions/1/model.bin.dvc": None, ALIAS: None}, "One")
    past.branch("side")
    past.commit({TAG: None, "README.md": None}, "Tag")
    past.merge("side")
    assert vanished(past.folder) == {ONE, TAG}
    past.commit({TWO: None, f"{MODEL}/model.yaml": None, "models/nlp/namespace.yaml": None})
    gone = {ONE, TWO, TAG, f"{MODEL}/model.yaml", "models/nlp/namespace.yaml"}
    assert vanished(past.folder) == gone


def test_what_came_back_is_not_gone(past: History) -> None:
    past.commit({ONE: None})
    assert vanished(past.folder) == {ONE}
    past.commit({ONE: "1\n"})
    assert vanished(past.folder) == frozenset()


def test_a_rename_takes_the_old_name(past: History) -> None:
    other = ONE.replace("/1/", "/3/")
    past.commit({ONE: None, other: "1\n"})
    assert vanished(past.folder) == {ONE}


def test_a_branch_that_never_was_published_does_not_count(past: History) -> None:
    past.branch("side")
    draft = ONE.replace("/1/", "/9/")
    past.commit({draft: "9\n"})
    past.commit({draft: None, "x": "1\n"})
    past.merge("side")
    assert vanished(past.folder) == frozenset()


# --- some folders


def test_a_question_about_folders_is_answered_for_them(past: History) -> None:
    other = "models/nlp/lang-id-2/versions/1/version.yaml"
    past.commit({other: "1\n"})
    past.commit({other: None, ONE: None})
    assert vanished(past.folder, below=[MODEL]) == {ONE}
    assert vanished(past.folder, below=["models/nlp/lang-id-2"]) == {other}
    past.commit({TAG: None, "models/nlp/namespace.yaml": None})
    assert vanished(past.folder, below=[MODEL]) == {ONE, TAG}
    assert vanished(past.folder, below=[MODEL, "models/nlp/lang-id-2"]) == {ONE, TAG, other}
    assert vanished(past.folder, below=["models/nlp"]) == {
        ONE,
        TAG,
        other,
        "models/nlp/namespace.yaml",
    }
    assert vanished(past.folder, below=["models/cv"]) == frozenset()


def test_folders_whose_notes_are_of_different_age(past: History) -> None:
    vanished(past.folder, below=[MODEL])
    past.commit({ONE: None})
    vanished(past.folder, below=["models/nlp"])
    past.branch("side")
    past.commit({TAG: None})
    assert vanished(past.folder, below=[MODEL, "models/nlp", "models/cv"]) == {ONE, TAG}
    past.switch("main")
    past.commit({TWO: None})
    assert vanished(past.folder, below=[MODEL, "models/nlp"]) == {ONE, TWO}


def test_after_many_folders_everything_is_read_once(past: History) -> None:
    past.commit({ONE: None})
    for number in range(41):
        vanished(past.folder, below=[f"models/nlp/model-{number}"])
    (note,) = notes(past.folder / ".git")
    kept = read_note(note)
    assert kept == {"models": {git(past.folder, "rev-parse", "HEAD"): [ONE]}}
    past.commit({TAG: None})
    assert vanished(past.folder, below=[MODEL]) == {ONE, TAG}


# --- the notes


def test_a_later_question_reads_only_what_was_added(past: History) -> None:
    past.commit({ONE: None})
    vanished(past.folder)
    (note,) = notes(past.folder / ".git")
    kept = read_note(note)
    assert kept == {"models": {git(past.folder, "rev-parse", "HEAD"): [ONE]}}
    # What stands in the note is believed: so it was not read again.
    kept["models"] = {tip: ["models/told/by/the/note/model.yaml"] for tip in kept["models"]}
    write_note(note, json.dumps(kept).encode())
    past.commit({TAG: None})
    assert vanished(past.folder) == {TAG, "models/told/by/the/note/model.yaml"}


def test_an_earlier_and_another_branch_have_notes_of_their_own(past: History) -> None:
    past.branch("other")
    past.commit({TWO: None})
    past.switch("main")
    past.commit({ONE: None})
    for _ in range(2):
        assert vanished(past.folder) == {ONE}
        assert vanished(past.folder, "other") == {TWO}
        assert vanished(past.folder, "HEAD~1") == frozenset()
    (note,) = notes(past.folder / ".git")
    assert len(read_note(note)["models"]) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff", b'["models"]', b'{"models": ["TIP"]}',
        b'{"models": {"TIP": "x"}}', b'{"models": {"TIP": [1], "": ["x"]}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_note_that_is_not_ours_is_replaced(past: History, content: bytes) -> None:
    past.commit({ONE: None})
    vanished(past.folder)
    (note,) = notes(past.folder / ".git")
    tip = git(past.folder, "rev-parse", "HEAD")
    write_note(note, content.replace(b"TIP", tip.encode()))
    assert vanished(past.folder) == {ONE}
    assert read_note(note)["models"][tip] == [ONE]


def test_a_note_of_an_older_release_is_replaced(past: History) -> None:
    past.commit({ONE: None})
    vanished(past.folder)
    (note,) = notes(past.folder / ".git")
    tip = git(past.folder, "rev-parse", "HEAD")
    old = {"format": "vanished/v2", "folders": {"models": {tip: []}}}
    note.write_text(json.dumps(old), encoding="utf-8")
    assert vanished(past.folder) == {ONE}


def test_no_flipped_bit_gives_a_name_again(past: History) -> None:
    past.commit({ONE: None})
    vanished(past.folder)
    (note,) = notes(past.folder / ".git")
    whole = note.read_bytes()
    for place in range(len(whole)):
        note.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert vanished(past.folder) == {ONE}, place
    for size in range(len(whole)):
        note.write_bytes(whole[:size])
        assert vanished(past.folder) == {ONE}, size


def test_notes_that_another_user_may_have_written_are_not_read(past: History) -> None:
    past.commit({ONE: None})
    vanished(past.folder)
    (note,) = notes(past.folder / ".git")
    said = read_note(note)
    write_note(note, json.dumps({"models": {key: [] for key in said["models"]}}).encode())
    assert vanished(past.folder) == frozenset()
    before = note.read_bytes()
    tip = git(past.folder, "rev-parse", "HEAD")
    give_away(past.folder)
    found = find_repository(past.folder)
    assert found is not None
    assert FirstParentHistory(found, tip).removed_names() == {ONE}
    assert note.read_bytes() == before


def test_grafts_hide_no_name(past: History) -> None:
    past.commit({ONE: None})
    tip = git(past.folder, "rev-parse", "HEAD")
    (past.folder / ".git" / "info").mkdir(exist_ok=True)
    (past.folder / ".git" / "info" / "grafts").write_text(f"{tip}\n", encoding="ascii")
    assert vanished(past.folder) == {ONE}


def test_notes_do_not_grow_for_ever(past: History) -> None:
    for number in range(20):
        past.commit({"x": f"{number}\n"})
        vanished(past.folder)
    (note,) = notes(past.folder / ".git")
    tips = read_note(note)["models"]
    assert len(tips) == 16
    assert git(past.folder, "rev-parse", "HEAD") in tips


def test_a_place_that_cannot_be_written_is_no_trouble(past: History) -> None:
    past.commit({ONE: None})
    (past.folder / ".git" / "registry-tool").write_text("in the way", encoding="utf-8")
    assert vanished(past.folder) == {ONE}


def test_linked_work_trees_share_their_notes(past: History, tmp_path: Path) -> None:
    past.commit({ONE: None})
    git(past.folder, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    assert vanished(tmp_path / "linked") == {ONE}
    assert len(notes(past.folder / ".git")) == 1


def test_a_name_that_is_not_utf_8_is_kept(past: History) -> None:
    odd = f"{MODEL}/tags/\udcff.yaml"
    past.commit({odd: "1\n"})
    past.commit({odd: None})
    for _ in range(2):
        assert vanished(past.folder) == {odd}


def test_processes_that_write_at_once_agree(past: History) -> None:
    tips = [past.commit({ONE: None})]
    tips += [past.commit({"x": f"{number}\n"}) for number in range(7)]
    code = (
        "import sys; from pathlib import Path; from registry_tool.git.history import FirstParentHistory\n"
        "from registry_tool.git.command import find_repository\n"
        "for _ in range(5): print(*FirstParentHistory(find_repository(Path.cwd()), sys.argv[1]).removed_names())\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, tip], cwd=past.folder, stdout=subprocess.PIPE, text=True
        )
        for tip in tips
    ]
    outputs = [process.communicate()[0] for process in running]
    assert outputs == [f"{ONE}\n" * 5] * len(tips)
    (note,) = notes(past.folder / ".git")  # and nothing half-made
    found = read_note(note)["models"]
    assert all(paths == [ONE] for paths in found.values())


# --- notes that are carried on by whoever made a commit


def _kept(folder: Path) -> dict[str, dict[str, list[str]]]:
    (note,) = notes(folder / ".git")
    return read_note(note)


@pytest.mark.parametrize("below", [(), (MODEL, "models/cv")])
def test_carried_notes_say_what_history_says(past: History, below: tuple[str, ...]) -> None:
    three = ONE.replace("/1/", "/3/")
    vanished(past.folder, below=below)
    changes: list[dict[str, str | None]] = [
        {ONE: None, three: "3\n", "README.md": None},
        {TAG: None, "x": "1\n", f"{MODEL}/model.yaml": "other\n"},
        {ONE: "1\n", TWO: None},
    ]
    for files in changes:
        before = git(past.folder, "rev-parse", "HEAD")
        past.commit(files)
        came = [path for path, data in files.items() if data is not None]
        carry(past.folder, before, came=came, went=files.keys() - set(came))
        carried = {
            f: tips[git(past.folder, "rev-parse", "HEAD")] for f, tips in _kept(past.folder).items()
        }
        said = vanished(past.folder, below=below)
        (past.folder / ".git/registry-tool/vanished.json").unlink()
        assert vanished(past.folder, below=below) == said
        assert {
            f: tips[git(past.folder, "rev-parse", "HEAD")] for f, tips in _kept(past.folder).items()
        } == carried


def test_nothing_is_carried_from_a_commit_without_a_note(past: History) -> None:
    vanished(past.folder)
    past.commit({TWO: None})  # by somebody else
    before = git(past.folder, "rev-parse", "HEAD")
    past.commit({ONE: None})
    carry(past.folder, before, went=[ONE])
    assert git(past.folder, "rev-parse", "HEAD") not in _kept(past.folder)["models"]
    assert vanished(past.folder) == {ONE, TWO}
