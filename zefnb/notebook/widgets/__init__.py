"""Small widgets, and their common functions: close the child models, replace the previous widget of a cell."""
