"""How far a user's request travels through the modules: eleven walks over a small registry, as a Markdown table.

::

    python tests/benchmarks/walks.py                       # of the package in this checkout
    python tests/benchmarks/walks.py --package DIR         # of another one: its folder, whatever is installed
    python tests/benchmarks/walks.py --only resolve        # those whose title has this in it

The registry has one model with three versions, a remote in a folder and two stages, and is made by the program that is
measured. Each walk starts in a copy of its own, in a fresh process, with an empty cache. What is counted, and how, says
``crossings.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_PACKAGE = Path(__file__).parents[2] / "registry_tool"
_TRACED = Path(__file__).with_name("crossings.py")
_REF = "nlp/lang-id@production"
_OPEN = f"import registry_tool\nv = registry_tool.open('.').version({_REF!r})\n"
_ADD = ("version", "add", "nlp/lang-id", "--artifact", "../new.bin", "--framework", "custom")
_COLUMNS = {
    "modules imported": "imported",
    "entered": "entered",
    "functions": "functions",
    "calls": "calls",
    "module crossings": "modules",
    "package crossings": "packages",
    "folder crossings": "folders",
    "deepest own stack": "depth",
}


class _Scene(NamedTuple):
    """Where a walk is taken: a folder with the registry ``models``, its remote, and a server's repository."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def registry(self) -> Path:
        return self.folder / "models"

    @property
    def server(self) -> Path:
        return self.folder / "server.git"

    def run(self, *command: str | Path, cwd: Path | None = None) -> None:
        done = subprocess.run(
            command, cwd=cwd or self.registry, env=self.environment, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}")

    def registry_tool(self, *words: str, cwd: Path | None = None) -> None:
        self.run(sys.executable, "-P", "-m", "registry_tool", *words, cwd=cwd)

    def git(self, *words: str) -> None:
        self.run("git", *words)


def _nothing(scene: _Scene) -> None:
    pass


def _stage(scene: _Scene) -> None:
    """One more label, as an editor would write it, and staged."""
    scene.registry_tool("annotate", "nlp/lang-id@2", "--label", "edge")
    scene.git("add", "--all")


def _new_version(scene: _Scene) -> None:
    """A file that no version has."""
    (scene.folder / "new.bin").write_bytes(_content(4))


def _committed(scene: _Scene) -> None:
    """A version with a tag, which the server has not seen: four files."""
    _new_version(scene)
    scene.registry_tool(*_ADD, "--description", "New.", "--tag", "v4", "--commit")
    scene.registry_tool("hooks", "install", "--server", str(scene.server))


class _Walk(NamedTuple):
    """One request.

    Attributes:
        title: As in the table.
        words: The module and its arguments, or ``-c`` and code.
        prepare: What is done, untraced, before it.
        pushed: True for what runs as the hook of a server, at a push.
    """

    title: str
    words: Sequence[str]
    prepare: Callable[[_Scene], None] = _nothing
    pushed: bool = False

    def take(self, scene: _Scene, package: Path) -> dict[str, int]:
        """What a run under the tracer counted, in a registry that this changes."""
        self.prepare(scene)
        figures = scene.folder / "figures.json"
        command = (sys.executable, str(_TRACED), str(figures), str(package), *self.words)
        if self.pushed:
            hook = scene.server / "hooks" / "pre-receive"
            hook.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n", encoding="utf-8")
            hook.chmod(0o755)
            scene.git("push", "--quiet", str(scene.server), "main")
        else:
            scene.run(*command)
        found: dict[str, int] = json.loads(figures.read_text(encoding="utf-8"))
        return found


def _command(title: str, *words: str, prepare: Callable[[_Scene], None] = _nothing) -> _Walk:
    return _Walk(f"`registry {title}`", ("registry_tool", *words), prepare)


