"""Kolena's REST protocol: models, test cases, test suites and test runs, as its client 1.69 uses them.

A Kolena model is one version of a model of the registry. Test cases, suites and runs are objects of the registry, one for each
version of a case or suite; their rows are Parquet files in the DVC remote, which the objects name by digest.

- ``face``: what the server has to know before the first request; ``addresses``: where the endpoints are.
- ``routes``: the table of endpoints.
- ``errors``, ``bodies``: the form of errors, and the requests.
- ``lookup``: finds models, cases, suites and runs in one snapshot, for one subject.
- ``session``: the exchange of a token, and what the client reports of itself.
- ``models``, ``model_edits``: models.
- ``parquet``: reads and writes Parquet within bounds. ``bulk``: uploads and downloads of it.
- ``samples``: the samples of a test case as a table; ``cases``, ``case_edits``: test cases; ``suites``, ``suite_edits``: suites.
- ``runs``, ``metrics``, ``evidence``: test runs, what they measure, and what becomes of it.
"""

from registry_tool.server.kolena.face import build_face

__all__ = ["build_face"]
