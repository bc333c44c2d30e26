"""Scripts put where Git looks for them: in clones, on servers, beside what others wrote."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import git, new_repository
from support.manifests import small_registry

from registry_tool.errors import ConflictError, NotARegistryError, OperationalError, UsageError
from registry_tool.git.command import Git, find_repository
from registry_tool.hooks.install import (
    inspect_hooks,
    inspect_server_hook,
    install_hooks,
    install_server_hook,
)
from registry_tool.hooks.server import guard_settings, missing_settings
from registry_tool.paths import resource

NAMES = ["pre-commit", "pre-merge-commit", "pre-push"]


def repository(folder: Path) -> Git:
    found = find_repository(folder)
    assert found is not None
    return found


@pytest.fixture
def registry(make_registry: Callable[..., Path]) -> Path:
    return make_registry(small_registry())


@pytest.fixture
def server(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "--bare", "server.git")
    return tmp_path / "server.git"


@pytest.mark.parametrize("name", ["pre-commit", "pre-push", "pre-receive"])
def test_the_scripts_are_plain_shell(name: str) -> None:
    script = resource(f"hooks/{name}")
    assert script.read_bytes().startswith(b"#!/bin/sh\n")
    subprocess.run(["sh", "-n", script], check=True)


def test_hooks_are_installed_once(registry: Path) -> None:
    first = install_hooks(repository(registry))
    assert [(h.path.name, h.state) for h in first] == [(n, "installed") for n in NAMES]
    assert [h.state for h in install_hooks(repository(registry))] == ["kept"] * 3
    script = (registry / ".git/hooks/pre-commit").read_text()
    assert f"\npython={sys.executable}\n" in script


def test_an_old_copy_is_brought_up_to_date(registry: Path) -> None:
    install_hooks(repository(registry), python="/gone/bin/python")
    assert [h.state for h in install_hooks(repository(registry))] == ["updated"] * 3
    assert "/gone/" not in (registry / ".git/hooks/pre-push").read_text()


def test_a_hook_of_somebody_else_stays(registry: Path) -> None:
    other = registry / ".git/hooks/pre-push"
    other.parent.mkdir(exist_ok=True)
    other.write_text("#!/bin/sh\necho mine\n")
    with pytest.raises(ConflictError, match="another program") as refused:
        install_hooks(repository(registry))
    assert "registry check" in refused.value.remedy
    assert other.read_text() == "#!/bin/sh\necho mine\n"
    assert not (registry / ".git/hooks/pre-commit").exists()


def test_force_keeps_what_it_replaces(registry: Path) -> None:
    folder = registry / ".git/hooks"
    folder.mkdir(exist_ok=True)
    for text in ("first", "second"):
        (folder / "pre-push").write_text(text)
        states = [h.state for h in install_hooks(repository(registry), force=True)]
        assert states[2] == "replaced"
    assert (folder / "pre-push.replaced").read_text() == "first"
    assert (folder / "pre-push.replaced-2").read_text() == "second"


@pytest.mark.parametrize("target", ["elsewhere", "/bin/true"])
def test_a_link_is_somebody_elses(registry: Path, tmp_path: Path, target: str) -> None:
    folder = registry / ".git/hooks"
    folder.mkdir(exist_ok=True)
    (folder / "pre-commit").symlink_to(target)
    with pytest.raises(ConflictError):
        install_hooks(repository(registry))
    install_hooks(repository(registry), force=True)
    assert not (folder / "pre-commit").is_symlink()
    assert (folder / "pre-commit.replaced").is_symlink()


def test_a_committed_hooks_folder_gets_no_path_of_this_machine(registry: Path) -> None:
    git(registry, "config", "core.hooksPath", ".githooks")
    installed = install_hooks(repository(registry))
    assert [h.path for h in installed] == [registry / ".githooks" / name for name in NAMES]
    assert "\npython=''\n" in (registry / ".githooks/pre-commit").read_text()


def test_a_folder_that_others_share_is_left_alone(registry: Path, tmp_path: Path) -> None:
    git(registry, "config", "core.hooksPath", str(tmp_path / "shared"))
    with pytest.raises(ConflictError, match=r"core\.hooksPath"):
        install_hooks(repository(registry))
    assert not (tmp_path / "shared").exists()
    install_hooks(repository(registry), force=True)
    assert "\npython=''\n" in (tmp_path / "shared/pre-commit").read_text()


def test_linked_work_trees_share_the_hooks(registry: Path, tmp_path: Path) -> None:
    git(registry, "worktree", "add", "-q", str(tmp_path / "linked"))
    installed = install_hooks(repository(tmp_path / "linked"))
    assert {h.path.parent for h in installed} == {registry / ".git/hooks"}


def test_a_path_with_a_quote_is_quoted(registry: Path) -> None:
    install_hooks(repository(registry), python="/it's $HOME/`python`")
    script = (registry / ".git/hooks/pre-commit").read_text()
    line = next(line for line in script.splitlines() if line.startswith("python="))
    shown = subprocess.run(
        ["sh", "-c", f'{line}; printf %s "$python"'], capture_output=True, check=True
    )
    assert shown.stdout.decode() == "/it's $HOME/`python`"


def test_only_registries_get_hooks(tmp_path: Path) -> None:
    plain = new_repository(tmp_path / "plain", {"a": "b"})
    with pytest.raises(NotARegistryError):
        install_hooks(repository(plain))
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    with pytest.raises(UsageError, match="bare"):
        install_hooks(repository(tmp_path / "bare.git"))


def test_a_folder_that_cannot_be_written_is_said(registry: Path) -> None:
    git(registry, "config", "core.hooksPath", "registry.yaml/hooks")
    with pytest.raises(OperationalError, match="cannot be written"):
        install_hooks(repository(registry))


@pytest.mark.parametrize("words", ["exec ", "exit 1"])
def test_an_edited_hook_is_said_and_kept(registry: Path, server: Path, words: str) -> None:
    install_hooks(repository(registry))
    install_server_hook(repository(server))
    for script, place, look, install in (
        (registry / ".git/hooks/pre-push", registry, inspect_hooks, install_hooks),
        (server / "hooks/pre-receive", server, inspect_server_hook, install_server_hook),
    ):
        edited = script.read_text().replace(words, "exit 0\n", 1)
        script.write_text(edited)
        git_of = repository(place)
        assert look(git_of)[-1].state == "edited"
        assert script.read_text() == edited
        assert install(git_of)[-1].state == "edited"
        assert script.with_name(f"{script.name}.replaced").read_text() == edited
        assert look(git_of)[-1].state == "kept"


def test_a_server_gets_its_hook_once(server: Path) -> None:
    assert [(h.path, h.state) for h in inspect_server_hook(repository(server))] == [
        (server / "hooks/pre-receive", "installed")
    ]
    assert not (server / "hooks/pre-receive").exists()
    assert [h.state for h in install_server_hook(repository(server))] == ["installed"]
    assert [h.state for h in install_server_hook(repository(server))] == ["kept"]
    assert f"\npython={sys.executable}\n" in (server / "hooks/pre-receive").read_text()
    (server / "hooks/pre-receive").chmod(0o644)  # Git passes over such a hook
    assert [h.state for h in inspect_server_hook(repository(server))] == ["updated"]
    assert [h.state for h in install_server_hook(repository(server))] == ["updated"]
    assert [h.state for h in install_server_hook(repository(server), python="/p")] == ["updated"]


def test_a_servers_hook_of_somebody_else_stays(server: Path) -> None:
    other = server / "hooks/pre-receive"
    other.parent.mkdir(exist_ok=True)
    other.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ConflictError, match="another program") as refused:
        install_server_hook(repository(server))
    assert "registry hooks receive || exit 1" in refused.value.remedy
    assert [h.state for h in install_server_hook(repository(server), force=True)] == ["replaced"]
    assert (server / "hooks/pre-receive.replaced").read_text() == "#!/bin/sh\nexit 1\n"


def test_a_folder_in_the_place_of_a_hook_is_kept_too(server: Path) -> None:
    (server / "hooks/pre-receive").mkdir(parents=True)
    assert [h.state for h in install_server_hook(repository(server), force=True)] == ["replaced"]
    assert (server / "hooks/pre-receive.replaced").is_dir()


def test_hooks_that_servers_share(server: Path, tmp_path: Path) -> None:
    git(server, "config", "core.hooksPath", str(tmp_path / "shared"))
    with pytest.raises(ConflictError, match=r"core\.hooksPath"):
        install_server_hook(repository(server))
    assert not (tmp_path / "shared").exists()
    install_server_hook(repository(server), force=True)
    # They run on this machine all the same.
    assert f"\npython={sys.executable}\n" in (tmp_path / "shared/pre-receive").read_text()
    git(server, "config", "core.hooksPath", "own")
    assert install_server_hook(repository(server))[0].path == server / "own/pre-receive"


def test_only_bare_repositories_are_servers(registry: Path) -> None:
    for place in (registry, registry / ".git"):
        with pytest.raises(UsageError, match="not a bare repository"):
            install_server_hook(repository(place))
    assert not (registry / ".git/hooks/pre-receive").exists()


def test_a_server_checks_the_form_of_objects(server: Path) -> None:
    assert [setting for setting, _, _ in missing_settings(repository(server))] == [
        "receive.fsckObjects"
    ]
    git(server, "config", "transfer.fsckObjects", "yes")
    assert list(missing_settings(repository(server))) == []
    git(server, "config", "receive.fsckObjects", "false")
    assert len(list(missing_settings(repository(server)))) == 1
    made = dict(guard_settings(repository(server)))
    assert made["receive.fsckObjects"] == "true"
    assert git(server, "config", "--get", "receive.fsckobjects") == "true"
    assert git(server, "config", "--get", "registry.receive.guard") == "true"
    assert guard_settings(repository(server)) == ()
    assert list(missing_settings(repository(server))) == []
