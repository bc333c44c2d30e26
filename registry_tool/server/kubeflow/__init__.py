"""Kubeflow Model Registry's REST protocol, v1alpha3 and v1: its own clients work on the registry unchanged.

``bodies`` are the requests, ``map`` turns them into edits, ``render`` turns records of the live catalog into answers,
``routes`` has the table of endpoints, ``face`` what is known of it before the first request.
"""

from registry_tool.server.kubeflow.face import build_face

__all__ = ["build_face"]
