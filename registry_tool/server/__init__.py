"""``registry serve``: the wire protocols of other model registries, over a Git repository of manifests.

``app`` makes the ASGI application and ``run`` runs it. ``guard`` is what every request passes first: limits, origin,
subject. Each protocol is a ``Face``: its routes, and how it words an error. All of them answer from one ``live`` snapshot
and write through one ``writer``.
"""
