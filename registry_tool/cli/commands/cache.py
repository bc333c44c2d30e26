"""``registry cache``."""

from __future__ import annotations

import click

from registry_tool.cli.options import format_option
from registry_tool.cli.output.console import print_json, say, size_words

__all__ = ["cache"]


def _limit_words(limit: int | None) -> str:
    return "none (REGISTRY_CACHE_SIZE)" if limit is None else size_words(limit)


@click.group(invoke_without_command=True)
@click.pass_context
@format_option
def cache(ctx: click.Context, *, form: str) -> None:
    """All registries of this user share the cache, and everything in it can be fetched again.

    With a limit in REGISTRY_CACHE_SIZE, such as 50GB, the least recently used objects are deleted before new ones are
    fetched. Objects that a running process uses, or that were used in the last hour, stay; fetch -o then bypasses the
    cache.

    \b
    Examples:
      registry cache
      registry cache clean --to 20GB
    """
    if ctx.invoked_subcommand is not None:
        return
    from registry_tool.api.maintenance import cache_usage

    found = cache_usage()
    if form == "json":
        print_json(
            {
                "folder": str(found.folder),
                "limit": found.limit,
                "size": found.size,
                "objects": found.objects,
                "artifacts": found.artifacts,
                "unfinished": found.unfinished,
            }
        )
        return
    say(f"{'folder':<11} {found.folder}")
    say(f"{'size':<11} {size_words(found.size)}")
    say(f"{'objects':<11} {found.objects}")
    say(f"{'artifacts':<11} {found.artifacts}")
    say(f"{'unfinished':<11} {size_words(found.unfinished)}")
    say(f"{'limit':<11} {_limit_words(found.limit)}")


@cache.command()
@click.option(
    "--to",
    "down_to",
    metavar="SIZE",
    help="Keep at most this size, such as 20GB: the most recently used.",
)
@click.option("--dry-run", is_flag=True, help="Only report what would be deleted.")
@format_option
def clean(*, down_to: str | None, dry_run: bool, form: str) -> None:
    """Clear the cache: all of it, or down to a size.

    Files that a running process uses stay, and so do downloads that are in progress.

    \b
    Examples:
      registry cache clean --dry-run
      registry cache clean --to 20GB
    """
    from registry_tool.api.maintenance import clear_cache

    cleared = clear_cache(down_to=down_to, dry_run=dry_run)
    if form == "json":
        print_json({**cleared, "dry_run": dry_run})
        return
    verb = "would free" if dry_run else "freed"
    say(f"{verb} {size_words(cleared['size'] + cleared['unfinished'])}")
    if in_use := cleared["in_use"]:
        say(f"note:  {size_words(in_use)} in use and kept", err=True)
