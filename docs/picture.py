"""Take the picture in the README, docs/demo.svg, from the real demo: its server, its people, its screen."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from zefnb import ET, FX, run
from zefnb.cli.cast import Cast
from zefnb.cli.chat import read
from zefnb.cli.demo import _clients, _measure_round_trips, _start
from zefnb.cli.screen import Screen

WIDTH, HEIGHT = 84, 22
SECONDS = 8.0

# Black, red, green, yellow, blue, magenta, cyan, white.
PLAIN = "3c4440 ec7b6c 7ec98e e2be6a 70a4e2 ce8bcf 62c6c6 dee5e0"
BRIGHT = "6e7a73 ff9686 98e0a8 f4d384 8cbcf6 e2a5e4 80dede f5f8f6"
THEME = TerminalTheme(
    (24, 29, 27),
    (222, 229, 224),
    *([tuple(bytes.fromhex(colour)) for colour in colours.split()] for colours in (PLAIN, BRIGHT)),
)


def main() -> None:
    chat = ET.Topic("demo-chat")
    server, _ = _start(chat, 8000)
    screen = Screen("http://localhost:8000/")
    heard = FX.SubscribeFX(topic=chat, op=lambda message: screen.lines.append(read(message))) | run
    cast = Cast([f"ws://localhost:{server.port}/ws"], interval=SECONDS / 20)
    cast.start()
    for _ in range(2):
        time.sleep(SECONDS / 2)
        _measure_round_trips(server)
    time.sleep(0.2)
    screen.clients = _clients(server)
    FX.Unsubscribe(subscription=heard.subscription) | run
    cast.stop()
    FX.StopHTTPServer(server=server) | run
    console = Console(record=True, width=WIDTH, height=HEIGHT, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(screen, end="")
    # Any monospaced font will do: a picture in a README loads nothing.
    form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.S).replace("Fira Code, ", "")
    text = console.export_svg(title="zefnb demo", theme=THEME, code_format=form, unique_id="demo")
    text = "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"
    (Path(__file__).parent / "demo.svg").write_text(text)


if __name__ == "__main__":
    main()
