"""``registry ui``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_file
from registry_tool.cli.options import notify
from registry_tool.cli.output.console import say
from registry_tool.installation import package_of_extra

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["ui"]


@click.command()
@click.option(
    "--repo", metavar="DIR|URL", default=".", envvar="REGISTRY_REPO",
    help="The registry: a checkout, a bare repository, or a URL, which is cloned and followed. Default: the enclosing repository.",
)  # fmt: skip
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True,
    help="The address to listen on; other machines can reach it only with --tokens.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8090, show_default=True,
    help="The port; 0 for a free one.",
)  # fmt: skip
@click.option("--open", "opens", is_flag=True, help="Open the first page in the browser.")
@click.option(
    "--ref", metavar="REV", default="",
    help="Show this branch, tag or commit, without forms. Default: the newest state of the branch.",
)  # fmt: skip
@click.option(
    "--tokens", metavar="FILE", envvar="REGISTRY_TOKENS", shell_complete=complete_file,
    help="A file of tokens; see registry serve token. The browser prompts for a name and a password: the password is the token.",
)  # fmt: skip
@click.option(
    "--public-url", metavar="URL", default="",
    help="The address that browsers use, where a proxy is in front.",
)  # fmt: skip
def ui(
    *, repo: str, host: str, port: int, opens: bool, ref: str, tokens: str | None, public_url: str
) -> None:
    """Show the registry in a browser: its pages at the newest state, and forms whose acts are commits.

    Each form shows the checks in the words of the commands and the diff of the files before the commit. The server
    listens on this machine only, unless it has a token file. It stops on Ctrl-C or SIGTERM.

    \b
    Examples:
      registry ui --open
      registry ui --repo models.git --port 0
      registry ui --ref v1.0
      registry ui --host 0.0.0.0 --tokens tokens.jsonl --public-url https://models.example.org
    """
    with package_of_extra("registry ui", "ui"):
        from registry_tool.server.protocols import ServerOptions
        from registry_tool.server.service import ServiceOptions
        from registry_tool.web.app.start import run_ui

    options = ServerOptions(
        host, port, (), tokens=Path(tokens) if tokens else None, public_url=public_url,
        service=ServiceOptions(notify=notify),
    )  # fmt: skip

    def started(service: Service) -> None:
        _print_start(service, ref)
        if opens:
            click.launch(service.public_url)

    run_ui(repo if repo != "." else Path.cwd(), options, ref=ref, on_started=started)


def _print_start(service: Service, ref: str) -> None:
    shown = ref or f"{service.branch} ({service.snapshot.commit[:12]})"
    say(f"showing {service.source} at {shown} on {service.public_url}/")
    say("stop with Ctrl-C")
    sys.stdout.flush()
