"""The kinds of remotes: one row each, by the scheme of the URL.

To add a kind that DVC has a driver for, add a row, the extra in ``pyproject.toml``, and a server to
``tests/integration/remote_matrix.py``. Which options a commit may set is in ``manifests.dvc_config``, for all of DVC's
schemes. A kind without a row works too, through ``FileStore`` and with general remedies.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, NamedTuple

__all__ = ["KINDS", "RemoteKind", "find_kind", "parse_scheme", "readable_schemes"]

# Options that say how to write or list, and do not matter for reading.
_NOT_FOR_READING: Final = frozenset({"jobs", "verify"})


class RemoteKind(NamedTuple):
    """What this program knows of one kind of remote.

    Attributes:
        schemes: Of its URLs; the first names the kind.
        extra: The extra of this distribution with the driver; empty where only DVC's own package has one.
        store: How objects are written: ``files`` through the driver, ``webdav`` and ``s3`` by stores that know these protocols.
        reader: The reader that needs no package ``dvc``; empty where there is none.
        reader_options: The options that the reader handles; any other one is left to DVC's driver.
        is_copyable: True where ``--artifact`` takes a URL of this kind.
        can_list: False for a plain web server.
        has_buckets: The first part of a path is a bucket, which its owner creates; objects appear complete.
        shows_partial_files: A file is visible while it is written, so it is written under a temporary name and moved.
        always_exists: The place of a remote needs no creation and cannot be missing.
        ports: The usual port of each scheme, which an address leaves out.
        host_option: The option that names the host, where the URL does not.
        default_host: The host without that option; empty where the URL names it.
        location_setting: How ``dvc remote modify`` sets where the remote is.
        credential_settings: Settings that prove who reads, for ``dvc remote modify --local``.
        credential_hint: Where else credentials come from.
        user_option: The option that names a user; drivers fail in various ways when no secret comes with it.
        secret_options: Where credentials come from these options alone; None where a driver also looks for them in
            the environment and files of the user.
    """

    schemes: tuple[str, ...]
    extra: str = ""
    store: Literal["files", "webdav", "s3"] = "files"
    reader: Literal["", "http", "s3"] = ""
    reader_options: frozenset[str] = frozenset()
    is_copyable: bool = True
    can_list: bool = True
    has_buckets: bool = False
    shows_partial_files: bool = False
    always_exists: bool = False
    ports: tuple[int, ...] = ()
    host_option: str = ""
    default_host: str = ""
    location_setting: str = "url URL"
    credential_settings: tuple[str, ...] = ()
    credential_hint: str = ""
    user_option: str = ""
    secret_options: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Its first scheme."""
        return self.schemes[0]

    def port(self, scheme: str) -> int | None:
        """The usual port of one of its schemes."""
        return dict(zip(self.schemes, self.ports, strict=False)).get(scheme)


_WEB_SECRETS: Final = ("password", "ask_password", "token", "bearer_token_command", "cert_path")

KINDS: Final = (
    RemoteKind(
        ("s3",),
        extra="s3",
        store="s3",
        reader="s3",
        reader_options=_NOT_FOR_READING
        | {
            "region", "profile", "credentialpath", "configpath", "endpointurl", "access_key_id", "secret_access_key",
            "session_token", "listobjects", "use_ssl", "allow_anonymous_login", "ssl_verify", "sse", "sse_kms_key_id",
            "sse_customer_algorithm", "sse_customer_key", "acl", "grant_read", "grant_read_acp", "grant_write_acp",
            "grant_full_control", "cache_regions", "read_timeout", "connect_timeout",
        },
        has_buckets=True,
        host_option="endpointurl",
        default_host="https://s3.amazonaws.com",
        location_setting="endpointurl URL",
        credential_settings=("access_key_id ID", "secret_access_key SECRET"),
        credential_hint="or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or a profile",
    ),
    RemoteKind(
        ("http", "https"),
        reader="http",
        reader_options=_NOT_FOR_READING
        | {
            "auth", "user", "password", "custom_auth_header", "ssl_verify", "connect_timeout", "read_timeout",
            "method",
        },
        can_list=False,
        always_exists=True,
        ports=(80, 443),
        credential_settings=("auth basic", "user NAME", "password PASSWORD"),
        user_option="auth",
        secret_options=_WEB_SECRETS,
    ),
    RemoteKind(
        ("webdav", "webdavs"),
        extra="webdav",
        store="webdav",
        shows_partial_files=True,
        ports=(80, 443),
        credential_settings=("user NAME", "password PASSWORD"),
        user_option="user",
        secret_options=_WEB_SECRETS,
    ),
    RemoteKind(
        ("ssh",),  # its driver writes under a temporary name itself
        extra="ssh",
        ports=(22,),
        credential_settings=("user NAME", "keyfile PATH"),
        credential_hint="or a key in an SSH agent, or ask_password true",
    ),
    RemoteKind(
        ("gs",),
        extra="gs",
        has_buckets=True,
        host_option="endpointurl",
        default_host="https://storage.googleapis.com",
        credential_settings=("credentialpath PATH",),
        credential_hint="or run: gcloud auth application-default login",
    ),
    RemoteKind(
        ("azure",),
        extra="azure",
        has_buckets=True,
        host_option="account_name",
        default_host="https://blob.core.windows.net",
        credential_settings=("account_name NAME", "account_key KEY"),
        credential_hint="or AZURE_STORAGE_CONNECTION_STRING in the environment, or run: az login",
    ),
    RemoteKind(
        ("oss",),
        is_copyable=False,
        has_buckets=True,
        host_option="oss_endpoint",
        default_host="https://oss.aliyuncs.com",
    ),
    RemoteKind(("gdrive",), is_copyable=False, default_host="https://www.googleapis.com"),
    RemoteKind(("hdfs", "webhdfs"), is_copyable=False, shows_partial_files=True),
    RemoteKind(("memory",), is_copyable=False, shows_partial_files=True, always_exists=True),
)  # fmt: skip


def parse_scheme(url: str) -> str:
    """The scheme of a URL, in lower case; empty for a path."""
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else ""


@lru_cache(len(KINDS) * 4)
def find_kind(scheme: str) -> RemoteKind:
    """The kind that a scheme belongs to; for an unknown one, a row without specifics."""
    known = (kind for kind in KINDS if scheme.lower() in kind.schemes)
    return next(known, RemoteKind((scheme,), is_copyable=False))


def readable_schemes() -> list[str]:
    """The schemes of URLs that can be copied from, sorted."""
    return sorted(scheme for kind in KINDS if kind.is_copyable for scheme in kind.schemes)
