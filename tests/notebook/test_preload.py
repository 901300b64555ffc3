"""The preloader: the modules of a server are loaded between the first cell and the next."""

from __future__ import annotations

from tests.notebook.kernel import a_kernel

# Importing zefnb where one of the modules that the first server needs takes its time.
SLOW_IMPORT = """
import sys, time

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == 'h11':
            time.sleep(1)

sys.meta_path.insert(0, Slow())
from zefnb import *
print('h11' in sys.modules)
"""

SERVERS = "sys.modules['zefnb.net.http.servers']"


def test_the_next_cell_begins_when_the_modules_of_a_server_are_loaded():
    with a_kernel() as kernel:
        assert kernel.run(SLOW_IMPORT).text == "False\n"
        assert kernel.value(f"{SERVERS}.__spec__._initializing") is False
        assert kernel.value("'Preloader' in repr(get_ipython().events.callbacks)") is False
