"""Running the application: the socket, TLS, signals."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import uvicorn

from registry_tool.errors import OperationalError, UsageError
from registry_tool.server.http.connections import WRITE_SECONDS, BoundedConnection

if TYPE_CHECKING:
    from types import FrameType

    from starlette.types import ASGIApp

__all__ = ["Companion", "Listener", "bind", "serve_until_stopped"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_BACKLOG: Final = 2048
_KEEP_ALIVE: Final = (
    75  # seconds; longer than the pools of clients and proxies keep an unused connection
)
_SWITCH: Final = 0.0005  # seconds
_GRACE: Final = 20  # seconds that running requests get after a signal


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the server listens.

    Attributes:
        socket: Bound, not yet listening.
        certificate: The file of the TLS certificate chain; None for plain HTTP.
        key: The file of its private key; None where it is in the file of the certificate.
        trust_proxy: The addresses of proxies whose ``X-Forwarded-*`` headers count, separated by commas.
    """

    socket: socket.socket
    certificate: Path | None = None
    key: Path | None = None
    trust_proxy: str = ""

    @property
    def url(self) -> str:
        """The address that clients use, without a slash at its end."""
        host, port = self.socket.getsockname()[:2]
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 (shown, not bound)
        if ":" in shown and not shown.startswith("["):
            shown = f"[{shown}]"
        return f"{'https' if self.certificate else 'http'}://{shown}:{port}"


def bind(host: str, port: int) -> socket.socket:
    """A socket for a host and a port; port 0 lets the system choose a free one.

    Raises:
        UsageError: The host is not an address of this machine.
        OperationalError: The port is in use or not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as exc:
        raise UsageError(
            f"{host!a} is not a host: {exc.strerror}", remedy="use --host 127.0.0.1"
        ) from exc
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":
        # Connections inherit it. A client that is gone, or whose window stays closed, is dropped (tcp(7)): such as one that
        # never reads its events, each of which is too small to fill the buffer in this process.
        bound.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(2 * WRITE_SECONDS * 1000)
        )
    try:
        bound.bind(address)
    except OSError as exc:
        bound.close()
        raise OperationalError(
            f"cannot listen on {host}:{port}: {exc.strerror}",
            remedy="choose another --port, or 0 for a free one",
        ) from exc
    return bound


def check_certificate(certificate: Path, key: Path | None) -> None:
    """Check that a certificate and its key can be used.

    Raises:
        UsageError: They cannot be read, or do not belong to each other.
    """
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as exc:
        raise UsageError(
            f"cannot use the certificate {certificate}: {exc.strerror or exc}",
            remedy="name the files of a PEM certificate chain and its key: --cert cert.pem --key key.pem",
        ) from exc


class Companion(Protocol):
    """A server of another protocol, in the same event loop."""

    async def bind(self) -> None:
        """Take its port; what it raises ends the start."""
        ...

    async def start(self) -> None:
        """Answer requests."""
        ...

    async def stop(self, grace: float) -> None:
        """Complete what is running, for at most some seconds, and close the port."""
        ...


class _Server(uvicorn.Server):
    """uvicorn's server; a signal ends it, and the process then exits by itself, so that the writer can finish."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None],
        on_stopping: Callable[[], None],
        companions: Sequence[Companion] = (),
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._companions = companions

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See ``uvicorn.Server``."""
        super().handle_exit(sig, frame)
        self._on_stopping()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See ``uvicorn.Server``."""
        for one in self._companions:
            await one.bind()
        await super().startup(sockets=sockets)
        if self.started:
            for one in self._companions:
                await one.start()
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See ``uvicorn.Server``."""
        ending = [one.stop(_GRACE) for one in self._companions]
        await asyncio.gather(super().shutdown(sockets=sockets), *ending)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See ``uvicorn.Server``, which raises the signal again afterwards."""
        before = {one: signal.signal(one, self.handle_exit) for one in _SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def serve_until_stopped(
    app: ASGIApp,
    listener: Listener,
    *,
    on_started: Callable[[], None] = lambda: None,
    on_stopping: Callable[[], None] = lambda: None,
    companions: Sequence[Companion] = (),
) -> None:
    """Answer requests until the process gets SIGINT or SIGTERM; running requests are completed first.

    Args:
        app: The application; its lifespan begins before the first request and ends after the last.
        listener: Where to listen.
        on_started: Called when the first request can be made.
        on_stopping: Called when the signal has come.
        companions: Servers that start and stop with it.
    """
    if listener.certificate is not None:
        check_certificate(listener.certificate, listener.key)
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        ws="none",
        log_config=None,
        log_level="error",  # what uvicorn warns of is what clients sent
        access_log=False,
        lifespan="on",
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
        server_header=False,
        proxy_headers=bool(listener.trust_proxy),
        forwarded_allow_ips=listener.trust_proxy or None,
        ssl_certfile=listener.certificate,
        ssl_keyfile=listener.key,
    )

    server = _Server(config, on_started, on_stopping, companions)
    with _short_switches(), asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener.socket]))


@contextlib.contextmanager
def _short_switches() -> Iterator[None]:
    """Let a thread that waits for the interpreter have it sooner.

    The event loop gives the interpreter up with each system call, and so does the writer. While the other one computes,
    each call then costs up to the interval, which is 5 ms by default (https://github.com/python/cpython/issues/52194).
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
