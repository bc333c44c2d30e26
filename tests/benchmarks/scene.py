"""Where one size is measured: a registry of that size, copies of it, a checkout, and an environment of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from benchmarks.corpus import MODELS, model_name, version_files
from benchmarks.figures import Candidate, Effort, Measured, interleaved
from benchmarks.mlflow_store import MlflowStore
from benchmarks.peers import Peers
from benchmarks.processes import Ended, run
from benchmarks.warm import Warm, Worker

__all__ = ["Scene", "add_to_branch", "environment", "git"]

_IDENTITY = {"NAME": "Bench", "EMAIL": "bench@example.org"}
_NEVER = 10_000_000  # seconds: later than any commit of the corpus


def environment(home: Path) -> dict[str, str]:
    """An environment in which nothing of the user's is read or written."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitconfig").write_text("[gc]\n\tauto = 0\n", encoding="utf-8")
    # Byte code is written, as it is for users.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for role in ("AUTHOR", "COMMITTER"):
        env.update({f"GIT_{role}_{key}": value for key, value in _IDENTITY.items()})
    env.update({"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")})
    env.update({"XDG_CACHE_HOME": str(home / ".cache"), "REGISTRY_CACHE": str(home / "cache")})
    env.update({"DVC_GLOBAL_CONFIG_DIR": str(home), "DVC_SYSTEM_CONFIG_DIR": str(home)})
    env.update({"DVC_SITE_CACHE_DIR": str(home / "dvc"), "DVC_NO_ANALYTICS": "1"})
    env.update({"GIT_CONFIG_NOSYSTEM": "1", "MLFLOW_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"})
    return env


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """What a git command says."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, input=stdin, check=True, capture_output=True).stdout.decode()


def add_to_branch(folder: Path, branch: str, files: Mapping[str, bytes]) -> None:
    """One more commit, on a new branch that starts at ``main``."""
    when = f"Bench <bench@example.org> {1_700_000_000 + _NEVER} +0000"
    stream = f"commit refs/heads/{branch}\nauthor {when}\ncommitter {when}\ndata 4\nMore\n"
    data = stream.encode() + b"from refs/heads/main^0\n"
    for path, content in files.items():
        data += f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n"
    git(folder, "fast-import", "--quiet", stdin=data)


class Scene:
    """A size, and all that is needed to measure at it.

    Args:
        corpus: A bare repository with so many versions; it is read only.
        versions: How many.
        place: A folder on a disk, for what is written durably.
        memory: A folder in memory, for checkouts with hundreds of thousands of files.
        peers: Which peers there are.
        effort: How long to measure.
    """

    def __init__(
        self,
        corpus: Path,
        versions: int,
        *,
        place: Path,
        memory: Path,
        peers: Peers,
        effort: Effort,
    ) -> None:
        self.corpus, self.versions = corpus, versions
        self.models = min(MODELS, max(10, versions // 10))
        self.peers, self.effort = peers, effort
        self.place = place / str(versions)
        self._memory = memory / str(versions)
        self._count = itertools.count()
        self.env = environment(self.place / "home")
        self.program = Path(sys.executable).with_name("registry")

    def clear(self) -> None:
        """Remove what was made here."""
        shutil.rmtree(self._memory, ignore_errors=True)
        shutil.rmtree(self.place, ignore_errors=True)

    def fresh(self, name: str) -> Path:
        """A path at which nothing is yet."""
        return self.place / f"{name}-{os.getpid()}-{next(self._count)}"

    def bare(self) -> Path:
        """A copy of the corpus to write into: whole, because objects of another repository are read more slowly."""
        place = self.fresh("bare").with_suffix(".git")
        # Without what somebody's commands remembered in it.
        return Path(shutil.copytree(self.corpus, place, ignore=lambda *_: ["registry-tool"]))

    @cached_property
    def published(self) -> Path:
        """A copy that is only read."""
        return self.bare()

    @cached_property
    def checkout(self) -> Path:
        """A clone with every file on disk."""
        place = self._memory / "checkout"
        self._memory.mkdir(parents=True, exist_ok=True)
        git(self._memory, "clone", "--quiet", "--no-local", str(self.published), str(place))
        return place

    def next_version(self, model: int) -> dict[str, bytes]:
        """The files of the version that would be a model's next; models are numbered."""
        following = len(range(model, self.versions, self.models)) + 1
        return version_files(model_name(model), str(following), self.versions + model)

    def cold(self) -> dict[str, str]:
        """An environment in which nothing is cached."""
        return {**self.env, "REGISTRY_CACHE": str(self.fresh("cache"))}

    def registry(self, *arguments: str | Path) -> list[str | Path]:
        """A command, as people run it."""
        return [self.program, *arguments]

    def ended(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        allowed: Sequence[int] = (0,),
    ) -> Ended:
        """Run a command to its end."""
        return run(command, folder=folder or self.place, env=env or self.env, allowed=allowed)

    def process(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path | None = None,
        env: Callable[[], Mapping[str, str]] | None = None,
        allowed: Sequence[int] = (0,),
    ) -> Candidate:
        """A candidate: the seconds of a whole process. It has run once, so that byte code and page cache are there."""

        def candidate() -> float:
            made = env() if env is not None else self.env
            return self.ended(command, folder=folder, env=made, allowed=allowed).seconds

        candidate()
        return candidate

    def against_mlflow(
        self, ours: Callable[[], Warm], peer: Callable[[MlflowStore], Warm]
    ) -> Measured:
        """Ours and a call of MLflow's, each in a process that lives; MLflow is only started where it is here.

        Args:
            ours: Makes ours ready.
            peer: Makes MLflow's ready, on a store with as many versions.
        """
        with contextlib.ExitStack() as stack:
            worker = stack.enter_context(Worker(ours))
            candidates, notes = {"ours": worker.run}, [worker.note]
            if self.peers.has("mlflow-skinny", "SQLAlchemy"):
                other = stack.enter_context(Worker(lambda: peer(self._mlflow())))
                candidates["peer"] = other.run
                notes.append(other.note)
            else:
                notes.append(self.peers.why_not())
            costs = interleaved(candidates, self.effort)
        note = "; ".join(filter(None, notes))
        return Measured(tuple(costs["ours"]), tuple(costs.get("peer", ())), note)

    def _mlflow(self) -> MlflowStore:
        """MLflow on SQLite, with as many versions; filled when it is first asked for."""
        return MlflowStore(self.place / "mlflow", versions=self.versions, models=self.models)

    def empty(self) -> Candidate:
        """The floor: ``python -c pass``."""
        return self.process([sys.executable, "-c", "pass"])
