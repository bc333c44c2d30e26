"""The protocols that the server speaks, and how it is started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.tokens import TokenFile
from registry_tool.errors import UsageError
from registry_tool.server.limits import Limits
from registry_tool.server.service import ServiceOptions, open_service

if TYPE_CHECKING:
    from registry_tool.access.oidc import OidcIssuer, OidcSettings
    from registry_tool.server.faces import Face
    from registry_tool.server.service import Service

__all__ = ["PROTOCOLS", "Protocol", "ServerOptions", "choose_protocols", "run_server"]


class Protocol(NamedTuple):
    """One protocol.

    Attributes:
        name: As in ``--api``.
        title: As people call it.
        module: Has ``build_face(service)``.
    """

    name: str
    title: str
    module: str


PROTOCOLS: Final[tuple[Protocol, ...]] = (
    Protocol("kubeflow", "Kubeflow Model Registry", "registry_tool.server.kubeflow"),
    Protocol("mlflow", "MLflow", "registry_tool.server.mlflow.routes"),
    Protocol("truefoundry", "TrueFoundry", "registry_tool.server.truefoundry"),
)
"""In the order in which they are printed. Their prefixes are disjoint."""


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
    tokens: Path | None = None
    oidc: OidcSettings | None = None
    public_url: str = ""
    certificate: Path | None = None
    key: Path | None = None
    trust_proxy: str = ""
    limits: Limits = field(default_factory=Limits)
    service: ServiceOptions = field(default_factory=ServiceOptions)


def _build_faces(service: Service, protocols: Sequence[Protocol]) -> list[Face]:
    return [import_module(one.module).build_face(service) for one in protocols]


def _authenticator(service: Service, options: ServerOptions) -> Authenticator:
    from registry_tool.api.changes.person import Person
    from registry_tool.git.commit import identity
    from registry_tool.server.guard import is_local_host

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
    on_started: Callable[[Service, Sequence[Face]], None],
) -> None:
    """Serve a registry until the process gets SIGINT or SIGTERM.

    Args:
        source: A folder of the registry, a checkout or a bare repository; or a URL as text.
        options: How.
        on_started: Called when the first request can be made.

    Raises:
        UsageError: An option does not fit.
        OperationalError: The registry cannot be read or written, or the port is in use.
    """
    from registry_tool.server.app import build_app
    from registry_tool.server.run import Listener, bind, serve_until_stopped

    with open_service(source, options.service) as service:
        authenticator = _authenticator(service, options)
        socket = bind(options.host, options.port)
        listener = Listener(socket, options.certificate, options.key, options.trust_proxy)
        service.public_url = options.public_url.rstrip("/") or listener.url
        faces = _build_faces(service, options.protocols)
        app = build_app(
            service,
            faces,
            authenticator=authenticator,
            limits=options.limits,
            hosts=frozenset({service.public_url.partition("://")[2]}),
        )
        serve_until_stopped(
            app,
            listener,
            on_started=lambda: on_started(service, faces),
            on_stopping=service.stop,
        )
