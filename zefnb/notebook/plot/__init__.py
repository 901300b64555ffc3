"""Live charts: values of messages as points, their lines in the browser, in a terminal, and as a saved picture."""
