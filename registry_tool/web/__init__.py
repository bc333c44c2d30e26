"""The catalog site: what people see of a registry in a browser.

``views`` has the values of each kind of page, ``pages`` makes HTML and JSON of them.
"""
