"""TrueFoundry's REST protocol: model versions by manifest, ML repos, runs and staged files."""
