"""The folder of a site: the next one is built next to it, and takes its place in one step.

A hidden folder next to the site has what builds need: a lock, the site as it was before (``previous``), and what is being
built. Readers see one whole site or another. The next build starts from ``previous`` and brings it up to date, so that
it costs what has changed since then; files that two sites share are hard links, and no file is ever written twice. A
build that was killed leaves a folder that the next one deletes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from registry_tool.artifacts.filesystem import describe_os_error, on_disk
from registry_tool.errors import ConflictError, OperationalError, RefusedError, UsageError
from registry_tool.file_lock import try_lock
from registry_tool.web.site.exchange import exchange_folders
from registry_tool.web.site.state import (
    FACTS,
    STATE,
    BuiltModel,
    SiteFacts,
    SiteState,
    is_inside,
    model_folder,
)

__all__ = ["NextSite", "SiteFolder", "open_site_folder", "write_file"]

_HIDDEN: Final = ".registry-site"
_PREVIOUS: Final = "previous"
_BUILD: Final = "build-"
# Of file systems without hard links, or with no more for one file.
_NO_LINK: Final = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})
# Of a mount point.
_FIXED: Final = frozenset({errno.EBUSY, errno.EXDEV})


def write_file(site: Path, path: str, content: bytes) -> None:
    """Write a file of a site that is being built; it must be new.

    Raises:
        RefusedError: The path would leave the site.
        OSError: As the system reports it.
    """
    if not is_inside(path):
        raise RefusedError(f"the page {path[:120]!a} would be outside the site")
    place = f"{site}/{path}"
    try:
        file = open(place, "xb", buffering=0)  # noqa: PTH123, SIM115 - thousands of times
    except FileNotFoundError:
        _make_folder(os.path.dirname(place))  # noqa: PTH120 - likewise
        file = open(place, "xb", buffering=0)  # noqa: PTH123, SIM115
    with file:
        rest = memoryview(content)
        while rest:  # a full disk may take a part, and refuses the next one
            rest = rest[file.write(rest) :]


def _make_folder(place: str) -> None:
    with contextlib.suppress(FileExistsError):
        try:
            os.mkdir(place)  # noqa: PTH102 - likewise
        except FileNotFoundError:
            os.makedirs(place, exist_ok=True)  # noqa: PTH103 - likewise


def _share(old: str, new: str) -> None:
    try:
        os.link(old, new)
    except OSError as exc:
        if exc.errno not in _NO_LINK:
            raise
        shutil.copyfile(old, new)


def _share_folder(old: str, new: str) -> int:
    """Make a folder with the files of another one; the number of files.

    Raises:
        OSError: Also for what is neither a file nor a folder.
    """
    count, waiting = 0, [(old, new)]
    os.makedirs(new)  # noqa: PTH103 - text
    while waiting:
        source, target = waiting.pop()
        with os.scandir(source) as entries:
            for entry in entries:
                place = f"{target}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    os.mkdir(place)  # noqa: PTH102 - text
                    waiting.append((entry.path, place))
                elif entry.is_file(follow_symlinks=False):
                    _share(entry.path, place)
                    count += 1
                else:
                    raise OSError(errno.EINVAL, "not a file", entry.path)
    return count


def _remove(place: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing where it does not exist."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


class NextSite:
    """A site that is being built; see ``SiteFolder.begin``.

    Attributes:
        root: Its folder.
        work: A folder for whatever the build needs besides; deleted at its end.
    """

    def __init__(self, work: Path, current: Path, known: SiteState | None) -> None:
        self.root = work / "site"
        self.work = work
        self._current = current
        self._known = known
        self._had: SiteState | None = None

    def adopt(self, previous: Path) -> None:
        """Start from an earlier site instead of from nothing."""
        had = SiteState.read(previous)
        if had is None:
            _remove(previous)
            self.root.mkdir()
            return
        # Without these it is not taken for a site again if this process is killed.
        (previous / FACTS).unlink(missing_ok=True)
        (previous / STATE).unlink(missing_ok=True)
        previous.rename(self.root)
        self._had = had

    def keep_models(self, keys: Mapping[str, str]) -> dict[str, BuiltModel]:
        """Keep or take over the pages of models that have not changed, and delete those of others.

        Args:
            keys: What the pages of each model of the next site depend on.

        Returns:
            The models whose pages are complete.
        """
        had = {} if self._had is None else self._had.models
        kept = {name: one for name, one in had.items() if keys.get(name) == one.key}
        kept = {
            name: one for name, one in kept.items() if (self.root / model_folder(name)).is_dir()
        }
        for name in had.keys() - kept.keys():
            _remove(self.root / model_folder(name))
        known = {} if self._known is None else self._known.models
        others = Counter(map(_find_model_folder, () if self._known is None else self._known.files))
        for name, one in known.items():
            if (
                name not in kept
                and keys.get(name) == one.key
                and self._take_over(name, one.file_count + others[model_folder(name)])
            ):
                kept[name] = one
        return kept

    def _take_over(self, model: str, count: int) -> bool:
        """Share the pages of a model with the current site; False where some are missing."""
        folder = model_folder(model)
        try:
            whole = _share_folder(f"{self._current}/{folder}", f"{self.root}/{folder}") == count
        except OSError as exc:
            if exc.errno not in {errno.ENOENT, errno.ENOTDIR, errno.EINVAL}:
                raise
            whole = False
        if not whole:
            _remove(self.root / folder)
        return whole

    def put_others(self, files: Iterable[tuple[str, bytes]]) -> tuple[str, ...]:
        """Write the files outside the folders of models, and delete those of an earlier site; their paths, sorted."""
        written: set[str] = set()
        for path, content in files:
            if is_inside(path):  # else it is refused below
                (self.root / path).unlink(
                    missing_ok=True
                )  # it may be a hard link: others see it too
            write_file(self.root, path, content)
            written.add(path)
        states = [state for state in (self._had, self._known) if state is not None]
        self._sweep(written, {path for state in states for path in state.files})
        return tuple(sorted(written))

    def _sweep(self, written: Collection[str], earlier: Collection[str]) -> None:
        """Delete files that lie next to pages and are of no build, or of an earlier one, and folders that are empty then."""
        folders = {path.rpartition("/")[0] for path in (*written, *earlier)} - {""}
        for folder in sorted(folders, key=len, reverse=True):
            place = self.root / folder
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                for entry in list(os.scandir(place)):
                    inside = f"{folder}/{entry.name}"
                    if not entry.is_dir(follow_symlinks=False) and inside not in written:
                        Path(entry.path).unlink()
            _remove_empty(place, self.root)

    def carry(self, own: Collection[str]) -> tuple[str, ...]:
        """Take over what others put into the current site, such as ``CNAME``; the names.

        Args:
            own: The names in the site's folder that are of the next build.
        """
        mine = {*own} | (self._known.own_names() if self._known is not None else set())
        for entry in list(os.scandir(self.root)):
            if entry.name not in own:
                _remove(Path(entry.path))
        carried = []
        for entry in list(os.scandir(self._current)) if self._current.is_dir() else []:
            if entry.name in mine:
                continue
            if entry.is_dir(follow_symlinks=False):
                _share_folder(entry.path, f"{self.root}/{entry.name}")
            elif entry.is_symlink():
                (self.root / entry.name).symlink_to(Path(entry.path).readlink())
            else:
                _share(entry.path, f"{self.root}/{entry.name}")
            carried.append(entry.name)
        return tuple(sorted(carried))


def _find_model_folder(path: str) -> str:
    """The folder of a model that a file is in, if it is in one."""
    return "/".join(path.split("/")[:3])


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder and those above it, as long as they are empty."""
    with contextlib.suppress(OSError):
        while folder != top:
            folder.rmdir()
            folder = folder.parent


