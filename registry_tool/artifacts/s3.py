"""A DVC remote in a bucket of S3, or of a store that speaks like it, read with botocore and DVC's settings.

Credentials come from the settings, the environment, a profile or the machine, as botocore looks for them.
"""

from __future__ import annotations

import base64
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from registry_tool.artifacts.hashing import Readable
from registry_tool.artifacts.refusals import Refusals
from registry_tool.artifacts.remote import legacy_path, object_path
from registry_tool.artifacts.settings import RemoteSettings

if TYPE_CHECKING:
    from botocore.client import BaseClient

__all__ = ["S3Source"]

_SECONDS: Final = 60
_CONNECTIONS: Final = 32
_TRIES: Final = 4
_REGION: Final = "us-east-1"  # for stores that have none; the real one says so when it is another
_GONE: Final = frozenset({"NoSuchKey", "404"})
_BEYOND: Final = "InvalidRange"


def _is(chosen: RemoteSettings, option: str, *, default: str) -> bool:
    return str(chosen.options.get(option, default)).lower() == "true"


def _text(chosen: RemoteSettings, option: str) -> str | None:
    value = chosen.options.get(option)
    return None if value is None else str(value)


def _verifying(chosen: RemoteSettings) -> bool | str | None:
    said = _text(chosen, "ssl_verify")
    return None if said is None else {"true": True, "false": False}.get(said.lower(), said)


def _client(chosen: RemoteSettings) -> BaseClient:
    session = botocore.session.Session(profile=_text(chosen, "profile"))
    for option, variable in (("credentialpath", "credentials_file"), ("configpath", "config_file")):
        if path := _text(chosen, option):
            session.set_config_variable(variable, path)
    config = Config(
        connect_timeout=float(_text(chosen, "connect_timeout") or _SECONDS),
        read_timeout=float(_text(chosen, "read_timeout") or _SECONDS),
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "standard", "max_attempts": _TRIES},
        # Every byte is hashed here anyway, and not every store knows these checksums.
        response_checksum_validation="when_required",
        user_agent_extra="registry-tool",
    )
    if _is(chosen, "allow_anonymous_login", default="false"):
        from botocore import UNSIGNED

        config = config.merge(Config(signature_version=UNSIGNED))
    return session.create_client(
        "s3",
        region_name=_text(chosen, "region") or session.get_config_variable("region") or _REGION,
        endpoint_url=_text(chosen, "endpointurl"),
        use_ssl=_is(chosen, "use_ssl", default="true"),
        verify=_verifying(chosen),
        aws_access_key_id=_text(chosen, "access_key_id"),
        aws_secret_access_key=_text(chosen, "secret_access_key"),
        aws_session_token=_text(chosen, "session_token"),
        config=config,
    )


def _encryption(chosen: RemoteSettings) -> dict[str, str | bytes]:
    """The key that the store needs to read what was encrypted with a customer's."""
    key = _text(chosen, "sse_customer_key")
    if key is None:
        return {}
    algorithm = _text(chosen, "sse_customer_algorithm") or "AES256"
    return {"SSECustomerAlgorithm": algorithm, "SSECustomerKey": base64.b64decode(key)}


class S3Source:
    """See ``Source`` and ``Ranged``.

    Args:
        chosen: Its settings.
        url: Where it is, for messages.
    """

    def __init__(self, chosen: RemoteSettings, url: str) -> None:
        self.name = chosen.name
        self.url = url
        self._refusals = Refusals(chosen.name, f"the remote {chosen.name} ({url})", "s3")
        bucket, _, prefix = chosen.url.partition("://")[2].partition("/")
        self._bucket, self._prefix = bucket, prefix.strip("/")
        self._chosen = chosen
        self._guard = Lock()
        self._made: BaseClient | None = None

    @property
    def _client(self) -> BaseClient:
        with self._guard:
            if self._made is None:
                self._made = _client(self._chosen)
                weakref.finalize(self, self._made.close)
            return self._made

    def _got(self, path: str, ranged: str) -> Readable | None:
        """The bytes of an object; None when there are none at that offset."""
        key = f"{self._prefix}/{path}" if self._prefix else path
        asked = {"Range": f"bytes={ranged}"} if ranged else {}
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=key, **asked, **_encryption(self._chosen)
            )
        except ClientError as exc:
            code = str(exc.response.get("Error", {}).get("Code"))
            if code == _BEYOND:
                return None
            if code in _GONE:
                raise FileNotFoundError(path) from None
            raise
        body: Readable = answer["Body"]
        return body

    def _opened(self, md5: str, ranged: str) -> _Stream:
        missing = f"the remote {self.name} ({self.url}) does not have the object {md5}"
        with self._refusals.asking("cannot be read", missing=missing):
            try:
                body = self._got(object_path(md5), ranged)
            except FileNotFoundError:
                body = self._got(legacy_path(md5), ranged)
        return _Stream(body, self._refusals)

    @contextmanager
    def download(self, md5: str, *, start: int = 0) -> Iterator[Readable]:
        """See ``Source.download``."""
        stream = self._opened(md5, f"{start}-" if start else "")
        try:
            yield stream
        finally:
            stream.close()

    def piece(self, md5: str, start: int, stop: int) -> bytes | None:
        """See ``Ranged.piece``."""
        stream = self._opened(md5, f"{start}-{stop - 1}")
        return b"".join(iter(lambda: stream.read(stop - start), b""))


@dataclass(frozen=True)
class _Stream:
    body: Readable | None
    refusals: Refusals

    def read(self, size: int, /) -> bytes:
        if self.body is None:
            return b""
        with self.refusals.asking("broke off"):
            return self.body.read(size)

    def close(self) -> None:
        if close := getattr(self.body, "close", None):
            close()
