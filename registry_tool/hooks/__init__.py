"""Git hooks: the table for frameworks, the scripts for plain Git, and what they say about a push."""
