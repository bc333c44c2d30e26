"""Small YAML files that people write, with the position of every value, and where they do not match a schema."""

from __future__ import annotations

from registry_tool.manifests.schema import mismatches
from registry_tool.manifests.yaml.explain import Text as YamlText
from registry_tool.manifests.yaml.explain import explain

__all__ = ["YamlText", "explain", "mismatches"]
