"""Output of handlers: under the cell that started what they belong to, and in the log."""
