"""`%zef doctor`"""

from __future__ import annotations

import argparse

from zefnb.notebook.command_line.command import Command, Context, Parser


class Doctor(Command):
    """Check the installation and this machine, and show how links are made and which packages are missing."""

    name = "doctor"

    def arguments(self, parser: Parser) -> None:
        pass

    def run(self, given: argparse.Namespace, context: Context) -> None:
        from rich.console import Console

        from zefnb.notebook.doctor import doctor
        from zefnb.notebook.links.links import reached_by

        # In a kernel rich's default console displays each line separately, in faint colours.
        plain = Console(highlight=False, soft_wrap=True, force_jupyter=False, color_system=None)
        doctor(plain if context.is_notebook else None)
        print(f"Links are made by: {reached_by(8000)}")


COMMAND = Doctor()
