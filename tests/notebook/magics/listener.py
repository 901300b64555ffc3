"""A subscription in a kernel, which appends the messages of a topic to `heard`."""

from __future__ import annotations

from tests.notebook.kernel import Kernel


def listen(kernel: Kernel, topic: str) -> None:
    kernel.run(f"FX.SubscribeFX(topic=ET.Topic({topic!r}), op=lambda m: heard.append(m)) | run", f"listen {topic}")
