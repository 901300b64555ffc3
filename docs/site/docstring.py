"""A docstring of a public name, in its parts: summary, text, sections and example."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

# In this order, each with a blank line before it. `Args` and `Raises` have entries such as `name: text`.
SECTIONS = ("Args", "Returns", "Raises", "Source")
_HEADING = re.compile(r"([A-Z][a-z]+):")
_ENTRY = re.compile(r"    (\w+): (.+)", re.DOTALL)


class Docstring(NamedTuple):
    """The parts of a docstring. `sections` has the text of each section by its name, in the order of the docstring."""

    summary: str
    text: str
    sections: dict[str, str]
    example: str

    def entries(self, section: str) -> dict[str, str]:
        """Return the entries of `Args` or `Raises`: the text by the name.

        >>> parse("Stop.\\n\\nArgs:\\n    timer: The handle\\n        of the timer.").entries("Args")
        {'timer': 'The handle of the timer.'}
        """
        found = re.split(r"\n(?=    \S)", self.sections.get(section, ""))
        parts = [match for entry in found if (match := _ENTRY.fullmatch(entry))]
        return {match[1]: " ".join(match[2].split()) for match in parts}


def parse(doc: str) -> Docstring:
    """Return the parts of a docstring.

    >>> parse("Stop.\\n\\nReturns:\\n    None.\\n\\n>>> 1\\n1").sections
    {'Returns': '    None.'}
    """
    words, _, example = inspect.cleandoc(doc).partition("\n>>> ")
    summary, *paragraphs = words.strip().split("\n\n")
    sections: dict[str, str] = {}
    text: list[str] = []
    for paragraph in paragraphs:
        heading, _, body = paragraph.partition("\n")
        match = _HEADING.fullmatch(heading)
        if match and body:
            sections[match[1]] = body
        else:
            text.append(paragraph)
    return Docstring(summary, "\n\n".join(text), sections, f">>> {example.strip()}" if example else "")
