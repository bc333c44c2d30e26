"""The hook of a server under real pushes: nginx with passwords, OpenSSH, and what hostile or unlucky people send."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support import commit, git, run_git, run_program, without, write_files
from support.git_servers import NGINX, missing, nginx_server, ssh_server
from support.manifests import (
    alias_yaml,
    registry_yaml,
    small_registry,
    stored_artifact,
    tag_yaml,
    version_files,
)

MODEL = "models/nlp/lang-id"
GOOD = {f"{MODEL}/aliases/staging.yaml": alias_yaml("2")}
TO_NOWHERE = {f"{MODEL}/aliases/staging.yaml": alias_yaml("7")}
LOOKED_AT = 20


class Host(NamedTuple):
    """A server: its bare repository, how to reach it, and who it takes this pusher for."""

    bare: Path
    url: str
    who: str


class Pushed(NamedTuple):
    """How a push ended, and everything that was said."""

    code: int
    said: str


def push(folder: Path, *arguments: str | bytes) -> Pushed:
    """A push that may fail; the hooks of the clone are not asked."""
    done = subprocess.run(
        ["git", "push", "--no-verify", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return Pushed(done.returncode, done.stdout.decode(errors="replace"))


def everything(bare: Path) -> tuple[str, frozenset[str]]:
    """All that a push could change: refs, and what lies among the objects."""
    refs = git(bare, "for-each-ref", "--format=%(refname) %(objectname)")
    return refs, frozenset(str(path) for path in (bare / "objects").rglob("*"))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty bare repository with the hook."""
    place = tmp_path / "served" / "models.git"
    place.mkdir(parents=True)
    git(place, "init", "-q", "--bare", "--initial-branch=main")
    git(place, "config", "http.receivepack", "true")
    done = run_program("hooks", "install", "--server", str(place), cwd=tmp_path)
    assert done.code == 0, done.err
    return place


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file:http:ssh")


@pytest.fixture
def nginx(bare: Path, tmp_path: Path) -> Iterator[Host]:
    if lack := missing(NGINX):
        without(lack)
    with nginx_server(bare.parent, tmp_path / "nginx", {"alice": "s3cret"}) as server:
        yield Host(bare, server.url(bare.name, "alice", "s3cret"), "alice")


