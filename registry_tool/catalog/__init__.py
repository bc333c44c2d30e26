"""What a registry holds: models, versions, tags, aliases, and the questions asked of them."""
