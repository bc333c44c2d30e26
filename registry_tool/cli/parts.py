"""Commands that have commands of their own, such as ``registry alias set``."""

from __future__ import annotations

import click

__all__ = ["Part"]

# What people look for here, and where it is.
_ELSEWHERE = ("list", "show", "search")


class Part(click.Group):
    """A group that answers an unknown command with where it is, or with near ones."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See ``click.Group``."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.commands:
            import difflib

            shown = sorted(name for name, command in self.commands.items() if not command.hidden)
            near = difflib.get_close_matches(name, shown, n=2)
            meant = [f"registry {name}"] if name in _ELSEWHERE else near
            known = ", ".join(shown)
            hint = f"Did you mean {' or '.join(meant)}?" if meant else f"It has: {known}."
            ctx.fail(f"there is no command {name!r} here. {hint}")
        return super().resolve_command(ctx, args)
