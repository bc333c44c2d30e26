"""A registry of another user, as a serving pod mounts one: it is read with a note, and no command changes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, give_away, put_object, run_program

import registry_tool

DUBIOUS = "detected dubious ownership in repository at "
READS = [
    "list", "show nlp/lang-id", "resolve nlp/lang-id@production", "resolve nlp/lang-id@production --ref HEAD",
    "check", "check --all", "check --staged", "history nlp/lang-id@production", "search lang", "diff HEAD HEAD",
    "audit", "compare nlp/lang-id@1 nlp/lang-id@3", "fetch nlp/lang-id@3 -o OUT",
]  # fmt: skip
WRITES = [
    "alias set nlp/lang-id@3 champion --reason x", "alias set nlp/lang-id@3 champion --reason x --commit",
    "tag add nlp/lang-id@3 third --push", "annotate nlp/lang-id@3 --label edge", "recover", "hooks install",
    "hooks status", "init . --ci github", "gc --yes --older-than 0", "erase nlp/lang-id@1 --purge --yes",
    "rollback nlp/lang-id production --reason x", "withdraw nlp/lang-id@3 --reason x",
]  # fmt: skip


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that is there when a program of the registry ran."""
    return tmp_path / "RAN"


@pytest.fixture
def foreign(registry: Path, ran: Path) -> Path:
    """The registry, of another user, with programs in its configuration."""
    for content in (b"nlp/lang-id@3", b"a vocabulary\n", b"needed by no version"):
        put_object(registry, content)
    program = ran.with_name("program")
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\n", encoding="utf-8")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "filter.x.clean", "core.pager", "gpg.program"):
        git(registry, "config", key, str(program))
    info = registry / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("* filter=x\n", encoding="ascii")
    (info / "exclude").write_text("/storage\n/.dvc/config.local\n", encoding="ascii")
    (registry / ".dvc" / "config.local").write_text(
        "['remote \"storage\"']\n    url = /somewhere/else\n", encoding="ascii"
    )
    for file in registry.rglob("*.yaml"):
        os.utime(file)  # the index does not know whether they changed
    give_away(registry)
    return registry


def said(ran: Ran) -> str:
    return ran.out + ran.err


def test_it_is_read_with_one_note(foreign: Path, ran: Path, tmp_path: Path) -> None:
    for command in READS:
        words = command.replace("OUT", str(tmp_path / "out")).split(" ")
        found = run_program(*words, cwd=foreign)
        assert found.code == 0, (command, found)
        assert said(found).count(DUBIOUS) == 1, (command, found)
        assert f"git config --global --add safe.directory {foreign}" in found.err
    assert (tmp_path / "out" / "model.bin").read_bytes() == b"nlp/lang-id@3"
    assert not ran.exists()


@pytest.mark.parametrize("command", WRITES)
def test_no_command_changes_it(command: str, foreign: Path, ran: Path) -> None:
    before = sorted(str(path) for path in foreign.rglob("*"))
    found = run_program(*command.split(" "), cwd=foreign)
    assert found.code == 4, found
    lines = found.err.splitlines()
    assert lines[-2:] == [
        f"error: {DUBIOUS}{foreign}",
        f"try:   git config --global --add safe.directory {foreign}",
    ]
    assert sorted(str(path) for path in foreign.rglob("*")) == before
    assert not ran.exists()


def test_the_command_that_is_named_is_the_way_out(foreign: Path) -> None:
    found = run_program("alias", "set", "nlp/lang-id@3", "champion", "--reason", "x", cwd=foreign)
    command = found.err.splitlines()[-1].removeprefix("try:   git ").split(" ")
    git(foreign.parent, *command)
    git(foreign, "config", "--unset", "core.fsmonitor")
    git(foreign, "config", "--remove-section", "filter.x")
    found = run_program("alias", "set", "nlp/lang-id@3", "champion", "--reason", "x", cwd=foreign)
    assert (found.code, DUBIOUS in said(found)) == (0, False), found
    assert DUBIOUS not in said(run_program("list", cwd=foreign))


def _archive(reg: registry_tool.Registry) -> None:
    with reg.change("Archive it") as change:
        change.archive("nlp/lang-id")


def test_a_program_is_warned(foreign: Path, ran: Path) -> None:
    with pytest.warns(registry_tool.UntrustedRegistryWarning, match=DUBIOUS):
        reg = registry_tool.open(foreign)
    with reg:
        assert reg.version("nlp/lang-id@production").version == "3"
        assert reg.store.remote.url.endswith("/storage")
        with pytest.raises(registry_tool.errors.UntrustedRepositoryError, match=DUBIOUS):
            _archive(reg)
    assert not ran.exists()


def test_a_clone_of_it_is_ones_own(
    foreign: Path, cli: Callable[..., Ran], tmp_path: Path, ran: Path
) -> None:
    """Git itself refuses to serve the repository of another user from this machine, and says so."""
    found = run_program("list", "--repo", foreign.as_uri(), cwd=tmp_path)
    assert found.code == 4
    assert "dubious ownership" in found.err
    assert not ran.exists()
