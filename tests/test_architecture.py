"""The architecture: each layer imports only lower layers, siblings do not import each other, and files stay short."""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "zefnb"
FILES = sorted(PACKAGE.rglob("*.py"))
FLOORS = {
    "text": -2,
    "errors": -1,
    "core": 0,
    "engine": 1,
    "topics": 2,
    "net": 2,
    "store": 2,
    "effects": 3,
    "ops": 3,
    "notebook": 4,
    "cli": 5,
}
# Who may import whom on a floor with wings. Every wing may import the files beside the wings; these import no wing,
# but for those that put the wings together.
WINGS = {
    "net": {"websocket": set(), "http": {"websocket"}, "client": {"websocket"}},
    "notebook": {
        # The columns of a table are told by the file of that table, in `watch/tables`.
        "display": {"links", "watch"},
        "links": {"display", "widgets"},
        "widgets": {"display", "links"},
        "output": {"display", "widgets"},
        "watch": {"display", "widgets"},
        "command_line": set(),
        "magics": {"command_line", "display", "links", "watch", "widgets"},
    },
}
JOINTS = {"notebook.extension", "notebook.completion"}
# Files that stand for the whole: the public names, and `python -m zefnb`.
ROOF = {"__init__", "__main__"}
LONGEST_FILE = 400


def room_of(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path):
    """Every module that a file imports, inside functions and for type checkers too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            assert node.module
            submodules = [PACKAGE.parent.joinpath(*f"{node.module}.{alias.name}".split(".")) for alias in node.names]
            are_modules = [path.is_dir() or path.with_suffix(".py").exists() for path in submodules]
            found += [
                f"{node.module}.{alias.name}" if is_module else node.module
                for alias, is_module in zip(node.names, are_modules, strict=True)
            ]
    return found


def module_of(path):
    """Its dotted name within the package; a package's own for its `__init__.py`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_of(path): path for path in FILES}


@functools.cache
def graph():
    """Each module, and the modules of the package that it imports, for type checkers and inside functions, too."""
    return {
        name: {module.removeprefix("zefnb.") for module in imports_of(path)} & MODULES.keys() - {name, ""}
        for name, path in MODULES.items()
    }


def wing_of(module):
    """Return the layer and the subpackage of a module; no subpackage for files beside them."""
    floor, _, rest = module.partition(".")
    wing = rest.partition(".")[0]
    return floor, wing if wing in WINGS.get(floor, {}) else ""


def in_circles(imported):
    """Return the modules that import each other, and those that import some of them."""
    while leaves := {name for name, others in imported.items() if not others & imported.keys()}:
        imported = {name: others for name, others in imported.items() if name not in leaves}
    return imported.keys()


def test_imports_make_no_circle():
    assert not in_circles(graph())


def test_a_circle_is_found():
    assert in_circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}


@pytest.mark.parametrize("module", [name for name in MODULES if wing_of(name)[0] in WINGS])
def test_a_subpackage_imports_only_allowed_subpackages(module):
    floor, wing = wing_of(module)
    for other in graph()[module]:
        to_floor, to_wing = wing_of(other)
        if to_floor != floor or to_wing in ("", wing) or module in JOINTS:
            continue
        assert wing, f"{module} stands beside the wings and imports {other}"
        assert to_wing in WINGS[floor][wing], f"{module} imports {other}"


@pytest.mark.parametrize("package", [path for path in FILES if path.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_a_package_has_a_docstring_about_its_contents(package):
    assert ast.get_docstring(ast.parse(package.read_text()))


def test_every_part_of_the_house_has_its_floor():
    assert {room_of(path) for path in FILES} - ROOF <= FLOORS.keys()


def named(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_imports_only_lower_layers_and_no_siblings(path):
    room = room_of(path)
    if room in ROOF:
        return
    for module in imports_of(path):
        if module == "zefnb":
            assert FLOORS[room] >= 4, f"{path} imports the whole of zefnb; only the top floors may"
        if not module.startswith("zefnb."):
            continue
        other = module.split(".")[1]
        if other in ROOF or other == "__version__":
            continue
        assert other == room or FLOORS[other] < FLOORS[room], f"{path} (floor {FLOORS[room]}) imports {module}"


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) in ("text", "core", "errors")], ids=named)
def test_the_lowest_layer_imports_only_the_standard_library(path):
    for module in imports_of(path):
        top = module.split(".")[0]
        assert top == "zefnb" or top in sys.stdlib_module_names, f"{path} imports {module}"


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) in ("text", "core", "errors")], ids=named)
def test_the_lowest_layer_uses_no_thread_no_network_and_no_loop(path):
    # `threading` is asked for one thing: whether this is the main thread, which is the one that runs cells.
    forbidden = {"asyncio", "socket", "ssl", "selectors", "subprocess", "concurrent", "multiprocessing", "queue"}
    assert not {module.split(".")[0] for module in imports_of(path)} & forbidden
    if path.name != "execution.py":
        assert "threading" not in imports_of(path)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_has_at_most_400_lines(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", [p for p in FILES if p.read_text().strip()], ids=named)
def test_a_module_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text())), path


@pytest.mark.parametrize("service", ["topics", "net", "store"])
def test_services_use_no_effect_by_name(service):
    """Except the one that a route contains as the description of an actor, which they recognize and never perform."""
    for path in (PACKAGE / service).rglob("*.py"):
        named = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if _is_effect(node)}
        assert named <= {"FX.StartActor"}, path


def _is_effect(node):
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "FX"
