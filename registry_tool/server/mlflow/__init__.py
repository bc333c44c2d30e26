"""MLflow's model registry and artifact proxy over HTTP, for its own clients."""
