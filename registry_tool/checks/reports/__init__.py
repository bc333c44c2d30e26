"""Reports of a check: text, Markdown, SARIF."""
