"""The server programs under attack."""
