"""One module per command, or per few that share a subject."""
