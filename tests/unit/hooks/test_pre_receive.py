"""What a server says to a push; here without the push: the commits lie in its repository already."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import alias_yaml, small_registry, version_files

from registry_tool.errors import RefusedError, UsageError
from registry_tool.git.command import Git
from registry_tool.git.remote.ref_updates import Update
from registry_tool.git.repository import Repository
from registry_tool.hooks.judge import MAX_BRANCHES, PushVerdict
from registry_tool.hooks.pre_receive import (
    Main,
    Policy,
    check_received_push,
    find_main,
    find_pusher,
    protected_branches,
    read_policy,
)

MODEL = "models/nlp/lang-id"
MAIN = "refs/heads/main"
NONE = "0" * 40
GOOD = {f"{MODEL}/aliases/staging.yaml": alias_yaml("2")}
BAD = {f"{MODEL}/aliases/staging.yaml": alias_yaml("7")}


class Server:
    """A bare repository with the registry at main, and a clone whose commits are there but on no branch."""

    def __init__(self, work: Path, bare: Path) -> None:
        git(work, "clone", "-q", "--bare", str(work), str(bare))
        self.work, self.bare = work, bare
        self.tip = git(bare, "rev-parse", "main")

    def bring(self, files: dict[str, str]) -> str:
        """A commit with files, on top of the last one."""
        write_files(self.work, files)
        made = commit(self.work)
        git(self.work, "push", "-q", str(self.bare), f"HEAD:refs/brought/{made}")
        return made

    def answer(self, *updates: Update) -> PushVerdict:
        repository = Repository(Git(self.bare), source="server")
        try:
            return check_received_push(repository, updates)
        finally:
            repository.close()

    def refusal(self, *updates: Update) -> str:
        answer = self.answer(*updates)
        assert answer.refused
        assert answer.lines[-1].startswith("refused, nothing was changed")
        return "\n".join(answer.lines)


@pytest.fixture
def server(make_registry: Callable[..., Path], tmp_path: Path) -> Server:
    return Server(make_registry(small_registry()), tmp_path / "bare.git")


def test_what_concerns_no_registry_is_answered_with_nothing(server: Server) -> None:
    gone = Update("refs/heads/old", server.tip, NONE)
    tag = Update("refs/tags/v1", NONE, server.tip)
    assert server.answer() == server.answer(gone, tag) == PushVerdict((), refused=False)


@pytest.mark.parametrize(
    "ref",
    ["refs/tags/main", "refs/tags/HEAD", "refs/tags/origin/main", "refs/tags/heads/main", "refs/heads/HEAD",
     "refs/tags/refs/heads/main", "refs/heads/refs/heads/main"],
)  # fmt: skip
def test_no_other_ref_takes_the_name_of_the_main_branch(server: Server, ref: str) -> None:
    said = server.refusal(Update(ref, NONE, server.tip))
    assert said.startswith(f"{ref}: this ref would make the name of the main branch ambiguous\n")
    assert not server.answer(Update(ref, server.tip, NONE)).refused


@pytest.mark.parametrize("ref", ["refs/tags/main-1", "refs/tags/v1", "refs/heads/origin/main"])
def test_other_names_are_free(server: Server, ref: str) -> None:
    assert not server.answer(Update(ref, NONE, server.tip)).refused


def test_a_good_change_passes(server: Server) -> None:
    answer = server.answer(Update(MAIN, server.tip, server.bring(GOOD)))
    assert not answer.refused
    assert answer.lines[0] == "main: 1 file checked, no problems found"
    assert answer.lines[-1].startswith("passed (pushed by ")


def test_a_bad_change_is_told_with_its_remedy(server: Server) -> None:
    said = server.refusal(Update(MAIN, server.tip, server.bring(BAD)))
    assert f"{MODEL}/aliases/staging.yaml:3:10: refuse M203" in said
    assert "    try: " in said


def test_a_change_is_compared_with_what_is_published(server: Server) -> None:
    """What is wrong on main already does not stop the next one."""
    bad = server.bring(BAD)
    git(server.bare, "update-ref", MAIN, bad)
    fine = server.bring({"README.md": "Models.\n"})
    assert (
        server.answer(Update(MAIN, bad, fine)).lines[0] == "main: 1 file checked, no problems found"
    )


def test_an_old_state_that_is_not_the_branchs_was_overtaken(server: Server) -> None:
    new = server.bring(GOOD)
    for old in (NONE, new):
        said = server.refusal(Update(MAIN, old, new))
        assert "somebody was faster" in said
        assert "git pull --rebase origin main; then push again" in said


def test_settings_are_words_or_nothing_passes(server: Server) -> None:
    repository = Git(server.bare)
    assert read_policy(repository) == Policy("accept", "report")
    git(server.bare, "config", "registry.receive.review", "refuse")
    git(server.bare, "config", "registry.receive.branches", "off")
    assert read_policy(repository) == Policy("refuse", "off")
    git(server.bare, "config", "registry.receive.branches", "of\x1b[2J")
    with pytest.raises(UsageError, match=r"registry\.receive\.branches is .of") as wrong:
        read_policy(repository)
    assert "\x1b" not in wrong.value.message
    assert "git config registry.receive.branches report" in wrong.value.remedy


def test_only_some_of_many_guarded_branches_are_looked_at_and_the_rest_is_refused(
    server: Server,
) -> None:
    git(server.bare, "symbolic-ref", "HEAD", "refs/heads/master")
    many = [Update(f"refs/heads/b{n}", NONE, server.tip) for n in range(MAX_BRANCHES + 5)]
    said = server.refusal(*many)
    assert "5 more branches were not checked" in said
    assert said.count("no problems found") == MAX_BRANCHES


def test_many_branches_where_what_is_wrong_is_refused(server: Server) -> None:
    git(server.bare, "config", "registry.receive.branches", "refuse")
    commits = [server.bring({"README.md": f"{n}\n"}) for n in range(MAX_BRANCHES + 2)]
    few = [Update(f"refs/heads/b{n}", NONE, c) for n, c in enumerate(commits[:MAX_BRANCHES])]
    rest = [Update(f"refs/heads/c{n}", NONE, c) for n, c in enumerate(commits[MAX_BRANCHES:])]
    assert not server.answer(*few).refused
    assert "2 more branches were not checked" in server.refusal(*few, *rest)


def test_what_is_said_has_an_end(server: Server) -> None:
    bad = {f"{MODEL}/aliases/a{n}.yaml": alias_yaml("7") for n in range(300)}
    answer = server.answer(Update(MAIN, server.tip, server.bring(bad)))
    assert answer.refused
    assert len(answer.lines) < 60
    assert any(line.startswith("and 290 more") for line in answer.lines)
    names = [Update(f"refs/heads/{'x' * 900}\udcff\x85{n}", NONE, server.tip) for n in range(500)]
    answer = server.answer(*names)
    assert len(answer.lines) <= 130
    assert all(len(line) < 500 and line.isprintable() for line in answer.lines)


def test_a_server_that_lacks_history_says_so(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare repository made from a shallow clone cannot know which names were given away before."""
    server.bring(GOOD)
    git(tmp_path, "clone", "-q", "--bare", "--depth=1", f"file://{server.work}", "shallow.git")
    shallow = tmp_path / "shallow.git"
    old = git(shallow, "rev-parse", "main")
    write_files(server.work, version_files("3"))
    new = commit(server.work)
    git(server.work, "push", "-q", str(shallow), "HEAD:refs/brought/x")
    repository = Repository(Git(shallow), source="server")
    try:
        answer = check_received_push(repository, [Update(MAIN, old, new)])
    finally:
        repository.close()
    said = "\n".join(answer.lines)
    assert answer.refused, said
    assert "the server's clone is shallow" in said
    assert "git fetch --unshallow" in said


