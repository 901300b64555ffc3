"""Display: how handles, rows and values look in HTML, in a terminal and as text."""
