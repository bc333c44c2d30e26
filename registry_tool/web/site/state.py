"""What a built site says of itself: ``site.json`` for its readers, ``.build.json`` for the next build."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from registry_tool._version import VERSION
from registry_tool.manifests.problems import JSON
from registry_tool.web.pages.addresses import model_page
from registry_tool.web.views.moves import AliasMoves
from registry_tool.web.views.summary import ModelSummary

__all__ = ["FACTS", "STATE", "BuiltModel", "SiteFacts", "SiteState", "is_inside", "model_folder"]

FACTS: Final = "site.json"
STATE: Final = ".build.json"
_FORMAT: Final = 1
_GENERATOR: Final = "registry-tool"
_FACTS_LIMIT: Final = 64 << 10
_STATE_LIMIT: Final = 1 << 30


def is_inside(path: str) -> bool:
    """True for a path that stays in the folder that it starts from, on every system."""
    parts = path.split("/")
    return "\\" not in path and "\0" not in path and not {"", ".", ".."} & set(parts)


def model_folder(model: str) -> str:
    """The folder of all pages of a model, ``namespace/model``."""
    return str(PurePosixPath(model_page(model)).parent)


class BuiltModel(NamedTuple):
    """A model whose pages are in a site.

    Attributes:
        key: What the pages depend on.
        summary: What pages that list models need of it.
        columns: What the search needs of it (``write_columns``).
        file_count: The number of files in its folder.
        page_count: The number of its pages.
        is_readable: False where a record of it cannot be read.
    """

    key: str
    summary: ModelSummary
    columns: str
    file_count: int
    page_count: int
    is_readable: bool

    def to_json(self) -> JSON:
        """As plain data."""
        return {**self._asdict(), "summary": self.summary.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> BuiltModel:
        """What ``to_json`` wrote.

        Raises:
            KeyError: It is something else.
            TypeError: It is something else.
        """
        summary, files, pages = data["summary"], data["file_count"], data["page_count"]
        if (
            not isinstance(summary, dict)
            or not isinstance(files, int)
            or not isinstance(pages, int)
        ):
            raise TypeError("not a built model")
        made = ModelSummary.from_json(summary)
        columns = str(data["columns"])
        return cls(str(data["key"]), made, columns, files, pages, data["is_readable"] is True)


def _read(place: Path, limit: int) -> object:
    """The JSON of a file of a site; None where it is missing or something else."""
    try:
        with place.open("rb") as file:
            return json.loads(file.read(limit))
    except (OSError, ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class SiteFacts:
    """What a site is of: in ``site.json``, for its readers and for programs.

    Attributes:
        registry: The registry's name.
        commit: The commit that the pages are of.
        time: The commit's time, RFC 3339.
        base_url: Where the site will be; empty where the build was not told.
        pages: Which versions have a page of their own, ``all`` or ``named``.
        model_count: The number of models.
        version_count: The number of versions.
        page_count: The number of pages.
    """

    registry: str
    commit: str
    time: str
    base_url: str
    pages: str
    model_count: int
    version_count: int
    page_count: int

    def write(self) -> bytes:
        """As the bytes of the file."""
        said = {"format": _FORMAT, "generator": f"{_GENERATOR} {VERSION}", **vars(self)}
        return (
            json.dumps(said, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")
            + b"\n"
        )

    @classmethod
    def read(cls, folder: Path) -> SiteFacts | None:
        """Those of a site; None for a folder that is no site of this program."""
        found = _read(folder / FACTS, _FACTS_LIMIT)
        if not isinstance(found, dict):
            return None
        generator = found.pop("generator", "")
        if found.pop("format", 0) != _FORMAT or not str(generator).startswith(f"{_GENERATOR} "):
            return None
        try:
            return cls(**found)
        except TypeError:
            return None


@dataclass(frozen=True)
class SiteState:
    """What the next build needs to know of a site.

    Attributes:
        models: The models, by name.
        files: The files that every build makes, sorted: pages that list models, assets; the others are in the folders of models.
        moves: The moves of all aliases up to the site's commit.
    """

    models: Mapping[str, BuiltModel]
    files: tuple[str, ...]
    moves: AliasMoves

    def write(self) -> bytes:
        """As the bytes of the file."""
        said = {
            "format": _FORMAT,
            "models": {name: self.models[name].to_json() for name in sorted(self.models)},
            "files": list(self.files),
            "moves": self.moves.to_json(),
        }
        return json.dumps(said, separators=(",", ":"), sort_keys=True).encode("ascii") + b"\n"

    @classmethod
    def read(cls, folder: Path) -> SiteState | None:
        """That of a site; None where it is missing, damaged or of another release."""
        found = _read(folder / STATE, _STATE_LIMIT)
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            return None
        try:
            models = {name: BuiltModel.from_json(one) for name, one in found["models"].items()}
            state = cls(
                models, tuple(map(str, found["files"])), AliasMoves.from_json(found["moves"])
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        return state if state._is_safe() else None

    def _is_safe(self) -> bool:
        """Names become paths in which files are deleted."""
        folders = map(model_folder, self.models)
        names = (*self.models, *self.files)
        return all(map(is_inside, names)) and all(map(_is_model_folder, folders))

    def own_names(self) -> set[str]:
        """The names in the site's own folder that are of the build."""
        return {FACTS, STATE, "models", *_first_names(self.files)}


def _is_model_folder(folder: str) -> bool:
    return is_inside(folder) and folder.count("/") == 2  # noqa: PLR2004 (models/namespace/model)


def _first_names(paths: Iterable[str]) -> set[str]:
    return {path.partition("/")[0] for path in paths}
