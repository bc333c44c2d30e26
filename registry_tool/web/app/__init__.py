"""``registry ui``: the pages of the catalog site at the newest state, with forms whose acts are commits."""
