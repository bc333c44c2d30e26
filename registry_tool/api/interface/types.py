"""Types of arguments and results, under one name each, for type checkers."""

from __future__ import annotations

from registry_tool.api.changes.artifact_store import StagedArtifact, UploadSummary
from registry_tool.artifacts.progress import Progress
from registry_tool.artifacts.remotes.base import RemoteObject as StoredObject
from registry_tool.catalog.compare import Row as ComparedRow
from registry_tool.catalog.resolve import Resolved
from registry_tool.checks.findings import Report
from registry_tool.edits.codeowners import Host
from registry_tool.gc.reachability import RegistryState as SearchedState
from registry_tool.git.repository import Repository as GitRepository
from registry_tool.manifests.data import Data
from registry_tool.manifests.problems import JSON, JSONPath

__all__ = [
    "JSON",
    "ComparedRow",
    "Data",
    "GitRepository",
    "Host",
    "JSONPath",
    "Progress",
    "Report",
    "Resolved",
    "SearchedState",
    "StagedArtifact",
    "StoredObject",
    "UploadSummary",
]