@pytest.fixture
def openssh(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    if lack := missing({"sshd": "openssh-server"}):
        without(lack)
    with ssh_server(tmp_path / "sshd") as (base, command):
        monkeypatch.setenv("GIT_SSH_COMMAND", command)
        yield Host(bare, f"{base}{bare}", getpass.getuser())


@pytest.fixture(params=["nginx", "openssh"])
def host(request: pytest.FixtureRequest) -> Host:
    """Either of the two servers."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Host)
    return found


@pytest.fixture
def clone(make_registry: Callable[..., Path], request: pytest.FixtureRequest) -> Path:
    """A registry whose main branch is on the server."""
    params = {"host", "nginx", "openssh"} & set(request.fixturenames)
    served = request.getfixturevalue("host" if "host" in params else next(iter(params)))
    folder = make_registry(small_registry())
    git(folder, "remote", "add", "origin", served.url)
    first = push(folder, "-u", "origin", "main")
    assert first.code == 0, first.said
    assert "registry: main: 11 files checked, no problems found" in first.said
    return folder


def change(folder: Path, files: dict[str, str]) -> str:
    write_files(folder, files)
    return commit(folder, "Change")


def test_a_good_push_goes_in_and_the_pusher_is_named(host: Host, clone: Path) -> None:
    new = change(clone, {**GOOD, **version_files("3", artifacts=[stored_artifact(b"third")])})
    done = push(clone)
    assert done.code == 0, done.said
    assert "remote: registry: main: " in done.said
    assert f"remote: registry: passed (pushed by {host.who})" in done.said
    assert git(host.bare, "rev-parse", "main") == new


def test_a_bad_push_leaves_the_server_as_it_was(host: Host, clone: Path) -> None:
    change(clone, TO_NOWHERE)
    before = everything(host.bare)
    done = push(clone)
    assert done.code != 0
    assert "remote: registry: main: 1 file checked, 1 refused" in done.said
    assert f"{MODEL}/aliases/staging.yaml:3:10: refuse M203" in done.said
    assert "registry:     try: " in done.said
    assert f"refused, nothing was changed (pushed by {host.who})" in done.said
    assert "pre-receive hook declined" in done.said
    assert everything(host.bare) == before


def test_a_wrong_password_gets_nowhere(nginx: Host, clone: Path) -> None:
    change(clone, GOOD)
    before = everything(nginx.bare)
    done = push(clone, nginx.url.replace("s3cret", "guessed"), "main")
    assert done.code != 0
    assert "Authentication failed" in done.said
    assert everything(nginx.bare) == before


def test_what_is_published_is_frozen(nginx: Host, clone: Path) -> None:
    record = f"{MODEL}/versions/1/version.yaml"
    changed = (clone / record).read_text().replace("08:30:00", "09:30:00")
    change(clone, {record: changed})
    before = everything(nginx.bare)
    done = push(clone)
    assert done.code != 0, done.said
    assert "refuse C4" in done.said
    assert record in done.said
    assert everything(nginx.bare) == before


def _delete(folder: Path) -> list[str]:
    return ["origin", "--delete", "main"]


def _rewind(folder: Path) -> list[str]:
    change(folder, GOOD)
    assert push(folder).code == 0
    return ["--force", "origin", "HEAD^:main"]


def _replace(folder: Path) -> list[str]:
    git(folder, "switch", "-q", "--orphan", "other")
    change(folder, small_registry())
    return ["--force", "origin", "other:main"]


def _without_the_settings(folder: Path) -> list[str]:
    (folder / "registry.yaml").unlink()
    commit(folder, "Away")
    return ["origin", "main"]


def _aside(folder: Path) -> list[str]:
    """A merge whose first parent is one's own work: what was published would lie on a side line."""
    git(folder, "switch", "-q", "-c", "mine")
    change(folder, GOOD)
    git(folder, "switch", "-q", "main")
    change(folder, {f"{MODEL}/tags/edge.yaml": tag_yaml("1")})
    assert push(folder).code == 0
    git(folder, "switch", "-q", "mine")
    git(folder, "merge", "-q", "--no-edit", "main")
    return ["origin", "mine:main"]


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (_delete, "main: the published branch cannot be deleted"),
        (_rewind, "main: this would remove published commits"),
        (_replace, "main: this branch has no common history with the published one"),
        (_without_the_settings, "main: it must contain registry.yaml"),
        (_aside, "main: this merge has its parents in the wrong order"),
    ],
)
def test_the_main_branch_only_grows(
    nginx: Host, clone: Path, attack: Callable[[Path], list[str]], words: str
) -> None:
    arguments = attack(clone)
    before = everything(nginx.bare)
    done = push(clone, *arguments)
    assert done.code != 0
    assert words in done.said
    assert "    try: " in done.said
    assert everything(nginx.bare) == before


def test_a_name_that_leads_to_main_is_guarded_like_main(nginx: Host, clone: Path) -> None:
    git(nginx.bare, "symbolic-ref", "refs/heads/production", "refs/heads/main")
    change(clone, TO_NOWHERE)
    before = everything(nginx.bare)
    assert push(clone, "origin", "main:production").code != 0
    assert everything(nginx.bare) == before


def test_a_criss_cross_merge_is_judged_by_what_it_changes(nginx: Host, clone: Path) -> None:
    """Two merge bases: main and a branch had merged each other."""
    git(clone, "switch", "-q", "-c", "side")
    change(clone, {f"{MODEL}/tags/edge.yaml": tag_yaml("1")})
    side = git(clone, "rev-parse", "HEAD")
    git(clone, "switch", "-q", "main")
    change(clone, GOOD)
    main = git(clone, "rev-parse", "HEAD")
    git(clone, "merge", "-q", "--no-ff", "--no-edit", side)
    assert push(clone).code == 0
    git(clone, "switch", "-q", "side")
    git(clone, "merge", "-q", "--no-edit", main)
    change(clone, {f"{MODEL}/aliases/canary.yaml": alias_yaml("1")})
    assert len(git(clone, "merge-base", "--all", "main", "side").split()) == 2
    git(clone, "switch", "-q", "main")
    git(clone, "merge", "-q", "--no-ff", "--no-edit", "side")
    done = push(clone)
    assert done.code == 0, done.said
    assert "main: 1 file checked, no problems found" in done.said
    git(clone, "switch", "-q", "side")
    change(clone, {f"{MODEL}/aliases/canary.yaml": alias_yaml("9")})
    git(clone, "switch", "-q", "main")
    git(clone, "merge", "-q", "--no-ff", "--no-edit", "side")
    assert "aliases/canary.yaml" in push(clone).said


