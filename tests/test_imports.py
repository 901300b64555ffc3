"""Importing: fast, without large modules, and without shadowing names."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys

import pytest

import zefnb
from tests.spec.sessions import environment

HEAVY = set(
    """asyncio ssl uvicorn starlette websockets h11 anyio IPython ipywidgets anywidget rich numpy pandas sqlite3
    multiprocessing http.client email zefnb.net.http.server zefnb.net.client.client zefnb.store.sqlite
    zefnb.core.values zefnb.notebook.overview zefnb.notebook.watch.widget""".split()  # noqa: SIM905
)


def loaded_after(code):
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=30, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_only_the_package():
    assert {name for name in loaded_after("import zefnb") if name.startswith("zefnb")} == {"zefnb"}


def test_the_star_import_loads_no_large_module():
    assert sorted(loaded_after("from zefnb import *") & HEAVY) == []


def test_names_are_loaded_without_the_modules_that_read_signatures():
    loaded = loaded_after("from zefnb import *\nFX.Publish(target=ET.Topic('t'), content=1)\nF.name, String | Int")
    # `inspect` and `dataclasses`, which imports it, take as long as all modules of zefnb.
    assert sorted(loaded & {"inspect", "dataclasses", "difflib"}) == []


def test_building_effects_loads_no_large_module():
    loaded = loaded_after(
        "from zefnb import *\n"
        "FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[ET.Topic('t')])}, port=0)\n"
        "dir(FX), FX.StartWebSocketClient.__doc__\n"
        "FX.Publish(target=ET.Topic('t'), content=1)\n"
    )
    assert sorted(loaded & HEAVY) == []


def test_a_server_loads_nothing_that_only_other_servers_need():
    loaded = loaded_after(
        "from zefnb import *\n"
        "socket = ET.WebSocket(clients_push_into_=[ET.Topic('t')])\n"
        "routes = {'/': 'hello', '/x/{n:int}': lambda request: 'x', '/ws': socket}\n"
        "FX.StartHTTPServer(routes=routes, port=0) | run"
    )
    # For files, TLS, logins, presence, event streams, pushes and directories.
    needless = {
        "starlette",
        "anyio",
        "python_multipart",
        "http.client",
        "email.parser",
        "zefnb.net.auth",
        "cryptography",
        "zefnb.net.websocket.presence",
        *(f"zefnb.net.http.{name}" for name in ("event_stream", "event_connection", "event_feed", "event_history")),
        *(f"zefnb.net.http.{name}" for name in ("event_format", "push_into", "directory", "access_log", "client_row")),
    }
    assert sorted(loaded & needless) == []
    assert {name for name in loaded if name.startswith("zefnb.net.https")} <= {
        "zefnb.net.https",
        "zefnb.net.https.challenges",
        "zefnb.net.https.key_files",
        "zefnb.net.https.server_certificates",
    }


def test_a_server_makes_no_dataclass_of_its_own():
    # Each takes as long as three modules: `dataclass` writes and compiles its methods. See `core/frozen.py`.
    code = (
        "from zefnb import *\n"
        "FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[ET.Topic('t')])}, port=0) | run\n"
        "modules = [module for name, module in list(sys.modules.items()) if name.startswith('zefnb')]\n"
        "made = [each for module in modules for each in vars(module).values() if isinstance(each, type)]\n"
        "made = [each for each in made if '__dataclass_fields__' in vars(each)]\n"
        "made = [each for each in made if each.__module__.startswith('zefnb')]\n"
        "assert not made, made"
    )
    assert "zefnb.net.http.routes" in loaded_after(code)


def test_the_star_import_starts_no_thread():
    code = "from zefnb import *\nimport threading\nassert threading.active_count() == 1"
    assert loaded_after(code)


def test_every_public_name_exists_and_has_a_module():
    for name in zefnb.__all__:
        assert getattr(zefnb, name) is not None
    assert set(zefnb.__all__) <= set(dir(zefnb))


def test_the_star_import_shadows_no_builtin():
    names = {}
    exec("from zefnb import *", names)
    taken = {name for name in names if not name.startswith("__")}
    assert taken == set(zefnb.__all__)
    assert not taken & set(dir(builtins))
    assert not taken & {"Set", "Dict", "List"}


def test_map_and_filter_are_among_the_ops():
    from zefnb import ops

    assert ops.map is not builtins.map
    assert ops.filter is not builtins.filter


def test_the_names_of_the_specification_are_there():
    from zefnb import (
        ET,
        FX,
        Any,
        Bytes,
        DictDatabase,
        EntityUid,
        String,
        Time,
        array_to_bytes,
        generate_uid,
        insert_into,
        log,
        run,
        zef_function,
    )

    names = (ET, FX, Any, Bytes, DictDatabase, EntityUid, String, Time, array_to_bytes)
    assert None not in (*names, generate_uid, insert_into, log, run, zef_function)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = zefnb.nonsense
    with pytest.raises(ImportError):
        exec("from zefnb import nonsense")
