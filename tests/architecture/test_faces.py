"""The command line is a thin face: it parses, calls ``api/`` and prints. So a program can do all that a command can."""

from __future__ import annotations

import ast
from pathlib import Path

from registry_tool.api.registry import Registry
from registry_tool.cli.main import COMMANDS

PACKAGE = Path(__file__).parents[2] / "registry_tool"
CLI = sorted((PACKAGE / "cli").rglob("*.py"))
# What a command may call: the façade and its vocabulary, report formats, and what it starts.
ALLOWED = (
    "registry_tool.api",
    "registry_tool.cli",
    "registry_tool.access",  # the tokens of a server
    "registry_tool.errors",
    "registry_tool.installation",  # says which extra is missing
    "registry_tool.names",
    "registry_tool.paths",  # the folder of the error log
    "registry_tool._version",
    "registry_tool.checks.reports",
    "registry_tool.demo",
    "registry_tool.hooks",
    "registry_tool.integrations",
    "registry_tool.scaffold",
    "registry_tool.server",
    "registry_tool.web.app.start",
    "registry_tool.web.site.build",
)
# Modules that still import something else. It stays empty.
OFFENDERS: dict[str, set[str]] = {}
# What does the work of each command: a method of ``Registry``, or a function.
USE_CASES = {
    "alias": ("set_alias", "remove_alias"),
    "annotate": ("annotate",),
    "archive": ("archive",),
    "audit": ("audit",),
    "cache": ("api.maintenance.cache_usage", "api.maintenance.clear_cache"),
    "check": ("api.check.check", "check"),
    "codeowners": ("write_codeowners", "check_codeowners"),
    "compare": ("compare",),
    "decrypt": ("decrypt",),
    "delete": ("delete",),
    "demo": ("demo.tour.tour",),
    "deprecate": ("deprecate",),
    "diff": ("diff", "api.history.diff"),
    "encrypt": ("encrypt",),
    "erase": ("erase", "purge"),
    "events": ("events",),
    "evidence": ("add_evidence",),
    "export": ("export_package",),
    "fetch": ("fetch", "locked_versions", "served_version"),
    "gc": ("gc",),
    "history": ("history",),
    "hooks": ("hooks.install.install_hooks", "hooks.install.install_server_hook"),
    "init": ("scaffold.create.new_registry", "scaffold.create.add_ci"),
    "list": ("listing", "models", "versions", "drafts"),
    "lock": ("lock", "api.lockfile.write_lock"),
    "model": ("add_model",),
    "promote": ("promote", "gates"),
    "recover": ("api.recovery.recover",),
    "rekey": ("rekey",),
    "remote": ("remotes", "trust_host", "copy_remote"),
    "resolve": ("resolve",),
    "rewrap": ("rewrap",),
    "rollback": ("rollback",),
    "rules": ("api.rules.explain_rules", "api.rules.explain"),
    "scan": ("scan", "scan_and_record", "api.scanning.scan_path"),
    "seal": ("seal", "seal_older"),
    "search": ("find", "search"),
    "serve": (
        "server.protocols.run_server",
        "access.tokens.add_token",
        "access.tokens.revoke_token",
    ),
    "show": ("describe",),
    "sign": ("sign", "sign_artifacts"),
    "site": ("web.site.build.build_site",),
    "tag": ("add_tag",),
    "title": ("set_title",),
    "ui": ("web.app.start.run_ui",),
    "upload": ("restore_artifact",),
    "verify": ("verify",),
    "version": ("add_version",),
    "withdraw": ("withdraw",),
}


def _imports(path: Path) -> set[str]:
    """Modules of the package that a module imports, also lazily and for types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found |= {f"{base}.{a.name}" for a in node.names} if base == "registry_tool" else {base}
    return {name for name in found if name.startswith("registry_tool.")}


def _is_allowed(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in ALLOWED)


def test_commands_import_the_facade_and_nothing_below() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix(): wrong
        for path in CLI
        if (wrong := {module for module in _imports(path) if not _is_allowed(module)})
    }
    assert found == OFFENDERS


def test_an_import_from_below_would_be_found() -> None:
    assert not _is_allowed("registry_tool.git.refs")
    assert not _is_allowed("registry_tool.apiary")


def _called(module: Path) -> set[str]:
    """Names that a module calls or imports."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            home = node.module.removeprefix("registry_tool.")
            names |= {f"{home}.{alias.name}" for alias in node.names}
    return names


def _exists(use_case: str) -> bool:
    home, _, name = use_case.rpartition(".")
    if not home:
        return callable(getattr(Registry, name, None))
    path = PACKAGE / f"{home.replace('.', '/')}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body) or (
        f'"{name}"' in path.read_text(encoding="utf-8")
    )


def test_what_a_command_can_do_a_program_can_do() -> None:
    assert set(USE_CASES) == set(COMMANDS)
    missing = [one for names in USE_CASES.values() for one in names if not _exists(one)]
    assert missing == []


def test_each_command_calls_its_use_case() -> None:
    idle = {
        command
        for command, names in USE_CASES.items()
        if not set(names) & _called(PACKAGE / f"cli/commands/{COMMANDS[command][0]}.py")
    }
    assert idle == set()
