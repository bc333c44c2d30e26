"""Manifests of MLSteam's packages that are good: for our reader, and for that of its SDK."""

from __future__ import annotations

from typing import Final

from registry_tool.manifests.problems import JSON

__all__ = ["GOOD", "NEW", "OLD"]

OLD: Final[dict[str, JSON]] = {"models": [{"name": "net", "version": "1", "framework": "pytorch"}]}
NEW: Final[dict[str, JSON]] = {"schema": "v2024.1", "name": "lang", "version": "2", "models": [{"name": "net"}]}  # fmt: skip
GOOD: Final[tuple[JSON, ...]] = (
    OLD,
    {"models": [{**OLD["models"][0], "description": "", "inputs": [{"name": "x", "type": "str"}], "outputs": [], "enc_model_cleanup": "never", "enc_model_cleanup_files": ["*.bin"]}]},  # type: ignore[index, dict-item]  # a list
    NEW,
    {**NEW, "models": [{"name": "net", "loader": "load.py"}]},
    {**NEW, "models": [{"name": "net", "loader": {"file": "load.py", "function": "load"}}]},
    {**NEW, "models": [{"name": "net", "loader": {"built-in": "PyTorchLoader", "device": "cpu"}}]},
    {**NEW, "in_memory_model_extraction": False, "file_integrity_check": {"models": "skip", "src": "enforce"}},
    {**NEW, "services": [{"name": "main", "predictor": {"built-in": "PyTorchClassifier"}}, {"name": "other"}]},
)  # fmt: skip
