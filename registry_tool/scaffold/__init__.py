"""New registries: creating them, and the files they start with."""
