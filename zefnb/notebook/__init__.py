"""The notebook side: magics, live tables, widgets, display, output and links.

Everything that needs IPython or a browser is in this package. No package below imports it.
"""
