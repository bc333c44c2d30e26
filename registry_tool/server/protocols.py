"""The protocols that the server speaks, and how it is started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.tokens import TokenFile
from registry_tool.errors import MissingPackageError, UsageError
from registry_tool.installation import package_of_extra
from registry_tool.server.allocator import limit_arenas, release_regularly
from registry_tool.server.limits import Limits, RateLimiter
from registry_tool.server.rpc.companion import RpcCompanion
from registry_tool.server.service import ServiceOptions, open_service

if TYPE_CHECKING:
    from registry_tool.access.oidc import OidcIssuer, OidcSettings
    from registry_tool.server.events import EventFeed
    from registry_tool.server.http.faces import Face
    from registry_tool.server.rpc.faces import RpcFace
    from registry_tool.server.rpc.listener import RpcListener
    from registry_tool.server.service import Service

__all__ = [
    "PROTOCOLS",
    "RPC_PORT",
    "Protocol",
    "ServerOptions",
    "build_protocol_faces",
    "choose_protocols",
    "run_server",
]


class Protocol(NamedTuple):
    """One protocol.

    Attributes:
        name: As in ``--api``.
        title: As people call it.
        module: Has ``build_face(service)``; of one over gRPC ``build_rpc_face(service, feed)``.
        extra: The extra of ``registry-tool`` whose packages it needs.
        is_rpc: True for one over gRPC.
        packages: Of the extra, what one over HTTP imports with its first request: without them it is not served.
    """

    name: str
    title: str
    module: str
    extra: str = "serve"
    is_rpc: bool = False
    packages: tuple[str, ...] = ()


PROTOCOLS: Final[tuple[Protocol, ...]] = (
    Protocol("kubeflow", "Kubeflow Model Registry", "registry_tool.server.kubeflow"),
    Protocol("mlflow", "MLflow", "registry_tool.server.mlflow.routes"),
    Protocol("truefoundry", "TrueFoundry", "registry_tool.server.truefoundry"),
    Protocol(
        "modelbox", "ModelBox", "registry_tool.server.modelbox", "serve-modelbox", is_rpc=True
    ),
    Protocol(
        "kolena", "Kolena", "registry_tool.server.kolena", "serve-kolena", packages=("pyarrow",)
    ),
    Protocol("mlsteam", "MLSteam", "registry_tool.server.mlsteam"),
)
"""In the order in which they are printed. Their prefixes are disjoint."""
RPC_PORT: Final = 8085
"""Where gRPC listens by default; the default of ModelBox's client."""


def choose_protocols(names: Sequence[str]) -> tuple[Protocol, ...]:
    """Protocols by name; all of them where none is named.

    Raises:
        UsageError: A name is not one of them.
    """
    known = {one.name: one for one in PROTOCOLS}
    for name in names:
        if name not in known:
            raise UsageError(
                f"{name!a} is not a protocol of this server", remedy=f"use {', '.join(known)}"
            )
    return tuple(one for one in PROTOCOLS if not names or one.name in names)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a server is started.

    Attributes:
        host: Where to listen.
        port: Likewise; 0 for a free one.
        protocols: Which are spoken.
        named: The names of those without which the server does not start; others are left out where their packages are
            not installed, or the port of gRPC is in use.
        rpc_port: Where gRPC listens, 0 for a free port; None for the usual one, or a free one if ``port`` is 0.
        tokens: The file of tokens; None where the local user makes every request.
        oidc: The issuer whose tokens are accepted too; None for none. What they may do is in the file of tokens.
        public_url: The address that clients use, where it is another one than that of the socket.
        certificate: The PEM file of the TLS certificate chain.
        key: The PEM file of its private key.
        trust_proxy: Addresses of proxies whose ``X-Forwarded-*`` headers count, separated by commas.
        limits: Of requests.
        service: How the registry is served.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    protocols: Sequence[Protocol] = PROTOCOLS
    named: frozenset[str] = frozenset()
    rpc_port: int | None = None
    tokens: Path | None = None
    oidc: OidcSettings | None = None
    public_url: str = ""
    certificate: Path | None = None
    key: Path | None = None
    trust_proxy: str = ""
    limits: Limits = field(default_factory=Limits)
    service: ServiceOptions = field(default_factory=ServiceOptions)


def _check_packages(protocol: Protocol) -> None:
    """See that what a protocol imports later is installed; importing it would take too long for a start.

    Raises:
        MissingPackageError: It is not.
    """
    with package_of_extra(f"the protocol of {protocol.title}", protocol.extra):
        for name in protocol.packages:
            if find_spec(name) is None:
                raise ModuleNotFoundError(name=name)


