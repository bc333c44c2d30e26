"""New registries: the files they start with."""
