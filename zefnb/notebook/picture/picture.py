"""`picture`: a diagram of everything that runs, as a widget in a notebook, or in a terminal until Ctrl-C."""

from __future__ import annotations

from typing import Any

from zefnb.core.execution import is_in_notebook


def picture() -> Any:
    """Show a diagram of everything that runs: servers, routes, topics, ops, actors, clients, timers and databases.

    The arrows are the ways of messages. An arrow with dashes leads to a topic that a handler has been observed to
    publish to, or to a database that it has used by an effect, while a picture was shown. The clients of a route are
    one box with their number. The boxes show rates, errors and waiting messages, twice a second.

    In a notebook the picture is a widget, which continues while a cell is busy. Select a box, by a click or by Enter,
    to see its frames, its state and its errors. Running the cell again replaces the picture. The saved notebook has it
    as an image. In a terminal, `picture` draws a tree until Ctrl-C.

    Returns:
        The widget in a notebook, which shows itself and has `close()`; `None` in a terminal.

    Raises:
        ImportError: A notebook lacks the package of the widget. The error has the command that installs it.

    >>> picture()
    zefnb...
    """
    # Imported here, so that importing the public name `picture` loads no large modules.
    from zefnb.engine.runtime import default_runtime

    runtime = default_runtime()
    if not is_in_notebook():
        from zefnb.notebook.picture.terminal import picture_in_terminal

        return picture_in_terminal(runtime)
    try:
        from zefnb.notebook.picture.widget import LivePicture
    except ImportError as error:
        raise ImportError(f"a picture needs {error.name}; pip install 'zefnb[lab]'", name=error.name) from None
    from zefnb.notebook.widgets.replace_previous import replace_previous

    return replace_previous(runtime, LivePicture(runtime), "picture")
