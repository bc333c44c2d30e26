"""Words that several rules share: how a name, a command and an unreadable value are shown.

What stands in a registry may be hostile: whatever is printed is one line of ASCII without control characters.
"""

from __future__ import annotations

from registry_tool.manifests.shown import shown

__all__ = ["command", "named", "removal"]

_LONG = 160


def named(text: str) -> str:
    """A path or name for a message: as it is where that is harmless, else escaped in quotes."""
    if text.isascii() and text.isprintable() and text and len(text) <= _LONG:
        return text
    return shown(text)


def command(words: str, path: str) -> str:
    """A command line that ends in a path, to be copied into a shell."""
    import shlex

    plain = path.isascii() and path.isprintable()
    return f"{words} -- {shlex.quote(path) if plain else shown(path)}"


def removal(path: str) -> str:
    """The command that removes a file or folder from the index and the work tree, tracked or not."""
    return f"{command('git rm -rfq --ignore-unmatch', path)} && {command('rm -rf', path)}"
