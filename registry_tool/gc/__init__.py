"""Objects of a remote that no version needs: found, collected, purged."""
