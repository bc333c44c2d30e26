"""ModelBox over gRPC: the service ``modelbox.ModelStore`` of its client 0.0.5, on manifests."""

from __future__ import annotations

from registry_tool.server.modelbox.calls import build_rpc_face

__all__ = ["build_rpc_face"]
