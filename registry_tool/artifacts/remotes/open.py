"""Opens remotes, from the settings that DVC has for them.

A folder is served without the package ``dvc``, a web server and S3 are read without it. Every other kind, and every
option that these readers do not know, goes through DVC's own drivers, one object at a time and never through an index of
the repository.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from registry_tool.artifacts.remotes.base import ObjectSource, Remote, never_used, redact_url
from registry_tool.artifacts.remotes.config import DvcSettings, RemoteSettings, select_remote
from registry_tool.artifacts.remotes.kinds import find_kind, parse_scheme
from registry_tool.artifacts.remotes.trusted_hosts import check_host
from registry_tool.errors import RemoteError

__all__ = ["open_configured", "open_remote", "open_source"]


def _open_reader(chosen: RemoteSettings) -> ObjectSource | None:
    """The reader that needs no package ``dvc``; None where DVC's driver has to read."""
    kind, url = find_kind(parse_scheme(chosen.url)), redact_url(chosen.url)
    given = {key for key, value in chosen.options.items() if str(value).lower() != "false"}
    if not kind.reader or not given <= kind.reader_options:
        return None
    if kind.reader == "s3":
        try:
            from registry_tool.artifacts.remotes.s3_reader import S3Source
        except ModuleNotFoundError:  # DVC's driver says which package is missing
            return None
        return S3Source(chosen, url)
    if "?" in chosen.url:
        return None
    from registry_tool.artifacts.remotes.http_reader import HttpSource

    return HttpSource(chosen, url)


def open_source(settings: DvcSettings, name: str | None = None) -> ObjectSource:
    """The remote of that name, or DVC's default one, for reading. No request is sent yet.

    Raises:
        NoRemoteError: None has that name, or there is no default.
        RemoteError: Its configuration cannot be used, or the package that drives it is missing.
    """
    chosen = select_remote(settings, name)
    check_host(settings, chosen)
    return _open_reader(chosen) or open_configured(settings, chosen)


def _refuse_cloud_versions(chosen: RemoteSettings) -> None:
    for key in ("version_aware", "worktree"):
        if str(chosen.options.get(key, "false")).lower() == "true":
            raise RemoteError(
                f"the DVC remote {chosen.name} is set to `{key}`, which is not supported: objects must be "
                "stored by digest",
                remedy=f"run: dvc remote modify {chosen.name} {key} false",
            )


def open_remote(
    settings: DvcSettings, name: str | None = None, *, in_use: Callable[[], bool] = never_used
) -> Remote:
    """The remote of that name, or DVC's default one.

    Args:
        settings: Where DVC's configuration is.
        name: Which remote; None is the default one.
        in_use: Whether objects were stored there before; then a missing folder is not created.

    Raises:
        NoRemoteError: None has that name, or there is no default.
        RemoteError: Its configuration cannot be used, credentials are withheld from its host, or the package that
            drives it is missing.
    """
    return open_configured(settings, select_remote(settings, name), in_use=in_use)


def open_configured(
    settings: DvcSettings, chosen: RemoteSettings, *, in_use: Callable[[], bool] = never_used
) -> Remote:
    """As ``open_remote``, of a remote whose settings are known."""
    _refuse_cloud_versions(chosen)
    check_host(settings, chosen)
    if re.match(r"\w+://", chosen.url):
        from registry_tool.artifacts.remotes.dvc import open_dvc_remote

        return open_dvc_remote(chosen, redact_url(chosen.url), in_use=in_use)
    if not Path(chosen.url).is_absolute():
        raise RemoteError(
            f"the DVC remote {chosen.name} has the relative path {chosen.url}, which can only be resolved in a "
            "clone of the registry",
            remedy="work in a clone of the registry, or give the remote an absolute URL",
        )
    from registry_tool.artifacts.remotes.local import LocalRemote

    return LocalRemote(
        name=chosen.name,
        folder=Path(chosen.url),
        shared=chosen.options.get("shared") == "group",
        in_use=in_use,
    )