_WALKS = (
    _command("resolve REF", "resolve", _REF),
    _command("resolve REF --allow-withdrawn", "resolve", _REF, "--allow-withdrawn"),
    _command("show REF", "show", _REF),
    _command("fetch REF -o DIR", "fetch", _REF, "-o", "../out"),
    _Walk(
        "`reg.version(REF)` + `.metrics`, `.framework`", ("-c", f"{_OPEN}v.metrics; v.framework")
    ),
    _Walk("`reg.version(REF).artifact().fetch()`", ("-c", f"{_OPEN}v.artifact().fetch()")),
    _command("check --staged", "check", "--staged", prepare=_stage),
    _command(
        "promote REF --to staging --commit",
        "promote", "nlp/lang-id@3", "--to", "staging", "--reason", "A candidate.", "--commit",
    ),
    _Walk(
        "pre-receive, one branch, four files", ("registry_tool", "hooks", "receive"),
        prepare=_committed, pushed=True,
    ),
    _command("version add … --commit", *_ADD, "--commit", prepare=_new_version),
    _command(
        "version add … --tag --alias --commit",
        *_ADD, "--tag", "v4", "--alias", "champion", "--commit",
        prepare=_new_version,
    ),
)  # fmt: skip


def _content(number: int) -> bytes:
    return f"the weights of version {number}\n".encode() * 64


def _environment(home: Path, package: Path) -> dict[str, str]:
    """An environment in which nothing of the user's is read or written, and the package is the one that is asked for."""
    home.mkdir()
    (home / "gitconfig").write_text(
        "[init]\n\tdefaultBranch = main\n[user]\n\tname = Walker\n\temail = walker@example.org\n"
        "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n",
        encoding="utf-8",
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "REGISTRY_"))}
    return kept | {
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "XDG_CACHE_HOME": str(home / "cache"),
        "REGISTRY_CACHE": str(home / "cache" / "registry-tool"),
        "DVC_GLOBAL_CONFIG_DIR": str(home),
        "DVC_SYSTEM_CONFIG_DIR": str(home),
        "PYTHONPATH": str(package.parent),
    }


def _small_registry(folder: Path, package: Path) -> _Scene:
    """One model, three versions, an alias; pushed to a server's repository that is not guarded yet."""
    scene = _Scene(folder, _environment(folder / "home", package))
    tool = scene.registry_tool
    tool("init", "models", "--name", "acme", "--remote", "../storage", cwd=folder)
    model = ("--owner", "speech", "--task", "language-identification")
    tool("model", "add", "nlp/lang-id", *model, "--description", "Tells languages.", "--commit")
    for number in (1, 2, 3):
        (folder / f"{number}.bin").write_bytes(_content(number))
        tool(
            "version", "add", "nlp/lang-id", "--artifact", f"../{number}.bin",
            "--framework", "custom", "--metric", f"accuracy=0.9{number}", "--commit",
        )  # fmt: skip
    tool("alias", "set", "nlp/lang-id@1", "production", "--reason", "First.", "--commit")
    scene.run("git", "clone", "--quiet", "--bare", "models", "server.git", cwd=folder)
    return scene


def _copied(scene: _Scene, folder: Path, package: Path) -> _Scene:
    """A copy of the registry and its remote, with a home and a cache of its own."""
    folder.mkdir()
    for entry in scene.folder.iterdir():
        if entry.name == "home":
            continue
        if entry.is_dir():
            shutil.copytree(entry, folder / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, folder)
    return _Scene(folder, _environment(folder / "home", package))


def _table(rows: Mapping[str, Mapping[str, int]]) -> str:
    lines = [
        f"| walk | {' | '.join(_COLUMNS)} |",
        f"| --- |{' --- |' * len(_COLUMNS)}",
        *(
            f"| {title} | {' | '.join(f'{row[name]:,}' for name in _COLUMNS.values())} |"
            for title, row in rows.items()
        ),
    ]
    return "\n".join(lines)


def main() -> None:
    """Take the walks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--package", type=Path, default=_PACKAGE, help="folder of the package")
    parser.add_argument("--only", action="append", help="walks whose title has this in it")
    chosen = parser.parse_args()
    package: Path = chosen.package.resolve()
    rows: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory(prefix="walks-") as temporary:
        folder = Path(temporary)
        (folder / "first").mkdir()
        small = _small_registry(folder / "first", package)
        for number, walk in enumerate(_WALKS):
            if not chosen.only or any(word in walk.title for word in chosen.only):
                scene = _copied(small, folder / str(number), package)
                rows[walk.title] = walk.take(scene, package)
    print(_table(rows))


if __name__ == "__main__":
    main()
