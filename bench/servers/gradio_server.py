"""gradio: a page with a heading and a chart of 100 numbers, which a function returns when the page loads."""

from __future__ import annotations

import asyncio

import gradio
import pandas
from fastapi import FastAPI

from bench.servers.asgi import serve_app
from bench.servers.peer import serve_peer


def data() -> pandas.DataFrame:
    return pandas.DataFrame({"x": range(100), "y": [number % 7 for number in range(100)]})


with gradio.Blocks(title="Sensors", analytics_enabled=False) as blocks:
    gradio.Markdown("# Sensors")
    gradio.LinePlot(data, x="x", y="y")

app = gradio.mount_gradio_app(FastAPI(), blocks, path="/")

if __name__ == "__main__":
    serve_peer(asyncio.new_event_loop(), lambda: serve_app(app), len)
