"""The reader of ignore rules against Git itself, dulwich (which DVC asks) and libgit2 (which DVC falls back to)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import pygit2
import pytest
from dulwich.ignore import IgnoreFilterManager
from dulwich.repo import Repo
from support import run_git

from registry_tool.git.ignore_rules import build_prefilter, parse_ignore_rules

FILES = (
    "a", "a.yaml", "b/a.yaml", "b/c/a.yaml", "b/c/d.bin", "b/c/d/e", "key.yaml", "x y", "#h", "!h", "b/[z]", "b/zz", "k.YAML",
)  # fmt: skip
FOLDERS = ("b", "b/c", "b/c/d")
SOURCES = (
    "a", "/a", "a/", "*.yaml", "*.yaml\n!key.yaml", "/b/", "b", "/b/*", "/b/?*", "/b/*\n!/b/c/", "/b/?*\n!/b/c/\n/b/c/?*\n!*.yaml",
    "b/**", "**/c", "**/c/**", "b/**/e", "/**", "/*", "/?*", "*", "!a", "\\#h", "\\!h", "x y", "x y   ", "x\\ y", "#h", "a\r\nb/c\r",
    "b/[[]z]", "b/[!a]*", "b/[^a]*", "b/[x-z]z", "b\\/c", "?.yaml", "[a-k]*.yaml", "\n\n", "/", "!", "b/*/*", "b/*/*\n!b/*/*/",
    "b/c/*\n!b/c/d/", "b/c/d/*", "b//c", "*.Y*", "b/c*", "b*c", "**", "a**", "b/**c",
)  # fmt: skip
MODELS = "models/nlp/lang-id"
WALKED = ("models", "models/nlp", MODELS, f"{MODELS}/versions", f"{MODELS}/versions/4")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ignoring")
    run_git(root, "init", "-q", ".")
    for folder in (*FOLDERS, *WALKED):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for file in FILES:
        (root / file).touch()
    return root


def ignored_by_git(folder: Path, paths: Iterable[str]) -> set[str]:
    asked = "\0".join(paths).encode()
    try:
        out = run_git(folder, "check-ignore", "--no-index", "--stdin", "-z", stdin=asked)
    except AssertionError:  # exit code 1: none is
        return set()
    return set(out.decode().split("\0")) - {""}


@pytest.mark.parametrize("source", SOURCES)
def test_git_says_the_same(repository: Path, source: str) -> None:
    (repository / ".gitignore").write_text(source, newline="")
    rules = parse_ignore_rules(source.encode())
    paths = [f for f in FILES if (repository / f).is_file()] + list(FOLDERS)
    ours = {p for p in paths if rules.hides(p, is_folder=p in FOLDERS)}
    assert ours == ignored_by_git(repository, paths)


@pytest.mark.parametrize(
    "source",
    [
        "/models/*/*/*\n!/models/*/*/model.yaml\n!/models/*/*/versions/\n",
        "/models/*/*/?*\n!/models/*/*/versions/\n",
        "/models/**\n!*.yaml\n", "/models/**\n!/models/**\n", "models/", "/models/*\n!/models/*/\n",
        "/models/*/*/*\n!/models/*/*/*/\n", "/models/nlp/*", "*.bin\n", "/models/*/*/versions/*/*\n!/models/*/*/versions/*/*.dvc\n",
    ],
)  # fmt: skip
def test_the_installed_dulwich_closes_no_folder_that_we_call_open(
    repository: Path, source: str
) -> None:
    (repository / ".gitignore").write_text(source)
    rules = parse_ignore_rules(source.encode())
    with Repo(str(repository)) as repo:
        manager = IgnoreFilterManager.from_repo(repo)
        theirs = {folder for folder in WALKED if manager.is_ignored(f"{folder}/")}
    ours = {folder for folder in WALKED if rules.hides_from_dvc(folder)}
    # Releases before 1.2.15 close fewer.
    assert theirs <= ours
    git2 = pygit2.Repository(str(repository))  # type: ignore[no-untyped-call,unused-ignore]  # ships types since 1.15
    assert {folder for folder in WALKED if git2.path_is_ignored(folder)} <= ours


@pytest.mark.parametrize(
    "source",
    ["*a" * 400 + "b", "**/" * 300 + "x", "[" * 900, "a" * 100_000, "*?" * 400, "!/\n" * 90_000],
)
def test_hostile_rules_take_no_time(source: str) -> None:
    began = time.process_time()
    rules = parse_ignore_rules(source.encode())
    for path in ("/".join(["a" * 60] * 8), "a" * 250):
        rules.hides(path)
        rules.hides_from_dvc(path)
    assert time.process_time() - began < 2


def test_bytes_that_are_no_text_are_read() -> None:
    rules = parse_ignore_rules(b"\xff*\n\xef\xbb\xbfx\n")
    assert rules.hides("\udcffa") is not None


def test_a_mark_at_the_beginning_is_no_part_of_the_pattern() -> None:
    assert parse_ignore_rules(b"\xef\xbb\xbfkey.yaml\n").hides("keys/key.yaml") is not None


@pytest.mark.parametrize("source", SOURCES)
def test_the_quick_question_misses_nothing_that_is_hidden(source: str) -> None:
    rules = parse_ignore_rules(source.encode())
    is_near = build_prefilter(rules.patterns)
    for file in FILES:
        assert is_near(file) or rules.hides(file) is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("/models/*/*/?*", False), ("/models/*/*/versions/*/?*", False), ("/models/*/*/*", False), ("models/", False),
        ("lang-id/", True), ("/models/??/", True), ("/models/[a-m]*/", True), ("*.yaml", True),
    ],
)  # fmt: skip
def test_a_line_names_something_or_all(line: str, found: bool) -> None:  # noqa: FBT001 (a table)
    (pattern,) = parse_ignore_rules(line.encode()).patterns
    assert pattern.names_something is found


def test_many_files_are_asked_about_in_no_time() -> None:
    lines = "".join(f"name{n}*\ndir{n}/\n" for n in range(50))
    is_near = build_prefilter(parse_ignore_rules(lines.encode()).patterns)
    start = time.perf_counter()
    assert not any(
        is_near(f"models/n{n % 50}/m{n % 700}/versions/{n}/{file}")
        for n in range(5_000)
        for file in ("version.yaml", "a.bin.dvc")
    )
    assert time.perf_counter() - start < 10
