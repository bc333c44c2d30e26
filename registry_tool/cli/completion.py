"""Shell completion of references, aliases and rules.

Completion never complains: where there is no registry, or it cannot be read, nothing is offered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from registry_tool.errors import RegistryError
from registry_tool.manifests.data import get

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from registry_tool.catalog.index import Catalog

__all__ = [
    "complete_alias",
    "complete_file",
    "complete_folder",
    "complete_framework",
    "complete_model",
    "complete_reference",
    "complete_rule",
]

_LIMIT = 200
# What a shell takes as one plain word: a folder in a registry can be called anything.
_OFFERED = re.compile(r"[A-Za-z0-9@/._+-]+")
_Question = Callable[["Catalog", str], Iterator[str]]


def _asked(ctx: click.Context, incomplete: str, question: _Question) -> list[CompletionItem]:
    import warnings
    from itertools import islice
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from registry_tool.registry import WORK_TREE, open_registry

    repo = ctx.params.get("repo") or "."
    try:
        source = Path.cwd() if repo == "." else repo
        # A Git URL is answered from its cached clone: a key press must not fetch.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = open_registry(source, ref=ctx.params.get("ref") or WORK_TREE, offline=True)
        with found:
            offered = islice(question(found.catalog, incomplete), _LIMIT)
            return [
                CompletionItem(text)
                for text in offered
                if text.startswith(incomplete) and _OFFERED.fullmatch(text)
            ]
    except (RegistryError, OSError, ValueError):
        return []


def _models(catalog: Catalog, incomplete: str) -> Iterator[str]:
    namespace, slash, _ = incomplete.partition("/")
    if slash:
        yield from (str(name) for name in catalog.model_names(namespace))
        return
    yield from (f"{name}/" for name in catalog.namespaces())


def _references(catalog: Catalog, incomplete: str) -> Iterator[str]:
    from registry_tool.names import LATEST, ModelName

    name, at, _ = incomplete.partition("@")
    if not at:
        yield from _models(catalog, incomplete)
        return
    model = catalog.model(ModelName.parse(name))
    if model is not None:
        selectors = [*model.aliases, *model.tags, LATEST, *model.versions]
        yield from (f"{name}@{selector}" for selector in selectors)


def complete_model(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Namespaces, then the models of one."""
    return _asked(ctx, incomplete, _models)


def complete_reference(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Namespaces and models; after ``@`` the aliases, tags and versions of the model."""
    return _asked(ctx, incomplete, _references)


def complete_alias(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The stages of the registry, and the aliases of the model that was named before."""
    from registry_tool.manifests.data import member
    from registry_tool.names import ModelName

    def aliases(catalog: Catalog, _incomplete: str) -> Iterator[str]:
        named = next(
            (str(v) for k, v in ctx.params.items() if v and k in {"reference", "model"}), ""
        )
        model = catalog.model(ModelName.parse(named.partition("@")[0])) if named else None
        known = [] if model is None else model.aliases
        yield from sorted({*member(catalog.settings, "stages"), *known})

    return _asked(ctx, incomplete, aliases)


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

    from registry_tool.manifests.schema import schema_data

    known = get(schema_data("version/v1"), "$defs", "framework_type", "enum")
    words = known if isinstance(known, list) else []
    return [CompletionItem(word) for word in words if str(word).startswith(incomplete)]


def complete_rule(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The ids of the rules."""
    from click.shell_completion import CompletionItem

    from registry_tool.checks.listing import explained

    return [
        CompletionItem(rule.id, help=rule.title)
        for rule in explained().values()
        if rule.id.startswith(incomplete.upper())
    ]
