"""``registry serve``."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from registry_tool.cli.completion import complete_file
from registry_tool.cli.options import Part, format_option, notify
from registry_tool.cli.output.console import say
from registry_tool.errors import UsageError
from registry_tool.installation import package_of_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry_tool.access.oidc import OidcSettings
    from registry_tool.access.subjects import SubjectKind
    from registry_tool.access.tokens import Token
    from registry_tool.server.http.faces import Face
    from registry_tool.server.rpc.faces import RpcFace
    from registry_tool.server.service import Service

__all__ = ["serve"]

Function = TypeVar("Function", bound="Callable[..., object]")
_LIFETIME: Final = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _read_expiry(written: str) -> dt.datetime | None:
    """``90d`` from now, a date, or ``never``."""
    if written == "never":
        return None
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    if match := _LIFETIME.fullmatch(written):
        return now + dt.timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        found = dt.datetime.fromisoformat(written)
    except ValueError as exc:
        raise UsageError(
            f"{written!a} is not a lifetime", remedy="write 90d, 12h, 2027-06-30 or never"
        ) from exc
    found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    if found <= now:
        raise UsageError(f"{written} has passed", remedy="write a later date, 90d, 12h or never")
    return found


@click.group(cls=Part, invoke_without_command=True)
@click.option(
    "--repo", metavar="DIR|URL", default=".", envvar="REGISTRY_REPO",
    help="The registry: a checkout, a bare repository, or a URL, which is cloned and followed. Default: the enclosing repository.",
)  # fmt: skip
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port; 0 chooses a free one.",
)
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    default=None,
    metavar="PORT",
    help="The port of protocols over gRPC (modelbox); 0 chooses a free one. Default: 8085, or a free one with --port 0.",
)
@click.option(
    "--api", "apis", metavar="NAME[,NAME]", multiple=True,
    help="The protocols to speak. Default: all. Repeatable.",
)  # fmt: skip
@click.option(
    "--read-only", is_flag=True, help="Refuse writes: a replica, which follows its repository."
)
@click.option(
    "--writer",
    "writer_url",
    metavar="URL",
    default="",
    help="Where clients of a replica should write; shown to them.",
)
@click.option("--push", is_flag=True, help="Answer a write when the remote has it.")
@click.option(
    "--tokens", metavar="FILE", envvar="REGISTRY_TOKENS", shell_complete=complete_file,
    help="The token file. Without it, the server listens on this machine only, and its user makes every request.",
)  # fmt: skip
@click.option(
    "--oidc-issuer", "issuer", metavar="URL", default="", envvar="REGISTRY_OIDC_ISSUER",
    help="Accept tokens of this OpenID Connect issuer too. What they may do: registry serve grant.",
)  # fmt: skip
@click.option(
    "--oidc-audience", "audiences", metavar="AUD", multiple=True, envvar="REGISTRY_OIDC_AUDIENCE",
    help="Tokens of the issuer must be for this audience: the client id of this server. Repeatable.",
)  # fmt: skip
@click.option(
    "--oidc-email", "email_claim", metavar="CLAIM", default="",
    help="The claim with the author's address, trusted as it is. Default: email, if the issuer has verified it.",
)  # fmt: skip
@click.option(
    "--public-url",
    metavar="URL",
    default="",
    help="The address that clients use, if a proxy is in between.",
)
@click.option(
    "--trust-proxy", metavar="ADDRESS[,ADDRESS]", default="",
    help="Proxies whose X-Forwarded-For and X-Forwarded-Proto headers count.",
)  # fmt: skip
@click.option(
    "--cert",
    metavar="FILE",
    shell_complete=complete_file,
    help="The TLS certificate chain, in PEM.",
)
@click.option(
    "--key", metavar="FILE", shell_complete=complete_file, help="Its private key, in PEM."
)
@click.option(
    "--max-upload",
    type=click.IntRange(1),
    default=1 << 40,
    metavar="BYTES",
    help="The largest file that is accepted.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=0.0,
    metavar="N",
    help="Requests per second of one subject. Default: no limit.",
)
@click.pass_context
def serve(
    ctx: click.Context,
    *,
    repo: str,
    host: str,
    port: int,
    grpc_port: int | None,
    apis: tuple[str, ...],
    read_only: bool,
    writer_url: str,
    push: bool,
    tokens: str | None,
    issuer: str,
    audiences: tuple[str, ...],
    email_claim: str,
    public_url: str,
    trust_proxy: str,
    cert: str | None,
    key: str | None,
    max_upload: int,
    rate: float,
) -> None:
    """Clients of other model registries work against this registry: what they register is a commit.

    The server listens on this machine only, unless it has a token file. It prints what a client of each protocol must set.
    It stops on Ctrl-C or SIGTERM, after the writes that are running.

    \b
    Examples:
      registry serve
      registry serve --repo models.git --port 0 --api kubeflow
      registry serve --host 0.0.0.0 --tokens tokens.jsonl --cert cert.pem --key key.pem
      registry serve --read-only --repo https://git.example.org/models.git --writer https://models.example.org
      registry serve --tokens tokens.jsonl --oidc-issuer https://login.example.org --oidc-audience registry
      registry serve token add alice --email alice@example.org --scope write:nlp --tokens tokens.jsonl
    """
    if ctx.invoked_subcommand is not None:
        return
    with package_of_extra("registry serve", "serve"):
        from registry_tool.server.limits import Limits
        from registry_tool.server.protocols import ServerOptions, choose_protocols, run_server
        from registry_tool.server.service import ServiceOptions
    if key and not cert:
        raise UsageError("--key needs --cert", remedy="name the certificate: --cert cert.pem")
    named = [one for text in apis for one in text.split(",")]
    options = ServerOptions(
        host, port, choose_protocols(named), frozenset(named), grpc_port,
        Path(tokens) if tokens else None, _read_oidc(issuer, audiences, email_claim), public_url, Path(cert) if cert else None,
        Path(key) if key else None, trust_proxy, Limits(max_upload=max_upload, rate=rate),
        ServiceOptions(read_only, push, writer_url, notify),
    )  # fmt: skip
    run_server(repo if repo != "." else Path.cwd(), options, on_started=_print_start)


def _read_oidc(issuer: str, audiences: tuple[str, ...], email_claim: str) -> OidcSettings | None:
    if not issuer:
        if audiences or email_claim:
            raise UsageError(
                "--oidc-audience and --oidc-email need --oidc-issuer",
                remedy="name the issuer: --oidc-issuer https://login.example.org",
            )
        return None
    with package_of_extra("registry serve --oidc-issuer", "serve-oidc"):
        from registry_tool.access.oidc import OidcSettings, check_settings

        settings = OidcSettings(issuer, audiences, email_claim)
        check_settings(settings)
    return settings


def _print_start(service: Service, faces: Sequence[Face | RpcFace]) -> None:
    from urllib.parse import urlsplit

    state, url = service.snapshot, service.public_url
    found, secure = urlsplit(url), url.startswith("https:")
    address = url.removesuffix(f":{found.port}")
    port = found.port or (443 if secure else 80)
    say(
        f"serving {service.source} at {service.branch} ({state.commit[:12]}) on {service.public_url}"
    )
    for face in faces:
        say("")
        say(f"{face.name}:")
        for line in face.instructions:
            say(f"  {line.format(url=url, address=address, port=port, secure=secure)}")
    say("")
    say("stop with Ctrl-C")
    sys.stdout.flush()


@click.group(cls=Part)
def token() -> None:
    """Create, list and revoke the tokens of a server.

    A token file belongs to one user and is outside the registry. It has the digests of tokens, not their text. A running
    server reads it again when it changes.

    \b
    Examples:
      registry serve token add alice --email alice@example.org --scope write:nlp --expires 90d --tokens tokens.jsonl
      registry serve token list --tokens tokens.jsonl
      registry serve token revoke alice --tokens tokens.jsonl
    """
    with package_of_extra("registry serve token", "serve"):
        import registry_tool.access.tokens  # noqa: F401 (the reader has no server)


def _tokens_option(function: Function) -> Function:
    return click.option(
        "--tokens", "path", metavar="FILE", required=True, envvar="REGISTRY_TOKENS",
        shell_complete=complete_file, help="The token file; see registry serve --tokens.",
    )(function)  # fmt: skip


@token.command("add")
@click.argument("name")
@click.option("--email", metavar="ADDRESS", required=True, help="The author's address in commits.")
@click.option(
    "--scope", "scopes", metavar="SCOPE[:NAMESPACE]", multiple=True, required=True,
    help="read, write, promote, review or delete; in one namespace, in those with a prefix (team-*), or in all. Repeatable.",
)  # fmt: skip
@click.option(
    "--kind", type=click.Choice(["user", "team", "service"]), default="user", show_default=True,
    help="A person, a team or a service.",
)  # fmt: skip
@click.option(
    "--expires", metavar="WHEN", default="90d", show_default=True,
    help="The token's lifetime (90d, 12h), the date on which it expires, or never.",
)  # fmt: skip
@_tokens_option
def add(
    *,
    name: str,
    email: str,
    scopes: tuple[str, ...],
    kind: SubjectKind,
    expires: str,
    path: str,
) -> None:
    """Create a token and print it; it is printed once and stored nowhere.

    \b
    Examples:
      registry serve token add alice --email alice@example.org --scope write:nlp --scope promote:nlp --tokens tokens.jsonl
      registry serve token add ci --email ci@example.org --kind service --scope read --expires never --tokens tokens.jsonl
    """
    from registry_tool.access.subjects import Subject, parse_grants
    from registry_tool.access.tokens import add_token
    from registry_tool.api.changes.person import Person

    person = Person.parse(f"{name} <{email}>")
    subject = Subject(person.name, person.email, kind, parse_grants(scopes))
    text, made = add_token(Path(path), subject, expires=_read_expiry(expires))
    until = (
        "never expires" if made.expires is None else f"expires {made.expires:%Y-%m-%d %H:%M} UTC"
    )
    say(f"token {made.id} of {subject.name}; {until}. It is shown only now:", err=True)
    click.echo(text)


def _describe(one: Token) -> dict[str, object]:
    subject = one.subject
    return {
        "id": one.id,
        "name": subject.name,
        "email": subject.email,
        "kind": subject.kind,
        "scopes": [str(grant) for grant in subject.grants],
        "created": one.created.isoformat(),
        "expires": None if one.expires is None else one.expires.isoformat(),
    }


@token.command("list")
@_tokens_option
@format_option
def list_(*, path: str, form: str) -> None:
    """List the tokens, without their text.

    \b
    Example:
      registry serve token list --tokens tokens.jsonl
    """
    from registry_tool.access.tokens import TokenFile

    found = [*TokenFile(Path(path))]
    if form == "json":
        click.echo(json.dumps([_describe(one) for one in found], indent=2))
        return
    now = dt.datetime.now(dt.UTC)
    for one in found:
        until = "never expires" if one.expires is None else f"expires {one.expires:%Y-%m-%d}"
        if not one.is_valid_at(now):
            until = f"EXPIRED {one.expires:%Y-%m-%d}"
        scopes = ", ".join(str(grant) for grant in one.subject.grants)
        say(f"{one.id}  {one.subject.name} <{one.subject.email}>  {scopes}  {until}")
    if not found:
        say(f"{path} has no tokens", err=True)


@token.command("revoke")
@click.argument("name", metavar="ID|NAME|EMAIL")
@_tokens_option
def revoke(*, name: str, path: str) -> None:
    """Revoke a token, or all tokens of a subject; a running server refuses them at once.

    \b
    Examples:
      registry serve token revoke 3f2a91c0de --tokens tokens.jsonl
      registry serve token revoke alice --tokens tokens.jsonl
    """
    from registry_tool.access.tokens import revoke_token

    for one in revoke_token(Path(path), name):
        say(f"revoked {one.id} of {one.subject.name}")


@click.group(cls=Part)
def grant() -> None:
    """Grant scopes to tokens of an OpenID Connect issuer, by claims.

    The rules are in the token file. A token that no rule covers is refused. A running server reads them again when they change.

    \b
    Examples:
      registry serve grant add groups=nlp-team --scope write:nlp --scope promote:nlp --tokens tokens.jsonl
      registry serve grant list --tokens tokens.jsonl
      registry serve grant remove groups=nlp-team --tokens tokens.jsonl
    """
    with package_of_extra("registry serve grant", "serve"):
        import registry_tool.access.tokens  # noqa: F401 (the reader has no server)


@grant.command("add")
@click.argument("rule", metavar="CLAIM=VALUE")
@click.option(
    "--scope", "scopes", metavar="SCOPE[:NAMESPACE]", multiple=True, required=True,
    help="read, write, promote, review or delete; in one namespace, in those with a prefix (team-*), or in all. Repeatable.",
)  # fmt: skip
@_tokens_option
def add_rule(*, rule: str, scopes: tuple[str, ...], path: str) -> None:
    """Grant scopes to tokens with a claim; a rule for the same claim and value is replaced.

    A claim that is a list has each of its values; * stands for any value. A claim inside another one has a dot:
    realm_access.roles=reader.

    \b
    Examples:
      registry serve grant add groups=nlp-team --scope write:nlp --scope promote:nlp --tokens tokens.jsonl
      registry serve grant add email=alice@example.org --scope review --tokens tokens.jsonl
      registry serve grant add "sub=*" --scope read --tokens tokens.jsonl
    """
    from registry_tool.access.subjects import parse_grants
    from registry_tool.access.tokens import add_rule

    made = add_rule(Path(path), rule, parse_grants(scopes))
    say(f"tokens with {made} have {', '.join(str(grant) for grant in made.grants)}")


@grant.command("list")
@_tokens_option
@format_option
def list_rules(*, path: str, form: str) -> None:
    """List the rules.

    \b
    Example:
      registry serve grant list --tokens tokens.jsonl
    """
    from registry_tool.access.tokens import TokenFile

    found = TokenFile(Path(path)).rules
    if form == "json":
        shown = [
            {
                "claim": one.claim,
                "value": one.value,
                "scopes": [str(grant) for grant in one.grants],
                "created": one.created.isoformat(),
            }
            for one in found
        ]
        click.echo(json.dumps(shown, indent=2))
        return
    for one in found:
        say(f"{one}  {', '.join(str(grant) for grant in one.grants)}")
    if not found:
        say(f"{path} has no rules", err=True)


@grant.command("remove")
@click.argument("rule", metavar="CLAIM=VALUE")
@_tokens_option
def remove(*, rule: str, path: str) -> None:
    """Remove a rule; a running server follows at the next request.

    \b
    Example:
      registry serve grant remove groups=nlp-team --tokens tokens.jsonl
    """
    from registry_tool.access.tokens import remove_rule

    say(f"removed {remove_rule(Path(path), rule)}")


serve.add_command(token)
serve.add_command(grant)
