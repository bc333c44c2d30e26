"""Pages: addresses, templates, figures; a view in, HTML and JSON out."""
