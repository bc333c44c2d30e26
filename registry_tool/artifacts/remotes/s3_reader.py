"""A DVC remote in a bucket of S3 or a compatible store, read with botocore and DVC's settings.

Credentials come from the settings, the environment, a profile or the machine, as botocore looks for them, and botocore
signs the requests. ``HttpClient`` sends them, which takes a tenth of the time for a small object. Where the store answers
with anything but the object or its absence (another region, a redirect, a refusal), botocore repeats the request: it
handles the case or describes the error.
"""

from __future__ import annotations

import base64
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import botocore.session
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from registry_tool._version import VERSION
from registry_tool.artifacts.hashing import ByteReader
from registry_tool.artifacts.remotes.base import legacy_path, object_path
from registry_tool.artifacts.remotes.config import RemoteSettings
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.http_client import (
    OK,
    PARTIAL_CONTENT,
    RANGE_NOT_SATISFIABLE,
    Body,
    HttpClient,
    HttpResponse,
)

if TYPE_CHECKING:
    from botocore.client import BaseClient

__all__ = ["S3Source"]

_TIMEOUT: Final = 60.0
_TRIES: Final = 4
_REGION: Final = "us-east-1"  # for stores that have none; the real one says so when it is another
_ABSENT: Final = b"<Code>NoSuchKey</Code>"
_GONE: Final = frozenset({"NoSuchKey", "404"})
_NO_BYTES: Final = "InvalidRange"
_WORDS: Final = 64 << 10
_NOT_FOUND: Final = 404


def _text(chosen: RemoteSettings, option: str) -> str | None:
    value = chosen.options.get(option)
    return None if value is None else str(value)


def _is(chosen: RemoteSettings, option: str, *, default: str) -> bool:
    return (_text(chosen, option) or default).lower() == "true"


def _session(chosen: RemoteSettings) -> botocore.session.Session:
    session = botocore.session.Session(profile=_text(chosen, "profile"))
    for option, variable in (("credentialpath", "credentials_file"), ("configpath", "config_file")):
        if path := _text(chosen, option):
            session.set_config_variable(variable, path)
    return session


def _credentials(chosen: RemoteSettings, session: botocore.session.Session) -> Credentials | None:
    """The credentials; None for anonymous access."""
    if _is(chosen, "allow_anonymous_login", default="false"):
        return None
    key, secret = _text(chosen, "access_key_id"), _text(chosen, "secret_access_key")
    if key is not None and secret is not None:
        return Credentials(key, secret, _text(chosen, "session_token"))
    return session.get_credentials()


def _client(chosen: RemoteSettings, session: botocore.session.Session) -> BaseClient:
    verify = _text(chosen, "ssl_verify")
    config = Config(
        connect_timeout=float(_text(chosen, "connect_timeout") or _TIMEOUT),
        read_timeout=float(_text(chosen, "read_timeout") or _TIMEOUT),
        retries={"mode": "standard", "max_attempts": _TRIES},
        # Every byte is hashed here anyway, and not every store knows these checksums.
        response_checksum_validation="when_required",
    )
    if _is(chosen, "allow_anonymous_login", default="false"):
        config = config.merge(Config(signature_version=UNSIGNED))
    return session.create_client(
        "s3",
        region_name=_text(chosen, "region") or session.get_config_variable("region") or _REGION,
        endpoint_url=_text(chosen, "endpointurl"),
        use_ssl=_is(chosen, "use_ssl", default="true"),
        verify=None
        if verify is None
        else {"true": True, "false": False}.get(verify.lower(), verify),
        aws_access_key_id=_text(chosen, "access_key_id"),
        aws_secret_access_key=_text(chosen, "secret_access_key"),
        aws_session_token=_text(chosen, "session_token"),
        config=config,
    )


def _encryption(chosen: RemoteSettings) -> dict[str, str | bytes]:
    """The key that the store needs to read objects encrypted with a customer's key."""
    key = _text(chosen, "sse_customer_key")
    if key is None:
        return {}
    algorithm = _text(chosen, "sse_customer_algorithm") or "AES256"
    return {"SSECustomerAlgorithm": algorithm, "SSECustomerKey": base64.b64decode(key)}


