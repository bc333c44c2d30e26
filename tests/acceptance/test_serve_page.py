"""Every command of docs/serve.md runs, and the options that it names exist."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support import run_program

_PAGE = Path(__file__).parents[2] / "docs" / "serve.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[str]:
    text = _PAGE.read_text(encoding="utf-8")
    return [body for name, body in _BLOCK.findall(text) if name == language]


@pytest.mark.long
def test_the_commands_run_in_the_order_they_stand(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    # A server that a failed script leaves behind would keep the pipe of its output open.
    script = "\n".join(["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *_blocks("bash")])
    # Not the forked ``registry`` of other tests, which gets no signals.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("8080", port)],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"mode":"commit"' in done.stdout
    assert "revoked" in done.stdout
    assert "registry_requests_total" in (tmp_path / "metrics.txt").read_text()


def test_the_options_of_other_lines_exist(tmp_path: Path) -> None:
    known = run_program("serve", "--help", cwd=tmp_path).out
    lines = "\n".join(_blocks("sh")).splitlines()
    named = {word for line in lines for word in line.split() if word.startswith("--")}
    assert {"--push", "--writer", "--cert", "--trust-proxy"} <= named
    assert not [word for word in named if word not in known]