class SiteFolder:
    """The folder of a site, locked for one build; see ``open_site_folder``.

    Attributes:
        place: The folder, without links.
        facts: What the site in it says of itself; None for no site yet.
        known: What its build knew; None where that is not known.
    """

    def __init__(self, place: Path, hidden: Path) -> None:
        self.place = place
        self._hidden = hidden
        self._restore()
        self.facts = SiteFacts.read(place)
        self.known = None if self.facts is None else SiteState.read(place)

    def _restore(self) -> None:
        """Clean up after builds that were killed."""
        for left in list(self._hidden.iterdir()):
            if left.name.startswith(_BUILD):
                _remove(left)
        previous = self._hidden / _PREVIOUS
        # Killed between the two renames of a file system that cannot exchange folders.
        if not self.place.exists() and SiteFacts.read(previous) is not None:
            previous.rename(self.place)

    @contextlib.contextmanager
    def begin(self) -> Iterator[NextSite]:
        """Yield the next site; what is not in place at the end of the block is deleted."""
        work = self._hidden / f"{_BUILD}{secrets.token_hex(4)}"
        work.mkdir()
        try:
            made = NextSite(work, self.place, self.known)
            made.adopt(self._hidden / _PREVIOUS)
            yield made
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def publish(self, made: NextSite) -> None:
        """Put the next site in place of the current one.

        Raises:
            OSError: The folder cannot be renamed; the current site is as it was.
        """
        previous = self._hidden / _PREVIOUS
        if not self.place.exists():
            made.root.rename(self.place)
            return
        shutil.copymode(self.place, made.root)
        if self.facts is None:  # an empty folder
            with contextlib.suppress(OSError):
                made.root.rename(self.place)
                return
        if exchange_folders(made.root, self.place):
            made.root.rename(previous)
        else:
            self.place.rename(previous)
            made.root.rename(self.place)


