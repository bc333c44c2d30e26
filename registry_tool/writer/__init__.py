"""Writing many changes to one branch: what waits is made, checked one by one, and published with one move of the branch."""
