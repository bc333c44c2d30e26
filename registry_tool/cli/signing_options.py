"""Options of ``sign`` and ``verify``: keys, signers, bundles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from registry_tool.cli.completion import complete_file

__all__ = ["bundles_option", "public_key_option"]

Function = TypeVar("Function", bound="Callable[..., object]")


def public_key_option(function: Function) -> Function:
    """``--public-key``: whose signatures of artifacts count."""
    return click.option(
        "--public-key", metavar="FILE", shell_complete=complete_file,
        help="Require that the holder of this key (PEM) signed each artifact with model-signing.",
    )(function)  # fmt: skip


def bundles_option(function: Function) -> Function:
    """``--bundle``: signatures of artifacts that are in files."""
    return click.option(
        "--bundle", "bundles", metavar="FILE", multiple=True, shell_complete=complete_file,
        help="A signature by model-signing, in addition to those in the evidence; may be repeated.",
    )(function)  # fmt: skip