def test_the_first_push_is_checked_whole(nginx: Host, make_registry: Callable[..., Path]) -> None:
    folder = make_registry({**small_registry(), **TO_NOWHERE})
    before = everything(nginx.bare)
    refused = push(folder, nginx.url, "main")
    assert refused.code != 0
    assert "aliases/staging.yaml" in refused.said
    change(folder, {"registry.yaml": "", **GOOD})
    (folder / "registry.yaml").unlink()
    commit(folder, "No registry")
    assert "main: it must contain registry.yaml" in push(folder, nginx.url, "main").said
    assert everything(nginx.bare) == before


def test_a_branch_of_another_kind_is_left_alone(nginx: Host, clone: Path) -> None:
    git(clone, "switch", "-q", "--orphan", "gh-pages")
    change(clone, {"index.html": "<p>Models</p>\n"})
    assert run_program("hooks", "install", "--force", cwd=clone).code == 2  # it is no registry here
    done = push(clone, "origin", "gh-pages")
    assert done.code == 0, done.said
    assert "gh-pages: not checked, it has no registry.yaml" in done.said
    assert push(clone, "origin", "--delete", "gh-pages").code == 0


def test_a_branch_is_told_what_main_would_refuse(nginx: Host, clone: Path) -> None:
    git(clone, "switch", "-q", "-c", "idea")
    change(clone, TO_NOWHERE)
    told = push(clone, "origin", "idea")
    assert told.code == 0
    assert "idea: 1 file checked, 1 refused" in told.said
    assert "idea: accepted, but main would refuse it" in told.said
    git(nginx.bare, "config", "registry.receive.branches", "off")
    assert "registry:" not in push(clone, "origin", "idea:second").said
    git(nginx.bare, "config", "registry.receive.branches", "refuse")
    before = everything(nginx.bare)
    assert push(clone, "origin", "idea:third").code != 0
    assert everything(nginx.bare) == before
    assert push(clone, "--force", "origin", "main:idea").code == 0
    assert push(clone, "origin", "--delete", "idea").code == 0


def test_branches_are_compared_with_what_main_becomes(nginx: Host, clone: Path) -> None:
    change(clone, GOOD)
    git(clone, "switch", "-q", "-c", "next")
    change(clone, {f"{MODEL}/tags/edge.yaml": tag_yaml("1")})
    done = push(clone, "origin", "main", "next")
    assert done.code == 0, done.said
    assert "main: 1 file checked, no problems found" in done.said
    assert "next: 1 file checked, no problems found" in done.said


def test_nothing_goes_in_when_main_is_refused(nginx: Host, clone: Path) -> None:
    git(clone, "branch", "fine")
    change(clone, TO_NOWHERE)
    before = everything(nginx.bare)
    assert push(clone, "origin", "main", "fine").code != 0
    assert everything(nginx.bare) == before


def test_what_asks_for_a_review(nginx: Host, clone: Path) -> None:
    change(clone, {"registry.yaml": registry_yaml(description="Everything we serve.")})
    git(nginx.bare, "config", "registry.receive.review", "refuse")
    before = everything(nginx.bare)
    refused = push(clone)
    assert refused.code != 0
    assert "main: requires review; push to a branch and open a pull request" in refused.said
    assert "git push origin HEAD:refs/heads/NAME" in refused.said
    assert everything(nginx.bare) == before
    git(nginx.bare, "config", "--unset", "registry.receive.review")
    taken = push(clone)
    assert taken.code == 0, taken.said
    assert "main: requires review; accepted because registry.receive.review=accept" in taken.said


