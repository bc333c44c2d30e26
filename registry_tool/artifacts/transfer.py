"""The four acts on an artifact's bytes: ingest, upload, fetch, place.

::

    user's file --ingest--> cache --upload--> remote --fetch--> cache --place--> user's folder
"""

from __future__ import annotations

from registry_tool.artifacts.fetching import fetch
from registry_tool.artifacts.ingesting import FILES_LIMIT, Ingested, ingest
from registry_tool.artifacts.placing import place
from registry_tool.artifacts.sending import upload

__all__ = ["FILES_LIMIT", "Ingested", "fetch", "ingest", "place", "upload"]
