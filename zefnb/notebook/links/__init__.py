"""Links: under which address a browser reaches a server, wherever the notebook runs."""
