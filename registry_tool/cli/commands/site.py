"""``registry site``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_folder
from registry_tool.cli.options import Part, format_option, open_for_reading, repo_option
from registry_tool.cli.output.console import note_unreadable, print_json, progress_bar, say
from registry_tool.installation import package_of_extra

if TYPE_CHECKING:
    from registry_tool.web.site.build import BuiltSite, Selection

__all__ = ["site"]


@click.group(cls=Part)
def site() -> None:
    """The catalog site shows a registry to people in a browser: files for any web server."""


def _print_built(built: BuiltSite, target: str) -> None:
    facts = built.facts
    say(
        f"built the site of {facts.registry} at {facts.commit[:12]} in {target}: {facts.page_count} pages, "
        f"{facts.model_count} models ({built.rendered} changed), {facts.version_count} versions"
    )
    if facts.pages == "named":
        say(
            "note:  named versions and the newest ten of each model have their own page (--pages named)",
            err=True,
        )
    if built.carried:
        say(f"note:  kept files that are not of the site: {', '.join(built.carried)}", err=True)
    if built.missing_history:
        say(f"note:  the timeline is incomplete: {built.missing_history}", err=True)
    note_unreadable(built.unreadable)


@site.command()
@click.option(
    "-o", "--output", "target", metavar="DIR", required=True, shell_complete=complete_folder,
    help="The folder of the site: a new one, an empty one, or a site that is updated.",
)  # fmt: skip
@click.option(
    "--ref", metavar="REV", default="HEAD", show_default=True, help="A branch, tag or commit."
)
@click.option(
    "--base-url", metavar="URL", default="",
    help="The address of the site, such as https://example.org/models/. The feed needs it; pages do not.",
)  # fmt: skip
@click.option(
    "--pages", type=click.Choice(["all", "named"]),
    help="A page for every version, or for those with an alias or tag and the newest ten of each model; the others are "
    "in tables. Default: all up to 20,000 versions.",
)  # fmt: skip
@format_option
@repo_option
def build(
    *, target: str, ref: str, base_url: str, pages: Selection | None, form: str, repo: str
) -> int:
    """Build the catalog site of one commit as files.

    The same commit gives the same bytes. A second build into the same folder renders only models that have changed.
    Readers see the whole site before or after: the next one is built in a hidden folder next to DIR, which later builds
    start from. Files of others in DIR stay. Exit status 1: the site was built, and a record in it cannot be read.

    \b
    Examples:
      registry site build -o public
      registry site build -o /srv/www/models --ref main --base-url https://example.org/models/
    """
    with package_of_extra("the catalog site", "site"):
        from registry_tool.web.site.build import build_site

    with open_for_reading(repo, ref) as registry, progress_bar("models") as progress:
        built = build_site(
            registry, Path(target), base_url=base_url, pages=pages, workers=None, progress=progress
        )
    if form == "json":
        print_json(
            {
                "folder": str(built.folder), **vars(built.facts), "rendered": built.rendered,
                "unreadable": [*built.unreadable], "carried": [*built.carried],
                "missing_history": built.missing_history,
            }
        )  # fmt: skip
    else:
        _print_built(built, target)
    return int(bool(built.unreadable))
