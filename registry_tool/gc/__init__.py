"""Objects of a remote that no version uses: found, collected, purged."""