def test_the_main_branch_is_what_head_names(server: Server) -> None:
    repository = Git(server.bare)
    git(server.bare, "symbolic-ref", "refs/heads/also", MAIN)
    main = find_main(repository)
    assert main == Main(MAIN, frozenset({MAIN, "refs/heads/also"}), server.tip)
    other = Update("refs/heads/other", NONE, server.tip)
    assert protected_branches(main, [other]) == main.names
    git(server.bare, "symbolic-ref", "HEAD", "refs/heads/none")
    assert protected_branches(find_main(repository), [other]) == {"refs/heads/other"}
    first = Update("refs/heads/none", NONE, server.tip)
    assert protected_branches(find_main(repository), [other, first]) == {"refs/heads/none"}
    git(server.bare, "update-ref", "--no-deref", "HEAD", server.tip)
    assert find_main(repository) == ("", frozenset(), None)
    assert protected_branches(find_main(repository), [other]) == {"refs/heads/other"}


def test_the_pusher_is_whom_the_web_server_let_in_or_the_account(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMOTE_USER", "alice\x1b[2J" + "x" * 100)
    said = server.answer(Update(MAIN, server.tip, server.bring(GOOD))).lines[-1]
    assert "pushed by alice\\u001b[2J" in said
    assert len(said) < 90
    monkeypatch.delenv("REMOTE_USER")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert find_pusher() == getpass.getuser()


def test_a_push_of_very_many_steps_is_made_in_parts(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_tool.hooks.judge._MOST_STEPS", 2)
    commits = [server.bring({"README.md": f"{n}\n"}) for n in range(3)]
    with pytest.raises(
        RefusedError, match="the push has 3 commits on the first-parent line"
    ) as caught:
        server.answer(Update(MAIN, server.tip, commits[-1]))
    assert caught.value.remedy.endswith(f"git push origin {commits[1]}:{MAIN}")
    assert not server.answer(Update(MAIN, server.tip, commits[1])).refused


def _merge(server: Server, first: str, second: str) -> str:
    tree = f"{second}^{{tree}}"
    return git(server.bare, "commit-tree", "-m", "Merge", "-p", first, "-p", second, tree)


def test_only_the_line_that_the_setting_names_is_restored(server: Server) -> None:
    former = server.bring(GOOD)  # published; then a merge in the wrong order, past the hook
    mine = git(server.bare, "commit-tree", "-m", "Mine", "-p", server.tip, f"{server.tip}^{{tree}}")
    left = _merge(server, mine, former)
    git(server.bare, "update-ref", MAIN, left)
    restored = Update(MAIN, left, _merge(server, former, left))
    assert f"git config registry.restore {former}" in server.refusal(restored)
    for name in ("x", "0" * 40, left, mine, server.tip):
        git(server.bare, "config", "registry.restore", name)
        assert "parents in the wrong order" in server.refusal(restored)
    git(server.bare, "config", "registry.restore", former)
    assert not server.answer(restored).refused
    without = Update(MAIN, left, former)  # rewound, not restored
    assert "remove published commits" in server.refusal(without)
    git(server.bare, "update-ref", MAIN, restored.new)
    again = Update(MAIN, restored.new, _merge(server, left, restored.new))
    assert "parents in the wrong order" in server.refusal(again)
