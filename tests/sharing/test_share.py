"""`%zef share`: the links for people on the same network, and their QR codes, which a decoder reads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import chromium
from tests.notebook.kernel import a_kernel
from zefnb import FX, run
from zefnb.errors import NotInstalled
from zefnb.net.https import local_authority
from zefnb.net.interfaces import Interface
from zefnb.notebook.links import sharing

NETWORKS = [
    Interface("wlan0", ("192.168.7.5", "fd00::5")),
    Interface("eth0", ("10.1.2.3",)),
    Interface("v6", ("fd00::9",)),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: None) -> Any:
    """`share(**fields)`: what a server with these fields shows on a machine with three networks."""
    monkeypatch.setenv("ZEFNB_DATA_DIR", str(tmp_path / "data"))
    for module in (sharing, local_authority):
        monkeypatch.setattr(module, "interfaces", lambda: NETWORKS)

    def shown(**fields: Any) -> tuple[Any, int]:
        server = FX.StartHTTPServer(routes={"/": "hello"}, port=0, **fields) | run
        return sharing.shared(server), server.port

    return shown


def test_there_is_a_link_for_each_network(share: Any):
    found, port = share()
    assert [tuple(link) for link in found.links] == [
        ("wlan0", f"http://192.168.7.5:{port}/"),
        ("eth0", f"http://10.1.2.3:{port}/"),
        ("v6", f"http://[fd00::9]:{port}/"),
    ]
    secured, port = share(certificates="local", allow_external_requests=True, auth="token")
    assert secured.links[0].url == f"https://192.168.7.5:{port}/"


EXTERNAL, LOGIN, TLS = "allow_external_requests=True", "auth='token'", "certificates='local'"


@pytest.mark.parametrize(
    ("fields", "change"),
    [
        ({}, f"FX.StartHTTPServer(..., {EXTERNAL}, {LOGIN}, {TLS})"),
        ({"allow_external_requests": True}, f"FX.StartHTTPServer(..., {LOGIN}, {TLS})"),
        ({"allow_external_requests": True, "auth": "token"}, f"FX.StartHTTPServer(..., {TLS})"),
        ({"auth": {"ada": "correct horse"}, "certificates": "local"}, f"FX.StartHTTPServer(..., {EXTERNAL})"),
        ({"allow_external_requests": True, "auth": "token", "certificates": "local"}, ""),
    ],
)
def test_it_names_what_prevents_access_and_the_change_that_fixes_it(share: Any, fields: dict[str, Any], change: str):
    found, _ = share(**fields)
    assert found.change == change
    problems = " ".join(obstacle.problem for obstacle in found.obstacles)
    assert ("only connections of this machine" in problems) == (EXTERNAL in change)
    assert ("no login" in problems) == (LOGIN in change)
    assert ("plain HTTP" in problems) == (TLS in change)
    assert ("must trust the root certificate once" in problems) == ("certificates" in fields)
    for text in (repr(found), found._repr_html_()):
        assert "token=" not in text
        assert "correct horse" not in text


def test_the_change_that_it_names_makes_the_links_complete(share: Any):
    """The arguments run as they are shown."""
    found, _ = share()
    fields = eval(f"dict({found.change.removeprefix('FX.StartHTTPServer(..., ').removesuffix(')')})")
    assert share(**fields)[0].change == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_a_decoder_reads_every_code_from_a_screenshot(
    share: Any, browser: Any, tmp_path: Path, scheme: str, width: int
):
    import numpy as np
    import zxingcpp

    found, _ = share()
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    colours = "background:#111;color:#eee" if scheme == "dark" else "background:#fff"
    page.set_content(f"<body style='margin:8px;{colours}'>{found._repr_html_()}</body>")
    seen: set[str] = set()
    for code in page.query_selector_all(".share svg"):
        size, pixels = pixels_of(page, code.screenshot())
        image = np.frombuffer(bytes(pixels), np.uint8).reshape(size)
        seen |= {each.text for each in zxingcpp.read_barcodes(image)}
    assert seen == {link.url for link in found.links}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off on a phone"
    assert page.screenshot(full_page=True, path=str(tmp_path / "share.png"))
    context.close()


def pixels_of(page: Any, png: bytes) -> tuple[tuple[int, int], list[int]]:
    """The brightness of each pixel of a picture, decoded by the browser."""
    import base64

    width, height, values = page.evaluate(
        """async url => {
            const image = new Image(); image.src = url; await image.decode();
            const canvas = Object.assign(document.createElement('canvas'), {width: image.width, height: image.height});
            const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
            const data = context.getImageData(0, 0, image.width, image.height).data, grey = [];
            for (let at = 0; at < data.length; at += 4) grey.push(data[at + 1]);
            return [image.width, image.height, grey];
        }""",
        "data:image/png;base64," + base64.b64encode(png).decode(),
    )
    return (height, width), values


@pytest.mark.parametrize("is_dark", [True, False])
def test_a_decoder_reads_the_code_of_a_terminal(share: Any, is_dark: bool):
    import numpy as np
    import zxingcpp

    found, _ = share()
    lines = sharing.qr_text(found.links[0].url).splitlines()
    # Each character is two modules, one above the other, drawn in the colour of the text.
    drawn = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    rows = [[drawn[character][half] for character in line] for line in lines for half in (0, 1)]
    modules = np.array(rows, np.uint8) * 255
    image = np.kron(modules if is_dark else 255 - modules, np.ones((6, 6), np.uint8))
    [code] = zxingcpp.read_barcodes(np.pad(image, 40, constant_values=0 if is_dark else 255))
    assert code.text == found.links[0].url


def test_in_a_kernel_the_subcommand_shows_pictures_and_in_text_the_code(tmp_path: Path):
    with a_kernel() as kernel:
        kernel.run("%load_ext zefnb\nfrom zefnb import *")
        kernel.run("server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run")
        done = kernel.run("%zef share server")
        assert done.error is None
        assert "<svg" in done.result["text/html"]
        assert "To change this: FX.StartHTTPServer(..., allow_external_requests=True" in done.result["text/plain"]
        assert "no server is running" in kernel.run("%zef stop --all\n%zef share").text


def test_the_real_interfaces_of_this_machine_have_no_loopback_address():
    from zefnb.net.interfaces import interfaces

    addresses = [address for interface in interfaces() for address in interface.addresses]
    assert not [address for address in addresses if address.startswith("127.") or address == "::1"]


def test_without_the_extra_the_error_names_the_command_that_installs_it(share: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(NotInstalled, match=r"pip install 'zefnb\[https\]'"):
        share()
