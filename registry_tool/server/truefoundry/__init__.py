"""TrueFoundry's REST protocol: model versions by manifest, ML repos, runs and staged files.

``bodies`` are the requests, ``manifest`` and ``edits`` turn them into edits, ``render`` turns records of the live catalog into
answers, ``routes`` has the table of endpoints, ``face`` what is known of it before the first request.
"""

from registry_tool.server.truefoundry.face import build_face

__all__ = ["build_face"]
