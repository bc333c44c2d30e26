"""``registry serve``."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_tool.cli.completion import complete_file
from registry_tool.cli.options import Part, format_option
from registry_tool.cli.output.console import say
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_tool.access.subjects import SubjectKind
    from registry_tool.access.tokens import Token

__all__ = ["serve"]

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


def _tokens_option(function: Callable[..., object]) -> Callable[..., object]:
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
    from registry_tool.api.changes.publish import Person

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
