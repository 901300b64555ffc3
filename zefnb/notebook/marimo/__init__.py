"""zefnb in marimo: values by marimo's display protocol, and the output of handlers under their cells."""
