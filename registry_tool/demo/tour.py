"""The steps of the demo: each does one thing and prints the commands that a user would have typed.

One folder contains everything: the registry, a bare repository as the Git host, a storage folder as the bucket, and the
files that a reader fetches. Author and reader have separate caches, so the reader's files come from the storage.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.api.registry import WORK_TREE, Registry, open_registry
from registry_tool.artifacts.hashing import digest_file
from registry_tool.artifacts.transfer.place import place
from registry_tool.demo.model import load, measure, save, texts, train
from registry_tool.errors import ConflictError, GitError, OperationalError, RefusedError, UsageError
from registry_tool.git.command import Git
from registry_tool.git.commit import identity
from registry_tool.installation import package_for
from registry_tool.scaffold.create import new_registry

__all__ = ["Step", "tour"]

_MODEL: Final = "nlp/lang-id"
_FILE: Final = "lang-id.json"
_ABOUT: Final = "Identifies eight languages by letter n-grams."
_SENTENCES: Final = (
    "Tomorrow we are going to paint the kitchen.",
    "Demain nous allons peindre la cuisine.",
    "Morgen streichen wir die Küche.",
)


class Step(NamedTuple):
    """One step that was done.

    Attributes:
        command: What a person would type for it, in the demo's folder.
        result: What came of it, a few short lines.
    """

    command: str
    result: tuple[str, ...]


def tour(folder: Path) -> Iterator[Step]:
    """Do the steps, one at a time.

    Args:
        folder: A new folder for everything; it stays.

    Raises:
        ConflictError: The folder already exists.
        UsageError: Its path cannot be part of a URL.
        OperationalError: It cannot be written, or Git or DVC fails.
    """
    root = folder.absolute()
    if "%" in str(root):  # Git decodes it in an address, file:// ones too
        raise UsageError(f"{root} has a % in it, which a file:// URL cannot contain unescaped")
    try:
        root.mkdir(parents=True)
    except FileExistsError as exc:
        raise ConflictError(
            f"{folder} already exists", remedy="use a new folder: registry demo DIR"
        ) from exc
    except OSError as exc:
        raise OperationalError(f"{folder} cannot be created: {exc.strerror}") from exc
    demo = _Demo(root)
    with _cache(root / "cache-of-the-author"):
        yield from demo.start()
        yield demo.model_and_version()
        yield from demo.check_and_push()
        yield demo.better_version()
        yield demo.alias()
        yield demo.second_claim()
    with _cache(root / "cache-of-the-reader"):
        yield from demo.read()
        yield demo.use()
        yield from demo.without_us()


@contextmanager
def _cache(folder: Path) -> Iterator[None]:
    before = os.environ.get("REGISTRY_CACHE")
    os.environ["REGISTRY_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["REGISTRY_CACHE"]
        else:
            os.environ["REGISTRY_CACHE"] = before


def _dvc(*arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dvc", *arguments],
        cwd=cwd, env={**os.environ, "DVC_NO_ANALYTICS": "1"}, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise OperationalError(f"dvc {arguments[0]} failed: {words[-1] if words else ''}")


class _Demo:
    """The folder of one demo, and the steps in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / "registry"
        self._host = root / "remote.git"
        self._guarded = ""
        self._git = Git(self._folder / ".git", self._folder)

    def _open(self) -> Registry:
        return open_registry(self._folder, ref=WORK_TREE)

    def _prepare(self) -> None:
        """Create the bare repository, and set an identity in the registry if Git has none."""
        with package_for("the demo"):
            from git import Repo

        Repo.init(self._host, bare=True, initial_branch="main").close()
        try:
            identity(Git(self._host))
        except GitError:
            own = Repo.init(self._folder, initial_branch="main")
            with own.config_writer() as settings:
                settings.set_value("user", "name", "Registry Demo")
                settings.set_value("user", "email", "demo@localhost")
            own.close()

    def start(self) -> Iterator[Step]:
        """The registry, and where it is pushed to."""
        self._prepare()
        made = new_registry(
            self._folder,
            name="demo",
            remote_url=os.path.relpath(self._root / "storage"),
            description="A demo.",
        )
        yield Step(
            "registry init registry --name demo --remote storage",
            (f"commit {made.commit[:12]} on {made.branch}", *made.notes),
        )
        self._guarded = ", checked by the hook" if made.hooks else ""
        self._git.run("remote", "add", "origin", "../remote.git")
        yield Step(
            "git init --bare -b main remote.git; git -C registry remote add origin ../remote.git",
            (),
        )

    def _train(self, order: int) -> tuple[Path, dict[str, float], str]:
        """A trained model in a file, what it measures, and both in words."""
        known = texts()
        path = save(train(known.learning, order=order), self._root / _FILE)
        metrics = measure(load(path), known.held_out)
        unseen = sum(len(phrases) for phrases in known.held_out.values())
        words = f"trained on letter {order}-grams: accuracy {metrics['accuracy']} on {unseen} unseen phrases"
        return path, metrics, words

    def model_and_version(self) -> Step:
        """The model and its first version, in the work tree."""
        path, metrics, words = self._train(2)
        with self._open() as registry, registry.change(f"Add {_MODEL} 1") as change:
            model = change.new_model(
                "lang-id", namespace="nlp", owner="speech", task="language-identification", description=_ABOUT
            )  # fmt: skip
            version = model.new_version(
                framework={"type": "custom"}, artifacts=[path], unique_tags=["first"]
            )
            version.log_metrics(metrics)
        commands = (
            f"python -m registry_tool.demo train 2 {_FILE}; cd registry\n"
            f"registry model add {_MODEL} --task language-identification --owner speech"
            f' --description "{_ABOUT}"\n'
            f"registry version add {_MODEL} --artifact ../{_FILE} --framework custom"
            f" --metric accuracy={metrics['accuracy']} --metric macro_f1={metrics['macro_f1']} --tag first"
        )
        return Step(commands, (words, "artifact uploaded to storage, manifests written"))

    def check_and_push(self) -> Iterator[Step]:
        """The check by hand, then the same by the hooks."""
        with self._open() as registry:
            report = registry.check()
        yield Step("registry check", (f"{report.verdict}: {report.checked} files checked",))
        self._git.run("add", "--all")
        self._git.run("commit", "--quiet", "-m", f"Add {_MODEL} 1")
        commit = self._git.line("rev-parse", "--short=12", "HEAD")
        yield Step(
            f'git add --all; git commit -m "Add {_MODEL} 1"',
            (f"commit {commit}{self._guarded}",),
        )
        self._git.run("push", "--quiet", "--set-upstream", "origin", "main")
        yield Step("git push -u origin main", (f"pushed{self._guarded}",))

    def better_version(self) -> Step:
        """The second version, committed and pushed in one go."""
        path, metrics, words = self._train(3)
        with (
            self._open() as registry,
            registry.change(f"Add {_MODEL} 2", commit=True, push=True) as change,
        ):
            version = change.model(_MODEL).new_version(
                framework={"type": "custom"}, artifacts=[path]
            )
            version.log_metrics(metrics)
        command = (
            f"python -m registry_tool.demo train 3 ../{_FILE}\n"
            f"registry version add {_MODEL} --artifact ../{_FILE} --framework custom"
            f" --metric accuracy={metrics['accuracy']} --metric macro_f1={metrics['macro_f1']} --push"
        )
        return Step(command, (words, "version 2 committed and pushed"))

    def alias(self) -> Step:
        """The better one becomes ``production``."""
        reason = "Higher accuracy."
        with (
            self._open() as registry,
            registry.change(f"Set {_MODEL}@production to 2", commit=True, push=True) as change,
        ):
            change.set_alias(f"{_MODEL}@2", "production", reason=reason)
        command = f'registry alias set {_MODEL}@2 production --reason "{reason}" --push'
        return Step(command, ("aliases/production.yaml points to version 2",))

    def second_claim(self) -> Step:
        """A name that is taken is refused."""
        command = f"registry tag add {_MODEL}@2 first"
        try:
            with self._open() as registry, registry.change("Claim a tag again") as change:
                change.add_tag(f"{_MODEL}@2", "first")
        except RefusedError as exc:
            return Step(command, (f"refused: {exc.message}",))
        raise AssertionError("a tag was set twice")

    def read(self) -> Iterator[Step]:
        """A reader who has nothing but the address of the repository."""
        url = f"file://{self._host}"
        with open_registry(url, ref="main") as registry:
            version = registry.version(f"{_MODEL}@production")
            artifact = version.artifact()
            yield Step(
                f"registry resolve {_MODEL}@production --repo {url}",
                (f"{version.model}@{version.version}, commit {str(registry.commit)[:12]}",),
            )
            fetched = self._root / "fetched" / artifact.path
            place(artifact.fetch(), fetched)
        digest = digest_file(fetched).sha256
        if digest != artifact.sha256:
            raise OperationalError(f"{fetched} has the sha256 {digest}, not {artifact.sha256}")
        yield Step(
            f"registry fetch {_MODEL}@production --repo {url} -o ../fetched",
            (f"{artifact.size} bytes, sha256 {digest[:16]}… matches the manifest",),
        )

    def use(self) -> Step:
        """The model does its work."""
        model = load(self._root / "fetched" / _FILE)
        said = tuple(f"{model.identify(sentence)}: {sentence}" for sentence in _SENTENCES)
        shown = " ".join(f'"{sentence}"' for sentence in _SENTENCES)
        return Step(f"python -m registry_tool.demo identify ../fetched/{_FILE} {shown}", said)

    def without_us(self) -> Iterator[Step]:
        """Plain Git and plain DVC restore the same bytes."""
        from git import Repo

        Repo.clone_from(str(self._host), self._root / "clone").close()
        path = f"models/{_MODEL}/versions/2/{_FILE}"
        _dvc("pull", "--quiet", f"{path}.dvc", cwd=self._root / "clone")
        same = (self._root / "clone" / path).read_bytes() == (
            self._root / "fetched" / _FILE
        ).read_bytes()
        if not same:
            raise OperationalError("dvc pull restored different content")
        yield Step(
            f"cd ..; git clone remote.git clone; cd clone; dvc pull {path}.dvc",
            ("same content, restored by Git and DVC alone",),
        )