class _SignedRequests:
    """Requests that botocore signs and ``HttpClient`` sends.

    Args:
        base: The address that all keys start with.
        region: Of the bucket.
        credentials: Of the caller.
        client: Sends them.
    """

    def __init__(
        self, base: str, region: str, credentials: Credentials | None, client: HttpClient
    ) -> None:
        self.client = client
        self._base, self._region, self._credentials = base, region, credentials

    def get(self, path: str, ranged: str) -> HttpResponse:
        """The store's response, whatever its status."""
        headers = {"User-Agent": f"registry-tool/{VERSION}"}
        headers |= {"Range": f"bytes={ranged}"} if ranged else {}
        request = AWSRequest("GET", f"{self._base}/{path}", headers=headers)
        if self._credentials is not None:
            frozen = self._credentials.get_frozen_credentials()  # which renews what expires
            S3SigV4Auth(frozen, "s3", self._region).add_auth(request)
        return self.client.get(request.url, dict(request.headers))


class S3Source:
    """See ``ObjectSource`` and ``RangeSource``.

    Args:
        chosen: Its settings.
        url: Where it is, for messages.
    """

    def __init__(self, chosen: RemoteSettings, url: str) -> None:
        self.name = chosen.name
        self.url = url
        self._chosen = chosen
        self._errors = ErrorTranslator(
            chosen.name, f"the remote {chosen.name} ({url})", "s3", chosen.left_out
        )
        self._bucket, _, prefix = chosen.url.partition("://")[2].partition("/")
        self._prefix = f"{prefix.strip('/')}/".lstrip("/")
        self._encryption = _encryption(chosen)
        self._signed: _SignedRequests | None = None
        with self._errors.translate("cannot be opened"):
            session = _session(chosen)
            self._client = _client(chosen, session)
            if not self._encryption:
                self._signed = self._signing(_credentials(chosen, session))

    def _signing(self, credentials: Credentials | None) -> _SignedRequests:
        key = {"Bucket": self._bucket, "Key": f"{self._prefix}x"}
        parts = urlsplit(self._client.generate_presigned_url("get_object", Params=key))
        base = urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix("/x"), "", ""))
        client = HttpClient.configured(self._chosen)
        weakref.finalize(self, client.close)
        return _SignedRequests(base, self._client.meta.region_name, credentials, client)

    def _request(self, signed: _SignedRequests, path: str, ranged: str) -> HttpResponse | None:
        """A response with bytes; None where botocore has to repeat the request."""
        response = signed.client.retry_while_busy(lambda: signed.get(path, ranged))
        if response.status in {OK, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE}:
            return response
        words = response.read(_WORDS) if response.status == _NOT_FOUND else b""
        signed.client.finish(response)
        if _ABSENT in words:
            raise FileNotFoundError(path)
        return None

    def _request_by_botocore(self, path: str, ranged: str) -> ByteReader:
        more = {"Range": f"bytes={ranged}"} if ranged else {}
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + path, **more, **self._encryption
            )
        except ClientError as exc:
            code = str(exc.response.get("Error", {}).get("Code"))
            if code == _NO_BYTES:
                return BytesIO()
            if code in _GONE:
                raise FileNotFoundError(path) from None
            raise
        body: ByteReader = answer["Body"]
        return body

    def _open(self, path: str, ranged: str) -> _OpenedObject:
        signed = self._signed
        if signed is not None and (response := self._request(signed, path, ranged)):
            return _OpenedObject(
                Body(response, self._errors), partial(signed.client.finish, response)
            )
        stream = _BotocoreStream(self._request_by_botocore(path, ranged), self._errors)
        self._signed = None  # from now on botocore sends all requests
        return _OpenedObject(stream, stream.close)

    @contextmanager
    def _opened(self, md5: str, ranged: str) -> Iterator[ByteReader]:
        missing = f"the remote {self.name} ({self.url}) does not have the object {md5}"
        with self._errors.translate("cannot be read", missing=missing):
            try:
                opened = self._open(object_path(md5), ranged)
            except FileNotFoundError:
                opened = self._open(legacy_path(md5), ranged)
        try:
            yield opened.stream
        finally:
            opened.close()

    def download(self, md5: str, *, start: int = 0) -> AbstractContextManager[ByteReader]:
        """See ``ObjectSource.download``."""
        return self._opened(md5, f"{start}-" if start else "")

    def piece(self, md5: str, start: int, stop: int) -> bytes | None:
        """See ``RangeSource.piece``."""
        with self._opened(md5, f"{start}-{stop - 1}") as stream:
            return b"".join(iter(lambda: stream.read(stop - start), b""))


class _OpenedObject(NamedTuple):
    stream: ByteReader
    close: Callable[[], None]


@dataclass(frozen=True)
class _BotocoreStream:
    body: ByteReader
    errors: ErrorTranslator

    def read(self, size: int, /) -> bytes:
        with self.errors.translate("stopped sending"):
            return self.body.read(size)

    def close(self) -> None:
        if close := getattr(self.body, "close", None):
            close()
