"""Artifacts on their way: ingest, upload, fetch, place.

::

    user's file --ingest--> cache --upload--> remote --fetch--> cache --place--> user's folder
"""
