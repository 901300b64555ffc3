"""The notebook side: magics, live tables, widgets, display, output and links.

Here lives everything that needs IPython or a browser. Nothing below imports it.
"""
