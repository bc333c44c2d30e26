"""Options of use cases, for type checkers; each is documented where the use case is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from registry_tool.artifacts.progress import Progress

if TYPE_CHECKING:
    from registry_tool.api.maintenance import GcReport, PurgeReport
    from registry_tool.artifacts.packages.mlarchive import PackageSchema

__all__ = ["ExportOptions", "FetchOptions", "GcOptions", "PurgeOptions", "VerifyOptions"]


class FetchOptions(TypedDict, total=False):
    """See ``api.fetch.fetch``."""

    folder: Path | None
    folder_each: bool
    names: Sequence[str]
    remotes: Sequence[str]
    link: bool
    overwrite: bool
    offline: bool
    progress: Progress
    notify: Callable[[str], None]


class ExportOptions(TypedDict, total=False):
    """See ``api.export.export_package``."""

    schema: PackageSchema | None
    overwrite: bool
    offline: bool
    progress: Progress
    notify: Callable[[str], None]


class VerifyOptions(TypedDict, total=False):
    """See ``api.signatures.verify``."""

    names: Sequence[str]
    folder: Path | None
    read_files: bool
    signers: bytes | None
    public_key: str | None
    bundles: Sequence[str]
    progress: Progress


class GcOptions(TypedDict, total=False):
    """See ``api.maintenance.collect_garbage``."""

    also: Sequence[str]
    older_than: int
    delete: bool
    confirm: Callable[[GcReport], bool] | None
    progress: Progress


class PurgeOptions(TypedDict, total=False):
    """See ``api.maintenance.purge``."""

    also: Sequence[str]
    delete: bool
    confirm: Callable[[PurgeReport], bool] | None
    progress: Progress
