"""DVC remotes: folders, HTTP, S3 and those of DVC's drivers."""
