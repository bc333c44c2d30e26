"""The Jinja environment, and the assets that pages load: named by their digest, so that they can be cached for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

from registry_tool.api.promotion import GateResult
from registry_tool.catalog.describe import sentence
from registry_tool.installation import package_of_extra
from registry_tool.paths import resource
from registry_tool.web.pages import addresses, marks, words
from registry_tool.web.pages.files import Page, SiteFile
from registry_tool.web.pages.kinds import PAGE_KINDS
from registry_tool.web.views.plain import write_json

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["POLICY", "Templates", "load_templates"]

_FOLDER: Final = "templates/web"
# No inline style or script, no other host. Frames cannot be forbidden by an element, only by a header.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "worker-src 'self'; form-action 'self'; base-uri 'none'"
)


def _is_passing(gate: GateResult) -> bool:
    return gate.state == "held"


def _is_failing(gate: GateResult) -> bool:
    return gate.state == "failed"


def _is_waiting(gate: GateResult) -> bool:
    """True where nothing but time is missing."""
    return (
        gate.state == "failed" and gate.gate.startswith("soak") and gate.remedy.startswith("wait")
    )


def _read_assets(folder: str) -> dict[str, tuple[str, bytes]]:
    found = {}
    for file in sorted((resource(_FOLDER) / folder).iterdir()):
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:12]
        found[file.name] = (f"assets/{file.stem}.{digest}{file.suffix}", content)
    return found


class Templates:
    """The templates and assets of this installation."""

    @cached_property
    def _environment(self) -> Environment:
        with package_of_extra("the catalog site", "site"):
            from jinja2 import Environment, FileSystemLoader, StrictUndefined

        made = Environment(
            loader=FileSystemLoader(resource(_FOLDER)),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        made.filters.update({**words.FILTERS, **marks.FILTERS})
        made.tests.update(passing=_is_passing, failing=_is_failing, waiting=_is_waiting)
        made.globals.update(
            policy=POLICY,
            model_page=addresses.model_page,
            version_page=addresses.version_page,
            older_page=addresses.older_page,
            lineage_page=addresses.lineage_page,
            list_page=addresses.list_page,
            namespace_page=addresses.namespace_page,
            data_page=addresses.data_page,
            timeline_page=addresses.timeline_page,
            length=words.length_words,
            sentence=sentence,
            assets={name: path for name, (path, _) in self.assets.items()},
            app_assets={name: path for name, (path, _) in self.app_assets.items()},
        )
        return made

    @cached_property
    def assets(self) -> dict[str, tuple[str, bytes]]:
        """Each asset by its name, as where it is on the site and its content."""
        return _read_assets("assets")

    @cached_property
    def app_assets(self) -> dict[str, tuple[str, bytes]]:
        """Likewise those of forms, which a site does not have."""
        return _read_assets("app/assets")

    @cached_property
    def digest(self) -> str:
        """The digest of all templates and assets."""
        whole = hashlib.sha256()
        for file in sorted(resource(_FOLDER).rglob("*")):
            if file.is_file():
                whole.update(file.relative_to(resource(_FOLDER)).as_posix().encode() + b"\0")
                whole.update(hashlib.sha256(file.read_bytes()).digest())
        return whole.hexdigest()

    def render_assets(self) -> Iterator[SiteFile]:
        """The assets as files of the site."""
        for path, content in self.assets.values():
            yield SiteFile(path, content)

    def render(self, kind: str, path: str, view: object, **values: object) -> Page:
        """A page out of a view.

        Args:
            kind: One of ``PAGE_KINDS``.
            path: Where the page is.
            view: Its values, in the template ``view``; they are also the JSON next to it.
            values: More names for the template.

        Raises:
            MissingPackageError: Jinja2 is not installed.
        """
        html = self.render_html(PAGE_KINDS[kind].template, path, view=view, **values)
        return Page(path, html, write_json(view, schema=f"pages/{kind}/v1"))

    def render_html(self, template: str, path: str, **values: object) -> bytes:
        """A page without data next to it.

        Args:
            template: Its file in ``templates/web/``.
            path: Where the page is; empty for one that may be anywhere, whose links begin at the root of the server.
            values: The names for the template.

        Raises:
            MissingPackageError: Jinja2 is not installed.
        """

        def url(target: str) -> str:
            return addresses.relative(path, target) if path else addresses.absolute(target)

        html = self._environment.get_template(template).render(url=url, path=path, **values)
        return html.encode("utf-8", "replace")

    def render_text(self, template: str, **values: object) -> bytes:
        """A file that is no page; values are escaped for XML.

        Raises:
            MissingPackageError: Jinja2 is not installed.
        """
        text = self._environment.get_template(template).render(**values)
        return text.encode("utf-8", "replace")


@cache
def load_templates() -> Templates:
    """The templates of this installation, read once."""
    return Templates()
