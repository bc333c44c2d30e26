"""Searching models and versions: summaries, kept between runs, and the query language over them."""
