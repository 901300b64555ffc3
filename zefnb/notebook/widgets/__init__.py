"""Small widgets, and what they share: closing with their child models, replacing the previous one of a cell."""
