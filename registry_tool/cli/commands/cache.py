"""``registry cache``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.options import format_option
from registry_tool.cli.output.console import print_json, say, size_words

if TYPE_CHECKING:
    from registry_tool.artifacts.cache.cache import Cache

__all__ = ["cache"]


def _cache() -> Cache:
    from registry_tool.artifacts.cache.cache import Cache
    from registry_tool.paths import cache_folder

    return Cache(cache_folder())


def _limit_words(limit: int | None) -> str:
    return "none (REGISTRY_CACHE_SIZE)" if limit is None else size_words(limit)


@click.group(invoke_without_command=True)
@click.pass_context
@format_option
def cache(ctx: click.Context, *, form: str) -> None:
    """Show the cache of artifacts, or clear it.

    It is shared by all registries, and everything in it can be fetched again. With a limit in REGISTRY_CACHE_SIZE, such
    as 50GB, what was not used for the longest time goes before something new is fetched. What a running process uses,
    or somebody used in the last hour, stays: then fetch -o goes past the cache.

    \b
    Examples:
      registry cache
      registry cache clean --to 20GB
    """
    if ctx.invoked_subcommand is not None:
        return
    from registry_tool.artifacts.cache.eviction import cache_limit, usage

    found, limit, place = usage(_cache()), cache_limit(), _cache().root
    if form == "json":
        data = {"folder": str(place), "limit": limit}
        print_json({**data, **found._asdict()})
        return
    say(f"{'folder':<11} {place}")
    say(f"{'size':<11} {size_words(found.size)}")
    say(f"{'objects':<11} {found.objects}")
    say(f"{'artifacts':<11} {found.artifacts}")
    say(f"{'unfinished':<11} {size_words(found.unfinished)}")
    say(f"{'limit':<11} {_limit_words(limit)}")


@cache.command()
@click.option(
    "--to", "down_to", metavar="SIZE", help="Keep so much, such as 20GB: what was used last."
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@format_option
def clean(*, down_to: str | None, dry_run: bool, form: str) -> None:
    """Clear the cache: all of it, or down to a size.

    What a running process uses stays; so does an unfinished download that somebody is at work on.

    \b
    Examples:
      registry cache clean --dry-run
      registry cache clean --to 20GB
    """
    from registry_tool.artifacts.cache.eviction import clear, clear_unfinished, parse_size

    kept = 0 if down_to is None else parse_size(down_to)
    if kept is None:
        raise click.UsageError("--to needs a size, such as 20GB")
    cleared = clear(_cache(), down_to=kept, dry_run=dry_run)
    unfinished = 0 if dry_run or down_to is not None else clear_unfinished(_cache())
    if form == "json":
        print_json({**cleared._asdict(), "unfinished": unfinished, "dry_run": dry_run})
        return
    verb = "would free" if dry_run else "freed"
    say(f"{verb} {size_words(cleared.size + unfinished)}")
    if cleared.in_use:
        say(f"note:  {size_words(cleared.in_use)} are in use and stay", err=True)
