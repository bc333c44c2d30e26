"""A model registry that is a Git repository of YAML manifests."""
