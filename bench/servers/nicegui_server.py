"""NiceGUI: a page with a heading and a chart of 100 numbers."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from nicegui import ui

from bench.servers.asgi import serve_app
from bench.servers.peer import serve_peer


@ui.page("/")
def page() -> None:
    ui.markdown("# Sensors")
    data = [[number, number % 7] for number in range(100)]
    ui.echart({"xAxis": {"type": "value"}, "yAxis": {"type": "value"}, "series": [{"type": "line", "data": data}]})


app = FastAPI()
ui.run_with(app, title="Sensors")

if __name__ == "__main__":
    serve_peer(asyncio.new_event_loop(), lambda: serve_app(app), len)
