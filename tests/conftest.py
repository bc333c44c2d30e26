"""What holds for every test: a home, caches and Git settings of its own, and no network.

A test marked ``real_home`` keeps the user's home; one marked ``network`` may open connections.
"""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support import Ran, new_repository

# The machine may be busy: no test asserts a time. In CI the examples are the same in each run.
settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("house")

# Set by Git around hooks and aliases; any of them would lead git to the repository the tests lie in.
_GIT_VARIABLES = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT", "GIT_CEILING_DIRECTORIES", "GIT_QUARANTINE_PATH",
)  # fmt: skip
_OWN_VARIABLES = ("REGISTRY_REPO", "CI", "FORCE_COLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS")
# Without upkeep after each commit, which is a process, and without waiting for the disk: temporary folders need no power cuts.
_GIT_CONFIG = """\
[init]
	defaultBranch = main
[commit]
	gpgSign = false
[gc]
	auto = 0
[maintenance]
	auto = false
[core]
	fsync = none
"""
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked ``long`` begin first, dealt to the workers, each of which begins with an equal part of the list.

    What is left when they end is short, and is taken from one worker by another.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    rest = [item for item in items if not item.get_closest_marker("long")]
    share = -(-len(items) // workers)
    dealt: list[pytest.Item] = []
    for worker in range(workers):
        mine = long[worker::workers]
        dealt += [*mine, *rest[: share - len(mine)]]
        rest = rest[share - len(mine) :]
    items[:] = [*dealt, *rest]


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there before the tests stays to the end: collections of garbage need not look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """New names in one folder: ``mktemp`` lists all that is there for each, and thousands of homes are made."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _own_home(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _homes: Iterator[Path]
) -> None:
    """Nothing of the user's is read or written: home, caches, Git's and DVC's settings."""
    for name in (*_GIT_VARIABLES, *_OWN_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "100")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
    home = next(_homes)
    home.mkdir()
    if request.node.get_closest_marker("real_home"):
        # What registry-tool remembers of this machine is not the user's in any test.
        monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local/state"))
        return
    (home / ".gitconfig").write_text(_GIT_CONFIG, encoding="utf-8")
    places = {
        "HOME": "", "XDG_CACHE_HOME": ".cache", "XDG_CONFIG_HOME": ".config",
        "XDG_DATA_HOME": ".local/share", "XDG_STATE_HOME": ".local/state",
        "XDG_CONFIG_DIRS": ".config-dirs", "XDG_RUNTIME_DIR": ".run",
        "REGISTRY_CACHE": ".cache/registry-tool", "GIT_CONFIG_GLOBAL": ".gitconfig",
        "DVC_GLOBAL_CONFIG_DIR": ".dvc-global", "DVC_SYSTEM_CONFIG_DIR": ".dvc-system",
        "DVC_SITE_CACHE_DIR": ".dvc-site",
    }  # fmt: skip
    for name, below in places.items():
        monkeypatch.setenv(name, str(home / below))
    for name, value in {
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_ALLOW_PROTOCOL": "file", "GIT_TERMINAL_PROMPT": "0",
        "DVC_NO_ANALYTICS": "1", "GIT_TEST_ASSUME_DIFFERENT_OWNER": "0",  # set by some tests
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave this machine only in tests marked ``network``."""
    if request.node.get_closest_marker("network"):
        return
    for method in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, method, _only_here(getattr(socket.socket, method)))


def _only_here(connect: Callable[..., object]) -> Callable[..., object]:
    def guarded(self: socket.socket, address: object) -> object:
        local = self.family == getattr(socket, "AF_UNIX", None)
        if not local and not (isinstance(address, tuple) and address[0] in _HERE):
            raise OSError(f"tests do not open connections: {address!r}")
        return connect(self, address)

    return guarded


@pytest.fixture
def quick_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process a passphrase takes no second of work; ``tests/unit/crypto/test_age.py`` has the real one."""
    from support import quick_passphrases

    pyrage = pytest.importorskip("pyrage")
    monkeypatch.setattr(pyrage.passphrase, "encrypt", quick_passphrases.encrypt)


@pytest.fixture
def home() -> Path:
    """The home folder this test has."""
    return Path(os.environ["HOME"])


@pytest.fixture
def make_registry(tmp_path: Path) -> Callable[..., Path]:
    """Makes a Git repository of some files, with one commit: ``make_registry(files)``, ``name=`` for a second one."""

    def make(files: Mapping[str, str | bytes], *, name: str = "registry") -> Path:
        return new_repository(tmp_path / name, files)

    return make


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs ``registry`` in this process: ``cli("list", cwd=folder)`` gives exit code, output and errors."""

    def run_here(*arguments: str, cwd: Path) -> Ran:
        from registry_tool.cli.main import run

        with monkeypatch.context() as patch:
            patch.chdir(cwd)
            capsys.readouterr()
            code = run(arguments)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run_here