def _check_target(place: Path, shown: str) -> None:
    """Refuse a folder that is not a site and has something in it.

    Raises:
        UsageError: It is none.
        OperationalError: It cannot be replaced.
    """
    if place.exists() and not place.is_dir():
        raise UsageError(f"{shown} is a file", remedy="name a new folder, an empty one, or a site")
    if not place.exists():
        return
    if os.path.ismount(place):
        raise OperationalError(
            f"{shown} is a mount point and cannot be replaced in one step",
            remedy=f"build into a folder in it, such as -o {shown.rstrip('/')}/site",
        )
    if SiteFacts.read(place) is None and any(place.iterdir()):
        raise UsageError(
            f"{shown} contains files and is not a site that `registry site build` made",
            remedy="name a new folder, an empty one, or a site",
        )


@contextlib.contextmanager
def open_site_folder(target: Path) -> Iterator[SiteFolder]:
    """Yield the folder of a site, locked for one build.

    Args:
        target: The folder; where it is a link, the folder that it leads to is replaced and the link stays.

    Raises:
        UsageError: The folder has files and is no site.
        ConflictError: Another process builds into it.
        OperationalError: It cannot be written.
    """
    shown = str(target)
    place = Path(os.path.realpath(target))
    with on_disk(f"cannot build the site in {shown}"):
        _check_target(place, shown)
        hidden = place.parent / f".{place.name}{_HIDDEN}"
        hidden.mkdir(parents=True, exist_ok=True)
        lock = os.open(hidden / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        with _explain(shown):
            if not try_lock(lock):
                raise ConflictError(
                    f"another process is building the site in {shown}", remedy="wait until it ends"
                )
            yield SiteFolder(place, hidden)
    finally:
        os.close(lock)


@contextlib.contextmanager
def _explain(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in _FIXED:
            raise OperationalError(
                f"{shown} cannot be replaced: it is a mount point or in use",
                remedy=f"build into a folder in it, such as -o {shown.rstrip('/')}/site",
            ) from exc
        words, remedy = describe_os_error(exc)
        raise OperationalError(f"cannot build the site in {shown}: {words}", remedy=remedy) from exc
