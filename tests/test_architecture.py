"""The architecture: each layer imports only lower layers, siblings do not import each other, and files stay short."""

from __future__ import annotations

import ast
import functools
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "zefnb"
PAGE = PACKAGE.parent / "docs" / "design.md"
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = {
    "text": -2,
    "errors": -1,
    "core": 0,
    "engine": 1,
    "topics": 2,
    "net": 2,
    "store": 2,
    "recording": 3,
    "cluster": 3,
    "rehearsal": 4,
    "replay": 4,
    "effects": 5,
    "ops": 5,
    "notebook": 6,
    "cli": 7,
}
# The subpackages that each may import. All may import the files beside them. These import no subpackage, except
# the files that connect them. `docs/design.md` has the same table.
SUBPACKAGES = {
    "net": {
        "websocket": set(),
        "https": set(),
        "page": {"websocket"},
        "http": {"websocket", "https", "page"},
        "client": {"websocket"},
        "auth": {"http", "websocket"},
    },
    "notebook": {
        # `watch/tables` has the columns of each table.
        "display": {"links", "watch"},
        "links": {"display", "widgets"},
        "widgets": {"display", "links"},
        "output": {"display", "widgets"},
        "marimo": {"display", "links", "output", "widgets"},
        "watch": {"display", "widgets"},
        "picture": {"display", "watch", "widgets"},
        "plot": {"display", "watch", "widgets"},
        "command_line": set(),
        "magics": {"command_line", "display", "links", "picture", "plot", "watch", "widgets"},
    },
}
CONNECTING = {"notebook.extension", "notebook.completion"}
# Files for the whole package: the public names, and `python -m zefnb`.
WHOLE = {"__init__", "__main__"}
LONGEST_FILE = 400


def part_of(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path):
    """Return every module that a file imports, also inside functions and for type checkers."""
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
    """Return its dotted name within zefnb; for an `__init__.py`, that of its package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_of(path): path for path in FILES}


@functools.cache
def graph():
    """Return for each module the modules of zefnb that it imports."""
    return {
        name: {module.removeprefix("zefnb.") for module in imports_of(path)} & MODULES.keys() - {name, ""}
        for name, path in MODULES.items()
    }


def subpackage_of(module):
    """Return the layer and the subpackage of a module; no subpackage for files beside them."""
    package, _, rest = module.partition(".")
    subpackage = rest.partition(".")[0]
    return package, subpackage if subpackage in SUBPACKAGES.get(package, {}) else ""


def in_circles(imported):
    """Return the modules that import each other, and those that import some of them."""
    while leaves := {name for name, others in imported.items() if not others & imported.keys()}:
        imported = {name: others for name, others in imported.items() if name not in leaves}
    return imported.keys()


def test_imports_make_no_circle():
    assert not in_circles(graph())


def test_a_circle_is_found():
    assert in_circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}


@pytest.mark.parametrize("module", [name for name in MODULES if subpackage_of(name)[0] in SUBPACKAGES])
def test_a_subpackage_imports_only_allowed_subpackages(module):
    package, subpackage = subpackage_of(module)
    for other in graph()[module]:
        other_package, other_subpackage = subpackage_of(other)
        if other_package != package or other_subpackage in ("", subpackage) or module in CONNECTING:
            continue
        assert subpackage, f"{module} is beside the subpackages and imports {other}"
        assert other_subpackage in SUBPACKAGES[package][subpackage], f"{module} imports {other}"


def test_the_page_about_the_design_has_the_same_table():
    rows = re.findall(r"^\|(?: `(\w+)/`)? \| `(\w+)/` \|.*\| ([^|]*) \|$", PAGE.read_text(), re.M)
    table, package = {}, ""
    for named_package, subpackage, allowed in rows:
        package = named_package or package
        table.setdefault(package, {})[subpackage] = set(re.findall(r"`(\w+)/", allowed))
    assert table == SUBPACKAGES


@pytest.mark.parametrize("package", [path for path in FILES if path.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_a_package_has_a_docstring_about_its_contents(package):
    assert ast.get_docstring(ast.parse(package.read_text()))


def test_every_part_of_the_package_has_a_layer():
    assert {part_of(path) for path in FILES} - WHOLE <= LAYERS.keys()


def named(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_imports_only_lower_layers_and_no_siblings(path):
    part = part_of(path)
    if part in WHOLE:
        return
    for module in imports_of(path):
        if module == "zefnb":
            assert LAYERS[part] >= 6, f"{path} imports the whole of zefnb; only the top layers may"
        if not module.startswith("zefnb."):
            continue
        other = module.split(".")[1]
        if other in WHOLE or other == "__version__":
            continue
        assert other == part or LAYERS[other] < LAYERS[part], f"{path} (layer {LAYERS[part]}) imports {module}"


@pytest.mark.parametrize("path", [p for p in FILES if part_of(p) in ("text", "core", "errors")], ids=named)
def test_the_lowest_layer_imports_only_the_standard_library(path):
    for module in imports_of(path):
        top = module.split(".")[0]
        assert top == "zefnb" or top in sys.stdlib_module_names, f"{path} imports {module}"


@pytest.mark.parametrize("path", [p for p in FILES if part_of(p) in ("text", "core", "errors")], ids=named)
def test_the_lowest_layer_uses_no_thread_no_network_and_no_loop(path):
    # Two files use `threading`, to check for the main thread, which runs cells and receives Ctrl-C.
    forbidden = {"asyncio", "socket", "ssl", "selectors", "subprocess", "concurrent", "multiprocessing", "queue"}
    assert not {module.split(".")[0] for module in imports_of(path)} & forbidden
    if path.name not in ("execution.py", "short_repr.py"):
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
