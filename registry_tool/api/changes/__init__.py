"""Changes: drafts and edits in the making, checked, uploaded and written."""
