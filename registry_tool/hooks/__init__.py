"""Git hooks: the scripts, their installation, and the check of a push."""
