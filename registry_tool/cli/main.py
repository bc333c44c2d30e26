"""The program ``registry``: a table of commands, and the one place where errors become messages and exit codes.

Exit codes: 0 done, 1 refused, 2 usage, 3 needs review, 4 environment, 130 interrupted.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

import click

from registry_tool.cli.output.escape import harmless, lines, print_what_can_be_printed
from registry_tool.errors import (
    CheckFailedError,
    InvalidNameError,
    OperationalError,
    RegistryError,
    VersionNotNamedError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMANDS", "cli", "run"]

_PACKAGE = "registry_tool.cli.commands"
# name -> (module, summary): `registry --help` imports no command, and a command's help starts with its summary.
COMMANDS: dict[str, tuple[str, str]] = {
    "alias": ("alias", "Set or remove an alias (a movable pointer to a version)."),
    "annotate": ("annotate", "Add metadata, labels or a description to a version."),
    "archive": ("lifecycle", "Archive a model, so that it accepts no new versions."),
    "audit": ("history", "Export which version each alias pointed to, when and why."),
    "cache": ("cache", "Show or clear the cache of artifacts."),
    "check": ("check", "Check the registry, a change, or the staged files."),
    "codeowners": ("codeowners", "Write CODEOWNERS from the owners of the registry and its namespaces."),
    "compare": ("compare", "Compare two versions."),
    "decrypt": ("encryption", "Fetch a version and decrypt it into a folder."),
    "delete": ("delete", "Delete a version or a model: not served, not listed, its title is free."),
    "demo": ("demo", "Run the whole workflow once, on a small real model."),
    "deprecate": ("lifecycle", "Mark a version as not for new work."),
    "diff": ("diff", "Summarize the changes between two revisions."),
    "encrypt": ("encryption", "Add a version again, encrypted."),
    "erase": ("erase", "Erase a version: its record stays, its files are deleted."),
    "events": ("events", "Print changes as CloudEvents, for deploy jobs and webhooks."),
    "evidence": ("evidence", "Add an evaluation, approval, scan or note to a version."),
    "export": ("export", "Write a version as one file for another program."),
    "fetch": ("fetch", "Download a version's files and verify them."),
    "gc": ("gc", "Report missing and unreferenced objects in the remote, or delete the latter."),
    "history": ("history", "Show who moved an alias, when and why."),
    "hooks": ("hooks", "Install Git hooks that check commits and pushes."),
    "init": ("init", "Create a registry."),
    "list": ("list", "List models, or the versions of one."),
    "lock": ("lock", "Write a lock file: references pinned to versions and digests."),
    "model": ("model", "Add a model."),
    "promote": ("promote", "Move a stage to a version, if its gates pass."),
    "recover": ("recover", "Complete or roll back an interrupted command."),
    "rekey": ("encryption", "Add an encrypted version again, with a new key."),
    "remote": ("remote", "List remotes, confirm their hosts, or copy everything to another one."),
    "resolve": ("resolve", "Print the version that a reference names."),
    "rewrap": ("encryption", "Re-encrypt the key of a version or group for its current recipients."),
    "rollback": ("promote", "Move a stage back to its last good version, and pin it."),
    "rules": ("rules", "List the rules of the check, or explain one."),
    "scan": ("scan", "Report the content of files and versions without loading them."),
    "seal": ("seal", "Publish a draft, so that it becomes a version."),
    "search": ("search", "Search models and versions."),
    "serve": ("serve", "Serve the registry to the clients of other model registries."),
    "show": ("show", "Show a model or a version."),
    "sign": ("sign", "Sign the record of a version, or its artifacts."),
    "site": ("site", "Build the catalog site: pages for a browser, as files for any web server."),
    "tag": ("tag", "Add an immutable tag to a version."),
    "title": ("title", "Set or remove the shown name of a model, version, tag, alias or namespace."),
    "ui": ("ui", "Show the registry in a browser, with forms whose acts are commits."),
    "upload": ("upload", "Restore missing artifact files to the remote."),
    "verify": ("verify", "Verify a version's signatures and files."),
    "version": ("version", "Add a version."),
    "withdraw": ("lifecycle", "Take a version out of service."),
}  # fmt: skip


class _Table(click.Group):
    """Commands by name, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See ``click.Group``."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See ``click.Group``."""
        if cmd_name not in COMMANDS:
            return None
        from importlib import import_module
        from inspect import cleandoc

        home, summary = COMMANDS[cmd_name]
        module = import_module(f"{_PACKAGE}.{home}")
        attribute = cmd_name.replace("-", "_")
        # `list_`: a trailing underscore where the name is one of Python's own.
        command = getattr(module, attribute, None) or getattr(module, f"{attribute}_")
        assert isinstance(command, click.Command)  # noqa: S101 (a broken table is a bug of ours)
        if command.short_help != summary:
            command.short_help = summary
            command.help = f"{summary}\n\n{cleandoc(command.help or '')}".rstrip()
        return command

    def invoke(self, ctx: click.Context) -> object:
        """See ``click.Group``; `registry list | head` exits with 0, where click would exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            from registry_tool.cli.output.console import discard_output

            discard_output()
            return 0

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See ``click.Group``; a mistyped command is answered with similar ones."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"no such command: {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See ``click.Group``; written from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in sorted(COMMANDS.items())])


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 (click's signature)
    if wanted and not ctx.resilient_parsing:
        from registry_tool._version import VERSION

        click.echo(f"registry-tool {VERSION}")
        ctx.exit()


@click.command(
    cls=_Table,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='Shell completion: eval "$(_REGISTRY_COMPLETE=bash_source registry)"  (or zsh_source, fish_source)',
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
    help="Print the version and exit.",
)  # fmt: skip
def cli() -> None:
    """A model registry that is a Git repository of YAML manifests.

    \b
    registry demo                                  the whole workflow, on a small real model
    registry init models --name acme               create a registry
    registry resolve nlp/lang-id@production        print the version of a reference
    registry fetch nlp/lang-id@production -o out   download its verified files
    registry check                                 check my changes
    """


def _print_report(error: CheckFailedError) -> bool:
    """Print the findings of a check, as `registry check` does; False if the error has no report."""
    from registry_tool.api.changes.publish import RefusedByCheckError
    from registry_tool.checks.reports.text import finding_lines

    if not isinstance(error, RefusedByCheckError):
        return False
    for line in finding_lines([f for f in error.report.findings if f.severity == "refuse"]):
        click.echo(harmless(line.text), err=True)
    return True


def _report_error(error: RegistryError) -> int:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {lines(error.message)}", err=True)
    if isinstance(error, CheckFailedError) and _print_report(error):
        return error.exit_code
    if error.remedy:
        click.echo(f"{click.style('try:', fg='cyan')}   {lines(error.remedy)}", err=True)
    return error.exit_code


def _fill_in_version(error: RegistryError, arguments: Sequence[str]) -> None:
    """Where a version must be named, the remedy becomes the command as it was typed, with the version filled in."""
    if not isinstance(error, VersionNotNamedError):
        return
    import shlex

    from registry_tool.names import ModelName

    words = list(arguments)
    for at, word in enumerate(words):
        try:
            found = str(ModelName.parse(word)) == error.model
        except InvalidNameError:
            continue
        if found:
            words[at] = f"{word}@{error.latest}"
            error.remedy = f"registry {shlex.join(words)}"
            return


def _report_bug(error: BaseException) -> int:
    """Write the traceback to a file for a bug report; the user does not see it."""
    import traceback

    from registry_tool.api.snapshot import without_credentials
    from registry_tool.paths import cache_folder

    log = cache_folder() / "last-error.txt"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        text = without_credentials("".join(traceback.format_exception(error)))
        log.write_text(text, encoding="utf-8", errors="backslashreplace")
        where = f"the details are in {log}"
    except OSError:
        where = "the details could not be saved"
    words = harmless(without_credentials(f"{type(error).__name__}: {error}"))
    click.echo(f"error: this is a bug in registry-tool: {words}", err=True)
    click.echo(f"try:   report it; {where}", err=True)
    return 4


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    print_what_can_be_printed()
    if "_REGISTRY_COMPLETE" in os.environ:
        from registry_tool.cli.completion import install

        install()
    try:
        result = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="registry",
            standalone_mode=False,
        )
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(file=shown)
        for line in shown.getvalue().rstrip("\n").split("\n"):
            click.echo(harmless(line), err=True)
        return error.exit_code
    except RegistryError as error:
        _fill_in_version(error, sys.argv[1:] if arguments is None else arguments)
        return _report_error(error)
    except OSError as error:
        full = OperationalError("no space left to write the output")
        return _report_error(full) if error.errno == errno.ENOSPC else _report_bug(error)
    except Exception as error:  # noqa: BLE001 (the outermost ring)
        return _report_bug(error)
    return result if isinstance(result, int) else 0
