"""Where each page is, and relative links between pages, which work under any path and from ``file://``.

Names of models and versions begin with a letter or a digit, so ``-`` is a place of its own in their folders.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

__all__ = [
    "HOME",
    "absolute",
    "data_page",
    "lineage_page",
    "list_page",
    "model_page",
    "namespace_page",
    "older_page",
    "relative",
    "timeline_page",
    "version_page",
]

HOME: Final = "index.html"
_OWN: Final = frozenset({"index.html", "index.json"})


def _segment(name: str) -> str:
    """A name as a folder; a version may be called as the files of a page are."""
    return f"-{name}" if name.lower() in _OWN else name


def _model_folder(model: str) -> str:
    namespace, _, name = model.partition("/")
    return f"models/{namespace}/{_segment(name)}"


def model_page(model: str) -> str:
    """The page of a model, ``namespace/model``."""
    return f"{_model_folder(model)}/index.html"


def version_page(model: str, version: str) -> str:
    """The page of a version or a draft."""
    return f"{_model_folder(model)}/{_segment(version)}/index.html"


def older_page(model: str, page: int) -> str:
    """A page of fifty versions, from 1."""
    return f"{_model_folder(model)}/-/versions/{page}/index.html"


def lineage_page(model: str) -> str:
    """What a model is made from and what uses it."""
    return f"{_model_folder(model)}/-/lineage/index.html"


def list_page(page: int = 1) -> str:
    """A page of the table of all models, from 1."""
    return "models/index.html" if page == 1 else f"models/-/{page}/index.html"


def namespace_page(namespace: str, page: int = 1) -> str:
    """A page of the models of a namespace, from 1."""
    folder = f"models/{namespace}"
    return f"{folder}/index.html" if page == 1 else f"{folder}/-/{page}/index.html"


def timeline_page(stage: str = "", page: int = 1) -> str:
    """Who held a stage, over all models; without a name the main stage."""
    folder = f"timeline/{stage}" if stage else "timeline"
    return f"{folder}/index.html" if page == 1 else f"{folder}/-/{page}/index.html"


def data_page(page: str) -> str:
    """The JSON next to a page."""
    return f"{page.removesuffix('.html')}.json"


def absolute(target: str) -> str:
    """The address of a page from the root of a server, without ``index.html``."""
    return "/" + quote(target.removesuffix("index.html"), safe="/+")


def relative(here: str, target: str) -> str:
    """The address of a page as seen from another one; both are paths from the root of the site."""
    path, mark, fragment = target.partition("#")
    folders, parts = here.split("/")[:-1], path.split("/")
    shared = 0
    for one, other in zip(folders, parts[:-1], strict=False):
        if one != other:
            break
        shared += 1
    found = "../" * (len(folders) - shared) + "/".join(parts[shared:])
    return quote(found, safe="/+") + (f"#{quote(fragment)}" if mark else "")
