"""The reference of all commands, generated from the commands: ``python -m registry_tool.devtools.commands_page``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from registry_tool.cli.main import COMMANDS, cli
from registry_tool.devtools.derived import print_or_compare

__all__ = ["render_pages"]

_WIDTH = 88
_HEAD = """# Commands

<!-- Written by `python -m registry_tool.devtools.commands_page > docs/commands.md`; a test compares it with the program. -->

Exit codes: 0 done, 1 refused, 2 usage, 3 needs review, 4 environment, 130 interrupted.
Every command takes `--help`; those that print data take `--format json`.
"""


def _help(command: click.Command, name: str) -> str:
    # As below `registry`: a command keeps the help option of its first context.
    context = click.Context(
        command, info_name=name, max_content_width=_WIDTH, terminal_width=_WIDTH,
        help_option_names=cli.context_settings["help_option_names"],
    )  # fmt: skip
    text = command.get_help(context)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _pages(command: click.Command, name: str) -> Iterator[str]:
    yield f"\n## {name}\n\n```text\n{_help(command, name)}\n```\n"
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and not found.hidden:
                yield from _pages(found, f"{name} {inner}")


def render_pages() -> str:
    """The whole reference, as Markdown."""
    context = click.Context(cli, info_name="registry")
    parts = [_HEAD]
    for name in sorted(COMMANDS):
        command = cli.get_command(context, name)
        if command is not None:
            parts.extend(_pages(command, f"registry {name}"))
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(
        print_or_compare(
            render_pages, "docs/commands.md", "registry_tool.devtools.commands_page", sys.argv[1:]
        )
    )
