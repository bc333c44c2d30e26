"""The rows of tables of versions, which a site has more of than of anything else: a template takes three times as long."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from registry_tool.catalog.describe import size_words
from registry_tool.web.pages.addresses import version_page
from registry_tool.web.pages.marks import find_metric, mark_change, mark_names, mark_time
from registry_tool.web.pages.words import number_words
from registry_tool.web.views.model import VersionLine

__all__ = ["VersionRows"]

_FADED: Final = frozenset({"withdrawn", "erased", "deleted", "draft"})
_NOT_COMPARED: Final = frozenset({"draft", "unreadable"})


@dataclass(frozen=True)
class VersionRows:
    """How the versions of a namespace's models are drawn.

    Attributes:
        stages: The stages, first to last.
        main: The stage that everything leads to.
    """

    stages: Collection[str]
    main: str

    def draw(
        self,
        lines: Iterable[VersionLine],
        model: str,
        columns: Sequence[str],
        url: Callable[[str], str],
    ) -> Markup:
        """The rows of a table.

        Args:
            lines: The versions.
            model: Their model, ``namespace/model``.
            columns: The metrics that are shown; all but the first only where there is room.
            url: The address of a page as seen from the page of the table.
        """
        return Markup("\n".join("".join(self._draw(one, model, columns, url)) for one in lines))  # noqa: S704 - every text is escaped

    def _draw(
        self, line: VersionLine, model: str, columns: Sequence[str], url: Callable[[str], str]
    ) -> Iterator[str]:
        version = escape(line.version)
        yield f'<tr{self._choose_class(line)}><td class="pick">'
        if line.state not in _NOT_COMPARED:
            label = f"Select version {version} to compare"
            yield f'<input type="checkbox" value="{version}" aria-label="{label}">'
        yield '</td><th scope="row">'
        if line.has_page:
            address = escape(url(version_page(model, line.version)))
            yield f'<a href="{address}" class="num">{version}</a>'
        else:
            yield f'<span class="num">{version}</span>'
        if line.title:
            yield f' <span class="soft">{escape(line.title)}</span>'
        yield f"</th><td>{mark_names(line, self.stages, self.main)}</td>"
        for number, key in enumerate(columns):
            one = find_metric(line.metrics, key)
            shown = "" if one is None else f"{escape(number_words(one.value))} {mark_change(one)}"
            yield f'<td class="num{" wide" if number else ""}">{shown}</td>'
        size = "" if line.size is None else size_words(line.size)
        yield f'<td class="num wide">{size}</td><td class="nowrap wide">{mark_time(line.created_at)}</td></tr>'

    def _choose_class(self, line: VersionLine) -> str:
        kinds = []
        if self.main in line.aliases:
            kinds.append("first")
        elif line.aliases and line.aliases[0] in self.stages:
            kinds.append("stage")
        if line.state in _FADED:
            kinds.append("faded")
        return f' class="{" ".join(kinds)}"' if kinds else ""
