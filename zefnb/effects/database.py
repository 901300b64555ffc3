"""Effects on databases."""
