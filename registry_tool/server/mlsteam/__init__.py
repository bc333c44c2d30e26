"""MLSteam's REST protocol: projects, models, versions and their packages, as its model SDK reads them.

The SDK takes its calls from a Swagger document of the server (``description``), so the layout of the addresses is ours.
``lookup`` finds things by UUID, ``render`` turns records of the live catalog into answers, ``packages`` says which versions
are packages, ``downloads`` sends them, ``writes`` changes models, and ``routes`` has the table of endpoints.
"""

from registry_tool.server.mlsteam.face import build_face

__all__ = ["build_face"]
