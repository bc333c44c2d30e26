"""Remotes opened for reading: a folder, a web server and S3 without the package ``dvc``, with the settings DVC has.

Every other kind, and every option that these readers do not know, goes through DVC's own drivers.
"""

from __future__ import annotations

from typing import Final

from registry_tool.artifacts.remotes.base import Source, open_chosen, shown_url
from registry_tool.artifacts.remotes.config import DvcSettings, RemoteSettings, chosen_remote
from registry_tool.artifacts.remotes.trusted_hosts import check_host

__all__ = ["open_source"]

# Options that say how to write or list, and nothing about reading.
_ANY: Final = frozenset({"jobs", "verify"})
_WEB: Final = _ANY | {
    "auth", "user", "password", "custom_auth_header", "ssl_verify", "connect_timeout", "read_timeout", "method",
}  # fmt: skip
_S3: Final = _ANY | {
    "region", "profile", "credentialpath", "configpath", "endpointurl", "access_key_id", "secret_access_key",
    "session_token", "listobjects", "use_ssl", "allow_anonymous_login", "ssl_verify", "sse", "sse_kms_key_id",
    "sse_customer_algorithm", "sse_customer_key", "acl", "grant_read", "grant_read_acp", "grant_write_acp",
    "grant_full_control", "cache_regions", "read_timeout", "connect_timeout",
}  # fmt: skip


def _own_reader(chosen: RemoteSettings) -> Source | None:
    scheme, url = chosen.url.partition("://")[0], shown_url(chosen.url)
    asked = {key for key, value in chosen.options.items() if str(value).lower() != "false"}
    if scheme in {"http", "https"} and asked <= _WEB and "?" not in chosen.url:
        from registry_tool.artifacts.remotes.http_reader import WebSource

        return WebSource(chosen, url)
    if scheme == "s3" and asked <= _S3:
        try:
            from registry_tool.artifacts.remotes.s3_reader import S3Source
        except ModuleNotFoundError:  # DVC's driver says which package is missing
            return None
        return S3Source(chosen, url)
    return None


def open_source(settings: DvcSettings, name: str | None = None) -> Source:
    """The remote of that name, or DVC's default one, for reading. Nothing is asked of it yet.

    Raises:
        NoRemoteError: None has that name, or there is no default.
        RemoteError: Its configuration cannot be used, or the package that drives it is missing.
    """
    chosen = chosen_remote(settings, name)
    check_host(settings, chosen)
    return _own_reader(chosen) or open_chosen(settings, chosen)
