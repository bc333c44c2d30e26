"""Shell completion of references, aliases and rules.

Completion prints no errors: where no registry can be read, it offers nothing.

Bash splits ``nlp/lang-id@production`` at the ``@``. So the line is split here, as a shell splits it, and of each
completion only the part after the last break is returned, which is what bash replaces.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    split_arg_string,
)

from registry_tool.errors import RegistryError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from registry_tool.api.registry import Registry

__all__ = [
    "LineComplete",
    "complete_alias",
    "complete_file",
    "complete_folder",
    "complete_framework",
    "complete_model",
    "complete_reference",
    "complete_rule",
    "install",
]

_LIMIT = 200
# What a shell reads as one plain word: a folder in a registry may have any name.
_OFFERED = re.compile(r"[A-Za-z0-9@/._+-]+")
_Query = Callable[["Registry", str], Iterator[str]]


def _complete(ctx: click.Context, incomplete: str, query: _Query) -> list[CompletionItem]:
    import warnings
    from itertools import islice
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from registry_tool.api.registry import WORK_TREE, open_registry

    repo = ctx.params.get("repo") or "."
    try:
        source = Path.cwd() if repo == "." else repo
        # A Git URL is answered from its cached clone: a key press must not fetch.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = open_registry(source, ref=ctx.params.get("ref") or WORK_TREE, offline=True)
        with found:
            offered = islice(query(found, incomplete), _LIMIT)
            return [
                CompletionItem(text)
                for text in offered
                if text.startswith(incomplete) and _OFFERED.fullmatch(text)
            ]
    except (RegistryError, OSError, ValueError):
        return []


def _models(registry: Registry, incomplete: str) -> Iterator[str]:
    namespace, slash, _ = incomplete.partition("/")
    if slash:
        yield from registry.model_names(namespace)
        return
    yield from (f"{name}/" for name in registry.namespaces())


def _references(registry: Registry, incomplete: str) -> Iterator[str]:
    name, at, _ = incomplete.partition("@")
    if not at:
        yield from _models(registry, incomplete)
        return
    yield from (f"{name}@{selector}" for selector in registry.selectors(name))


def complete_model(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Namespaces, then the models of one."""
    return _complete(ctx, incomplete, _models)


def complete_reference(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Namespaces and models; after ``@`` the aliases, tags and versions of the model."""
    return _complete(ctx, incomplete, _references)


def complete_alias(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The stages of the registry, and the aliases of the model that was named before."""

    def aliases(registry: Registry, _incomplete: str) -> Iterator[str]:
        named = next(
            (str(v) for k, v in ctx.params.items() if v and k in {"reference", "model"}), ""
        )
        yield from registry.alias_names(named.partition("@")[0] or None)

    return _complete(ctx, incomplete, aliases)


def complete_file(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Files and folders, as the shell finds them."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def complete_folder(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Folders, as the shell finds them."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def complete_framework(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The frameworks that the schema of a version knows."""
    from click.shell_completion import CompletionItem

    from registry_tool.api.interface.schemas import allowed_words

    words = allowed_words("version/v1", "framework_type")
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def complete_rule(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The ids of the rules."""
    from click.shell_completion import CompletionItem

    from registry_tool.api.rules import explain_rules

    return [
        CompletionItem(rule.id, help=rule.title)
        for rule in explain_rules().values()
        if rule.id.startswith(incomplete.upper())
    ]


# As click's own, but the line and the breaks travel with the question, and after `nlp/` comes no blank.
_SOURCE = """\
%(complete_func)s() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$value")
                if [[ $value == */ ]]; then compopt -o nospace; fi ;;
        esac
    done
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_SPECIAL = ("$", "@")


def _last_word(line: str) -> tuple[list[str], str]:
    """The words before the cursor, and the one it stands at the end of."""
    words = split_arg_string(line)
    if line[-1:].isspace() or not words:
        return words, ""
    return words[:-1], words[-1]


def _find_kept(line: str, breaks: str) -> str:
    """What of the last word bash leaves as it is: all up to the last break, nothing inside quotes."""
    _, word = _last_word(line)
    if line.removesuffix(word)[-1:] in {'"', "'"}:
        return ""
    end = max((word.rfind(mark) for mark in breaks if not mark.isspace()), default=-1)
    # A break that is also one of bash's `rl_special_prefixes` belongs to what it replaces.
    return word[: end if word[end : end + 1] in _SPECIAL else end + 1] if end >= 0 else ""


class LineComplete(BashComplete):
    """Completes from the line; without one, as an older script asks, from bash's words."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """See ``click.shell_completion.ShellComplete``."""
        line = os.environ.get("COMP_LINE")
        if line is None:
            return super().get_completion_args()
        words, incomplete = _last_word(line)
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """See ``click.shell_completion.ShellComplete``."""
        value = str(item.value)
        kept = _find_kept(os.environ.get("COMP_LINE", ""), os.environ.get("COMP_WORDBREAKS", ""))
        if item.type == "plain" and kept:
            value = value.removeprefix(kept)
        return f"{item.type},{value}"


def install() -> None:
    """Use it in place of click's."""
    add_completion_class(LineComplete)
