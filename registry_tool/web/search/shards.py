"""Search shards: the columns of all models, by namespace, in files named by their digest; and the page that scans them.

A shard is the columns of its models, one after the other, so that a change of one model costs one shard. The manifest names
the shards, the language of queries, and how Python folds case: browsers know other versions of Unicode.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from registry_tool.catalog.search.query import (
    FILTERS,
    MODEL_STATES,
    VERSION_FILTERS,
    VERSION_STATES,
)
from registry_tool.manifests.fields import LISTED_VERSION, MODEL_FIELDS
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.web.pages.environment import load_templates
from registry_tool.web.pages.files import Page, SiteFile
from registry_tool.web.views.search import view_search

__all__ = ["SEARCH", "SearchIndex", "build_index", "render_search"]

SEARCH: Final = "search/index.html"
# With more namespaces than this, some share a shard: a page asks for all shards at once.
_SHARDS: Final = 64
_CASED: Final = 0x20000  # no writing beyond has upper and lower case


@dataclass(frozen=True)
class SearchIndex:
    """What the browser loads.

    Attributes:
        manifest: The path of the file that names the others.
        files: All of them.
    """

    manifest: str
    files: tuple[SiteFile, ...]


def build_index(columns: Mapping[str, bytes]) -> SearchIndex:
    """The shards and their manifest.

    Args:
        columns: Those of each model (``write_columns``), by its name, ``namespace/model``.
    """
    names = sorted(ModelName(*name.split("/", 1)) for name in columns)
    namespaces = sorted({name.namespace for name in names})
    bodies: dict[int, list[bytes]] = {}
    members: dict[int, list[str]] = {}
    places = {one: _choose_shard(one, n, len(namespaces)) for n, one in enumerate(namespaces)}
    for one, place in places.items():
        members.setdefault(place, []).append(one)
    for name in names:
        bodies.setdefault(places[name.namespace], []).append(columns[str(name)])
    shards = {n: _name_file(b"[" + b",\n".join(found) + b"]\n") for n, found in bodies.items()}
    listed: list[JSON] = [
        {"file": shard.path.rpartition("/")[2], "namespaces": [*members[n]]}
        for n, shard in sorted(shards.items())
    ]
    manifest = _name_file(_write({**describe_language(), "shards": listed}))
    return SearchIndex(manifest.path, (manifest, *shards.values()))


def _choose_shard(namespace: str, number: int, count: int) -> int:
    if count <= _SHARDS:
        return number
    return int.from_bytes(hashlib.sha256(namespace.encode()).digest()[:4]) % _SHARDS


def _name_file(content: bytes) -> SiteFile:
    return SiteFile(f"search/{hashlib.sha256(content).hexdigest()[:16]}.json", content)


def _write(data: Mapping[str, JSON]) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


@cache
def describe_language() -> dict[str, JSON]:
    """The filters of queries, and how they compare; and the folding of case."""
    return {
        "filters": [*FILTERS],
        "ofModel": {f.filter: f.match for f in MODEL_FIELDS if f.filter},
        "ofVersion": {f.filter: f.match for f in LISTED_VERSION if f.filter in VERSION_FILTERS},
        "modelStates": [*MODEL_STATES],
        "versionStates": [*VERSION_STATES],
        "folds": [*_list_folds()],
    }


def _list_folds() -> Iterator[JSON]:
    """Runs of characters that folding replaces: first, last, step and difference, or a character and its text."""
    run: list[int] = []
    for code in range(_CASED):
        folded = chr(code).casefold()
        if folded == chr(code):
            continue
        if len(folded) > 1:
            yield [code, folded]
            continue
        difference = ord(folded) - code
        if run and difference == run[3] and code - run[1] in ({1, 2} if run[2] == 0 else {run[2]}):
            run[1], run[2] = code, code - run[1]
            continue
        if run:
            yield [*run]
        run = [code, code, 0, difference]
    if run:
        yield [*run]


def render_search(site: str, index: SearchIndex) -> Iterator[Page | SiteFile]:
    """The search page, and the files that it loads.

    Args:
        site: The registry's name.
        index: What the page searches.
    """
    view = view_search(index.manifest)
    yield load_templates().render("search", SEARCH, view, site=site)
    yield from index.files
