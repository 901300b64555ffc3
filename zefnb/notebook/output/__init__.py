"""The output of handlers: under the cell that started their server or actor, and in the log."""
