"""Places: looking around in the tree, who is responsible where, and setting a community up by hand."""