def build_protocol_faces(service: Service, options: ServerOptions) -> list[Face]:
    """The faces of the protocols over HTTP; one whose packages are missing is left out, unless it is named."""
    faces = []
    for protocol in options.protocols:
        if protocol.is_rpc:
            continue
        try:
            _check_packages(protocol)
        except MissingPackageError as exc:
            if protocol.name in options.named:
                raise
            service.options.notify(f"{protocol.title} is not served: {exc.message}; {exc.remedy}")
            continue
        faces.append(import_module(protocol.module).build_face(service))
    return faces


def _build_companion(
    service: Service,
    options: ServerOptions,
    authenticator: Authenticator,
    feed: EventFeed,
    rates: RateLimiter,
) -> RpcCompanion | None:
    """The server of the protocols over gRPC; None where none is chosen."""
    chosen = [one for one in options.protocols if one.is_rpc]
    if not chosen:
        return None
    port = options.rpc_port
    if port is None:
        port = RPC_PORT if options.port else 0

    def make() -> RpcListener:
        from registry_tool.server.rpc.guard import RpcGuard
        from registry_tool.server.rpc.listener import RpcListener

        faces = [import_module(one.module).build_rpc_face(service, feed) for one in chosen]
        guard = RpcGuard(service, authenticator=authenticator, limits=options.limits, rates=rates)
        files = {"certificate": options.certificate, "key": options.key}
        return RpcListener(options.host, port, faces, guard, **files)

    is_needed = options.rpc_port is not None or any(one.name in options.named for one in chosen)
    return RpcCompanion(service, chosen[0].title, chosen[0].extra, make, is_needed=is_needed)


def _authenticator(service: Service, options: ServerOptions) -> Authenticator:
    from registry_tool.api.changes.person import Person
    from registry_tool.git.commit import identity
    from registry_tool.server.http.guard import is_local_host

    if options.tokens is not None:
        tokens = TokenFile(options.tokens)
        if options.oidc is not None:
            return Authenticator(tokens, issuer=_open_issuer(tokens, options.oidc, service))
        if not [*tokens]:
            service.options.notify(
                f"{options.tokens} has no tokens, so every request is refused; add one:"
                f" registry serve token add NAME --email ADDRESS --scope read --tokens {options.tokens}"
            )
        return Authenticator(tokens)
    if options.oidc is not None:
        raise UsageError(
            "--oidc-issuer needs --tokens: that file says what tokens of the issuer may do",
            remedy="create it: registry serve grant add groups=NAME --scope read --tokens FILE",
        )
    if not is_local_host(options.host):
        raise UsageError(
            f"{options.host} can be reached from other machines, so requests must have tokens",
            remedy="create a token file: registry serve token add NAME --email ADDRESS --scope read --tokens FILE",
        )
    person = Person.parse(identity(service.registry.repository.git))
    return Authenticator(anonymous=local_subject(person.name, person.email))


def _open_issuer(tokens: TokenFile, settings: OidcSettings, service: Service) -> OidcIssuer:
    from registry_tool.access.oidc import open_issuer

    notify = service.options.notify
    if not tokens.rules:
        notify(
            f"{tokens.path} grants nothing to tokens of {settings.issuer}; add a rule:"
            f" registry serve grant add groups=NAME --scope read --tokens {tokens.path}"
        )
    return open_issuer(settings, lambda: tokens.rules, notify=notify)


def run_server(
    source: str | Path,
    options: ServerOptions,
    *,
    on_started: Callable[[Service, Sequence[Face | RpcFace]], None],
    build_faces: Callable[[Service, ServerOptions], list[Face]] = build_protocol_faces,
) -> None:
    """Serve a registry until the process gets SIGINT or SIGTERM.

    Args:
        source: A folder of the registry, a checkout or a bare repository; or a URL as text.
        options: How.
        on_started: Called when the first request can be made.
        build_faces: Makes what answers over HTTP; by default the protocols of the options.

    Raises:
        UsageError: An option does not fit.
        OperationalError: The registry cannot be read or written, or the port is in use.
    """
    from registry_tool.server.http.app import build_app, open_feed
    from registry_tool.server.http.run import Listener, bind, serve_until_stopped

    limit_arenas()
    with open_service(source, options.service) as service:
        service.live.listen(release_regularly())
        authenticator = _authenticator(service, options)
        socket = bind(options.host, options.port)
        listener = Listener(socket, options.certificate, options.key, options.trust_proxy)
        service.public_url = options.public_url.rstrip("/") or listener.url
        faces = build_faces(service, options)
        feed, rates = open_feed(service), RateLimiter(options.limits.rate, options.limits.burst)
        rpc = _build_companion(service, options, authenticator, feed, rates)
        app = build_app(
            service,
            faces,
            authenticator=authenticator,
            limits=options.limits,
            hosts=frozenset({service.public_url.partition("://")[2]}),
            feed=feed,
            rates=rates,
        )

        serve_until_stopped(
            app,
            listener,
            on_started=lambda: on_started(service, [*faces, *(rpc.served if rpc else ())]),
            on_stopping=service.stop,
            companions=[] if rpc is None else [rpc],
        )