def test_while_main_is_missing_every_branch_is_guarded(
    nginx: Host, make_registry: Callable[..., Path]
) -> None:
    """As where `git init --bare` chose another name than people push."""
    git(nginx.bare, "symbolic-ref", "HEAD", "refs/heads/master")
    folder = make_registry(small_registry())
    done = push(folder, nginx.url, "main")
    assert done.code == 0, done.said
    assert "HEAD of the server names master, which does not exist" in done.said
    change(folder, TO_NOWHERE)
    before = everything(nginx.bare)
    assert push(folder, nginx.url, "main").code != 0
    assert push(folder, "--force", nginx.url, "HEAD^^{tree}:refs/heads/main").code != 0
    assert push(folder, nginx.url, ":main").code != 0
    git(nginx.bare, "update-ref", "--no-deref", "HEAD", "main")
    assert "HEAD of the server names no branch" in push(folder, nginx.url, "main").said
    git(nginx.bare, "symbolic-ref", "HEAD", "refs/heads/master")
    assert everything(nginx.bare) == before


HOSTILE = [
    b"refs/heads/$(touch${IFS}x)",
    b"refs/heads/`touch${IFS}x`;touch",
    b"refs/heads/--upload-pack=touch",
    b"refs/heads/-x",
    b"refs/heads/" + b"long/" * 200 + b"x",
    b"refs/heads/\xff\xfe",
    "refs/heads/\u202edesrever".encode(),
    b"refs/heads/main;main",
    b"refs/tags/--help",
    b"refs/notes/$x",
]


@pytest.mark.parametrize("ref", HOSTILE)
def test_a_hostile_name_is_data(nginx: Host, clone: Path, ref: bytes) -> None:
    change(clone, TO_NOWHERE)
    done = push(clone, "origin", b"HEAD:" + ref)
    assert done.code == 0, done.said
    assert ref in run_git(nginx.bare, "for-each-ref", "--format=%(refname)").splitlines()
    ours = [line for line in done.said.splitlines() if "registry:" in line]
    assert bool(ours) == ref.startswith(b"refs/heads/")
    assert all(line.isprintable() and len(line) < 500 for line in ours)
    assert not list(nginx.bare.rglob("x"))[1:]  # the ref itself at most


def test_a_thousand_refs_are_told_in_one_sentence(nginx: Host, clone: Path) -> None:
    base = git(clone, "rev-parse", "HEAD")
    lines = []
    for number in range(1000):
        body = f"data <<X\n{alias_yaml(str(number + 10))}X\n\n"
        lines.append(
            f"commit refs/heads/b{number}\ncommitter A <a@example.org> 1 +0000\ndata 1\nx\n"
            f"from {base}\nM 100644 inline {MODEL}/aliases/staging.yaml\n{body}"
        )
    run_git(clone, "fast-import", "--quiet", stdin="".join(lines).encode())
    change(clone, TO_NOWHERE)
    before = everything(nginx.bare)
    refused = push(clone, "origin", "refs/heads/*:refs/heads/*")
    assert refused.code != 0
    assert "main: 1 file checked, 1 refused" in refused.said
    assert everything(nginx.bare) == before
    git(clone, "reset", "-q", "--hard", "HEAD^")
    change(clone, GOOD)
    done = push(clone, "origin", "refs/heads/*:refs/heads/*")
    assert done.code == 0, done.said[-2000:]
    assert "main: 1 file checked, no problems found" in done.said
    assert f"{1000 - LOOKED_AT} more branches were not checked" in done.said
    assert done.said.count("registry: ") < 130
    git(nginx.bare, "config", "registry.receive.branches", "refuse")
    many = [f"main:refs/heads/c{number}" for number in range(LOOKED_AT + 1)]
    assert push(clone, "origin", *many).code == 0  # one commit is looked at once


def test_only_commits_become_branches_and_tags_are_left_alone(nginx: Host, clone: Path) -> None:
    blob = git(clone, "rev-parse", "HEAD:registry.yaml")
    git(clone, "tag", "-a", "-m", "Release", "v1")
    assert push(clone, "origin", f"{blob}:refs/tags/blob", "v1").code == 0
    before = everything(nginx.bare)
    for thing in (blob, "v1^{tag}", "HEAD^{tree}"):
        for ref in ("refs/heads/main", "refs/heads/new"):
            done = push(clone, "--force", "origin", f"{thing}:{ref}")
            assert done.code != 0, done.said
            assert "Traceback" not in done.said
    assert everything(nginx.bare)[0] == before[0]


