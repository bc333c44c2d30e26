"""Hostile texts in every field of a registry, in a real browser: no dialog, no request, nothing that runs, nothing torn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import yaml_rs
from support.browser import ChromiumProcess, audit_page, serve_folder, validate_pages
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    stored_artifact,
    tag_yaml,
    version_files,
)
from support.repositories import new_repository
from support.shown_pages import measure_overflow

import registry_tool
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.writer import render
from registry_tool.web.site.build import build_site

pytestmark = pytest.mark.long
_TEXTS = cast(
    "Mapping[str, str]",
    yaml_rs.loads((Path(__file__).parents[2] / "corpus_web" / "texts.yaml").read_text(encoding="utf-8")),
)  # fmt: skip
# What a text must not become, wherever it is.
_LOOK = """() => [...document.querySelectorAll('*')].filter(one =>
    (one.localName === 'script' && !one.src) || /^(style|iframe|object|embed|base)$/.test(one.localName)
    || one.getAttributeNames().some(name => /^on|^style$|^srcset$/.test(name))
    || /^(javascript|vbscript):/i.test(one.href?.baseVal ?? one.href ?? '')
    || (one.localName === 'img' && one.src)).map(one => one.outerHTML.slice(0, 120))"""
_TOUCH = """() => {
  for (const element of document.querySelectorAll('*'))
    for (const name of ['mouseover', 'mouseenter', 'focus', 'toggle', 'error', 'load', 'animationstart'])
      element.dispatchEvent(new Event(name, {bubbles: true}));
}"""


def _model(name: str, text: str) -> dict[str, str]:
    """A model with a text in every field that takes one."""
    namespace, _, short = name.partition("/")
    folder = f"models/{name}"
    measured: list[JSON] = [{"key": "accuracy", "value": 0.9}, {"key": "note", "value": text}]
    fields: dict[str, JSON] = {
        "description": text, "author": text, "metrics": measured, "parameters": {text: {"a": text}},
        "environment": {"pip_packages": [text]}, "created_at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    files = {
        f"{folder}/model.yaml": model_yaml(short, namespace, description=text, owner=text, metadata={text: text}),
        f"{folder}/title.yaml": render({"schema": "title/v1", "title": text}).decode(),
        f"{folder}/CARD.md": f"# {text}\n\n{text}\n\n    {text}\n",
        f"{folder}/aliases/production.yaml": alias_yaml("2", name, reason=text),
        f"{folder}/tags/first.yaml": tag_yaml("1", name),
        f"{folder}/versions/2/metadata.yaml": metadata_yaml(metadata={text: text}),
        f"{folder}/versions/2/title.yaml": render({"schema": "title/v1", "title": text}).decode(),
        f"{folder}/versions/1/status.yaml": status_yaml("withdrawn", reason=text),
    }  # fmt: skip
    for version in ("1", "2", "3"):
        own: dict[str, JSON] = {"artifacts": [stored_artifact(f"{name} {version}".encode())]}
        files |= version_files(version, name, **fields | own)
    record = files[f"{folder}/versions/3/version.yaml"]
    files[f"{folder}/versions/3/evidence/note.yaml"] = evidence_yaml(
        "3", kind="note", model=name, record=record, text=text
    )
    return files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a registry with one model for each text."""
    made = tmp_path_factory.mktemp("hostile")
    every = " ".join(_TEXTS.values())[:400]
    gate: JSON = {"metric": "accuracy", "min": 0.5}
    files = {
        "registry.yaml": registry_yaml(description=every, stages={"production": {"require": [gate]}}),
        "models/nlp/namespace.yaml": namespace_yaml(description=every),
    }  # fmt: skip
    for number, text in enumerate(_TEXTS.values()):
        files |= _model(f"nlp/m-{number}", text)
    with registry_tool.open(new_repository(made / "registry", files)) as registry:
        build_site(registry, made / "site")
    return made / "site"


def _pages() -> list[str]:
    shared = ["", "models/", "models/nlp/", "timeline/", "lineage/", "health/", "about/"]
    own = ("", "1/", "2/", "3/", "-/lineage/")
    return shared + [f"models/nlp/m-{n}/{page}" for n in range(len(_TEXTS)) for page in own]


def test_hostile_texts_are_only_text(chromium: ChromiumProcess, folder: Path) -> None:
    faults = []
    with serve_folder(folder) as site, chromium.visit(site, width=390) as visit:
        for path in _pages():
            if not (folder / path / "index.html").is_file():
                assert path.endswith("lineage/")
                continue
            visit.page.goto(f"{site}{path}index.html")
            faults += [(path, found) for found in visit.page.evaluate(_LOOK)]
            faults += [(path, found) for found in measure_overflow(visit.page)]
            visit.page.evaluate(_TOUCH)
        assert not faults, "\n".join(map(str, faults))
        assert visit.is_quiet, (visit.refused, visit.dialogs, visit.complaints)


def test_what_scripts_show_of_them_is_only_text(chromium: ChromiumProcess, folder: Path) -> None:
    with serve_folder(folder) as site, chromium.visit(site) as visit:
        page = visit.page
        page.goto(f"{site}search/index.html?q=nlp")
        page.wait_for_selector("#results table")
        assert page.locator("#results tbody tr").count() == len(_TEXTS)
        assert page.evaluate(_LOOK) == []
        for number, text in enumerate(_TEXTS.values()):
            page.goto(f"{site}compare/index.html?a=nlp/m-{number}@2&b=nlp/m-0@3")
            page.wait_for_selector("#result section, #result p")
            assert page.evaluate(_LOOK) == [], text
        for name, text in _TEXTS.items():
            page.goto(f"{site}search/index.html")
            page.get_by_role("searchbox", name="Words, filters and bounds").fill(text)
            page.get_by_role("button", name="Search").last.click()
            page.wait_for_selector(
                "#problem:not([hidden]), #results table, #status:not(:empty)", state="attached"
            )
            assert page.evaluate(_LOOK) == [], name
        assert visit.is_quiet, (visit.refused, visit.dialogs, visit.complaints)


def test_pages_of_hostile_texts_are_accessible_and_valid(
    chromium: ChromiumProcess, folder: Path
) -> None:
    pages = [
        folder / "models" / "nlp" / f"m-{n}" / part
        for n in range(len(_TEXTS))
        for part in ("index.html", "3/index.html")
    ]
    assert validate_pages(pages) == {}
    with serve_folder(folder) as site, chromium.visit(site) as visit:
        for path in (
            "index.html",
            "models/index.html",
            "models/nlp/m-2/index.html",
            "models/nlp/m-2/2/index.html",
        ):
            visit.page.goto(site + path)
            assert audit_page(visit.page) == [], path
