"""The server programs that are attacked."""