def test_replaced_objects_fool_nobody(nginx: Host, clone: Path) -> None:
    good = git(clone, "rev-parse", "HEAD")
    bad = change(clone, TO_NOWHERE)
    git(clone, "update-ref", f"refs/replace/{bad}", good)
    refused = push(clone, "origin", f"refs/replace/{bad}")
    assert refused.code != 0
    assert "a registry must not replace objects" in refused.said
    git(clone, "replace", "-d", bad)
    # As an administrator may have made one, or an older server taken it.
    git(nginx.bare, "update-ref", f"refs/replace/{bad}", good)
    assert "aliases/staging.yaml" in push(clone, "origin", "main").said


def test_hooks_of_a_clone_that_were_removed_or_edited_change_nothing(
    nginx: Host, clone: Path
) -> None:
    assert run_program("hooks", "install", cwd=clone).code == 0
    script = clone / ".git/hooks/pre-push"
    script.write_text(script.read_text().replace("\npython", "\nexit 0\npython", 1))
    (clone / ".git/hooks/pre-commit").unlink()
    change(clone, TO_NOWHERE)
    before = everything(nginx.bare)
    done = subprocess.run(["git", "push"], cwd=clone, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"pre-receive hook declined" in done.stderr
    assert everything(nginx.bare) == before
    seen = run_program("hooks", "status", cwd=clone)
    assert seen.code == 1
    assert "pre-commit: missing" in seen.out
    assert "pre-push: edited: differs from what this release writes" in seen.out


def _no_program(bare: Path) -> None:
    script = bare / "hooks/pre-receive"
    lines = script.read_text().splitlines(keepends=True)
    gone = ["python=/gone/bin/python\n" if x.startswith("python=") else x for x in lines]
    script.write_text("".join(gone).replace("command -v registry", "command -v registry-gone"))


def _wrong_setting(bare: Path) -> None:
    git(bare, "config", "registry.receive.review", "refsue")


def _broken_settings(bare: Path) -> None:
    for value in ("report", "off"):
        git(bare, "config", "--add", "registry.receive.branches", value)
    with (bare / "config").open("a") as file:
        file.write("[registry \n")


def _lost_object(bare: Path) -> None:
    """The folder of models at main is gone, as after a bad disk."""
    tree = git(bare, "rev-parse", "main:models")
    for pack in (bare / "objects/pack").glob("*"):
        moved = bare / pack.name
        pack.rename(moved)
        if moved.suffix == ".pack":
            run_git(bare, "unpack-objects", "-q", stdin=moved.read_bytes())
    (bare / "objects" / tree[:2] / tree[2:]).unlink()


@pytest.mark.parametrize("trouble", [_no_program, _wrong_setting, _broken_settings, _lost_object])
def test_what_cannot_be_judged_is_refused_in_a_sentence(
    nginx: Host, clone: Path, trouble: Callable[[Path], None]
) -> None:
    change(clone, GOOD)
    main = (nginx.bare / "refs/heads/main").read_text()
    trouble(nginx.bare)
    done = push(clone)
    assert done.code != 0
    assert "Traceback" not in done.said
    if trouble is not _broken_settings:  # with those, Git itself stops first
        assert "registry: " in done.said
        assert "refused" in done.said
    assert (nginx.bare / "refs/heads/main").read_text() == main


def test_the_server_needs_no_home_and_no_path(clone: Path, nginx: Host) -> None:
    """The hook itself, as a bare web server would start it: with next to nothing in its environment."""
    new = change(clone, GOOD)
    old = git(clone, "rev-parse", "HEAD^")
    git(clone, "push", "-q", "--no-verify", "origin", "HEAD:elsewhere")
    done = subprocess.run(
        [nginx.bare / "hooks/pre-receive"], input=f"{old} {new} refs/heads/main\n".encode(),
        cwd=nginx.bare, env={"GIT_DIR": "."}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"registry: main: 1 file checked, no problems found" in done.stderr
    stale = f"{new} {old} refs/heads/main\n".encode()
    moved = subprocess.run(
        [nginx.bare / "hooks/pre-receive"], input=stale,
        cwd=nginx.bare, env={**os.environ, "GIT_DIR": "."}, capture_output=True, check=False,
    )  # fmt: skip
    assert moved.returncode == 1
    assert b"somebody was faster" in moved.stderr
    assert b"git pull --rebase origin main" in moved.stderr
