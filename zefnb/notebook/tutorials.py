"""The tutorial notebooks: where they are, and how to open them."""

from __future__ import annotations

from pathlib import Path


def notebooks_folder() -> Path | None:
    """Return the folder of the tutorials, in the working directory or in the checkout, or `None` if there is none."""
    places = (Path.cwd() / "notebooks", Path(__file__).resolve().parents[2] / "notebooks")
    return next((place for place in places if any(place.glob("*.ipynb"))), None)


def how_to_open() -> str:
    """Return one line on how to open the tutorial notebooks from here."""
    if notebooks_folder() is None:
        return "The tutorial notebooks are in the checkout of zefnb: `make lab` there opens them."
    return "The tutorial notebooks: `make lab` in the checkout, or `zefnb lab`."
