"""Manifests may be read by threads that come and go, whichever reads first."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import threading
from registry_tool.manifests.yaml.fast import load_fast

def read():
    for _ in range(50):
        assert load_fast(b"schema: registry/v1\\nname: acme\\n") == {"schema": "registry/v1", "name": "acme"}

for _ in range(10):
    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
print("read")
"""


def test_the_first_reading_thread_may_end() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"read\n"), done.stderr.decode()
