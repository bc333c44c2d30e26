"""Objects of a Git repository: reading them in batches, writing them loose or as packs, and what uses them."""
