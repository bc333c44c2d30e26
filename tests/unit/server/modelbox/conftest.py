"""These tests need the packages of the extra serve-modelbox."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("grpc") else ["test_*.py"]
