"""Files of a site: pages with their data, and the few others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from registry_tool.web.pages.addresses import data_page

__all__ = ["Page", "SiteFile"]


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        path: Its file, from the root of the site: ``models/nlp/lang-id/4/index.html``.
        html: The page.
        data: The JSON next to it.
    """

    path: str
    html: bytes
    data: bytes

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Its two files, with their content."""
        yield self.path, self.html
        yield data_page(self.path), self.data


@dataclass(frozen=True)
class SiteFile:
    """A file that is no page: a style sheet, a script, a feed.

    Attributes:
        path: From the root of the site.
        content: The bytes.
    """

    path: str
    content: bytes

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The file, with its content."""
        yield self.path, self.content
