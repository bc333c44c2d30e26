"""A built site with every kind of page, and what tests of pages in a browser look for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, cast

from playwright.sync_api import Page, Request

import registry_tool
from registry_tool.web.site.build import build_site
from support import git, write_files
from support.browser import Visit
from support.illustrated_registry import build_illustrated_registry
from support.manifests import alias_yaml, model_files, stored_artifact, version_files

__all__ = [
    "PAGES",
    "Sent",
    "build_shown_site",
    "find_unlabelled_figures",
    "list_focusable",
    "measure_overflow",
    "measure_shift",
    "watch_requests",
]

_MANY: Final = "vision/many"
_MODEL: Final = "models/nlp/lang-id"
PAGES: Final[Mapping[str, str]] = {
    "home": "index.html",
    "models": "models/index.html",
    "namespace": "models/nlp/index.html",
    "model": f"{_MODEL}/index.html",
    "version": f"{_MODEL}/14/index.html",
    "version in production": f"{_MODEL}/12/index.html",
    "version that is withdrawn": f"{_MODEL}/11/index.html",
    "draft": f"{_MODEL}/15/index.html",
    "model with many versions": f"models/{_MANY}/index.html",
    "versions": f"models/{_MANY}/-/versions/2/index.html",
    "compare": f"compare/index.html?a={'nlp/lang-id@12'}&b={'nlp/lang-id@14'}",
    "compare four": "compare/index.html?a=nlp/lang-id@9&b=nlp/lang-id@11&c=nlp/lang-id@12&d=nlp/lang-id@14",
    "compare nothing": "compare/index.html",
    "timeline": "timeline/index.html",
    "timeline of a day": "timeline/index.html?day=2026-06-12",
    "timeline of staging": "timeline/staging/index.html",
    "lineage": f"{_MODEL}/-/lineage/index.html",
    "lineages": "lineage/index.html",
    "search": "search/index.html?q=accuracy%3E%3D0.9",
    "search for models": "search/index.html?q=language",
    "search that is wrong": "search/index.html?q=accuracy%3E%3Dhigh",
    "search for nothing": "search/index.html",
    "health": "health/index.html",
    "about": "about/index.html",
}
"""Pages by what they show: every kind, and the states of those that have some."""


def build_shown_site(folder: Path) -> Path:
    """Build the site of the illustrated registry, and of a model with sixty versions in it; where it is."""
    root = build_illustrated_registry(folder / "registry")
    files = model_files(_MANY, versions=(), description="One version for each night.")
    for number in range(1, 61):
        content = stored_artifact(f"many {number}".encode())
        metrics: list[dict[str, object]] = [{"key": "accuracy", "value": 0.8 + number / 1000}]
        files |= version_files(str(number), _MANY, artifacts=[content], metrics=metrics)  # type: ignore[arg-type]  # JSON
    files[f"models/{_MANY}/aliases/production.yaml"] = alias_yaml("7", _MANY, reason="stable")
    write_files(root, files)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--no-verify", "-m", "Add many versions")
    target = folder / "site"
    with registry_tool.open(root) as registry:
        build_site(registry, target)
    return target


class Sent(NamedTuple):
    """A request of a page.

    Attributes:
        kind: As the browser says: ``document``, ``stylesheet``, ``script``, ``fetch`` and others.
        url: Its address.
    """

    kind: str
    url: str


@contextmanager
def watch_requests(visit: Visit) -> Iterator[list[Sent]]:
    """All requests that are made within the block."""
    sent: list[Sent] = []

    def note(request: Request) -> None:
        sent.append(Sent(request.resource_type, request.url))

    visit.context.on("request", note)
    yield sent
    visit.context.remove_listener("request", note)


def measure_shift(page: Page) -> float:
    """The layout shift of a page since it began to load; 0 where nothing moved."""
    return cast("float", page.evaluate(
        """() => new Promise(resolve => {
          let sum = 0;
          new PerformanceObserver(list => { for (const one of list.getEntries()) sum += one.value; })
            .observe({type: 'layout-shift', buffered: true});
          requestAnimationFrame(() => setTimeout(() => resolve(sum), 50));
        })"""
    ))  # fmt: skip


def measure_overflow(page: Page) -> list[str]:
    """What makes a page wider than its window; empty where one need not scroll sideways."""
    return cast("list[str]", page.evaluate(
        """() => {
          const root = document.documentElement;
          if (root.scrollWidth <= innerWidth) return [];
          const clips = element => element && (getComputedStyle(element).overflowX !== 'visible' || clips(element.parentElement));
          return [...document.querySelectorAll('body *')]
            .filter(one => one.getBoundingClientRect().right > innerWidth + 0.5 && !clips(one.parentElement))
            .map(one => `${one.localName}.${one.getAttribute('class') ?? ''} ${one.textContent.trim().slice(0, 40)}`)
            .concat(`page is ${root.scrollWidth} wide`);
        }"""
    ))  # fmt: skip


def list_focusable(page: Page) -> list[str]:
    """What a page lets a reader act on, in the order of the document; of a list of tabs the chosen one."""
    return cast("list[str]", page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
          .filter(one => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({visibilityProperty: true}))
          .map((one, n) => { one.dataset.reach = n; return `${n} ${one.localName} ${(one.getAttribute('aria-label') ?? one.textContent).trim().slice(0, 40)}`; })"""
    ))  # fmt: skip


def find_unlabelled_figures(page: Page) -> list[str]:
    """Drawings without a name, and figures without a table of their numbers."""
    return cast("list[str]", page.evaluate(
        """() => {
          const faults = [];
          for (const svg of document.querySelectorAll('svg')) {
            if (svg.closest('[aria-hidden=true]')) continue;
            const named = svg.getAttribute('aria-label') || document.getElementById(svg.getAttribute('aria-labelledby') ?? '')?.textContent;
            if (svg.getAttribute('role') !== 'img' || !named) faults.push(`no name: ${svg.outerHTML.slice(0, 120)}`);
          }
          for (const figure of document.querySelectorAll('figure')) {
            const named = figure.querySelector('figcaption')?.textContent.trim() || figure.querySelector('svg[aria-label]');
            if (!named) faults.push(`no words: ${figure.outerHTML.slice(0, 120)}`);
            const near = figure.querySelector('table') ?? figure.parentElement.querySelector('table');
            if (!near) faults.push(`no table: ${figure.outerHTML.slice(0, 120)}`);
          }
          return faults;
        }"""
    ))  # fmt: skip
