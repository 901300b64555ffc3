"""Each tutorial with actors of connections: what its clients send is recorded, and its own rules have no difference."""

from __future__ import annotations

import ast

import nbformat
import pytest

from tests.notebooks.tutorial import PATHS, Tutorial, _kernel

# Records each server from the end of its cell on, with the actors that its routes describe.
_BEFORE = """
def __record():
    from zefnb import FX, run
    from zefnb.engine.runtime import default_runtime
    tapes, actors = {}, []

    def versions(actor):
        return [getattr(handler, 'version', 0) for handler in actor.rules.values()]

    def monitor(effect, result):
        if type(effect).__name__ == 'StartHTTPServer':
            for path, route in effect.routes.items():
                if type(route).__name__ == 'WebSocket' and 'actor' in route.__dict__:
                    actors.append((result, path, route.actor, versions(route.actor)))

    def record(*_):
        for server, *_ in list(actors):
            if server not in tapes:
                tapes[server] = FX.StartRecording(server=server) | run

    def rehearse():
        for server, path, actor, before in actors:
            if versions(actor) == before:  # the tutorial has not changed these rules meanwhile
                tape = tapes[server]
                FX.StopRecording(recording=tape) | run
                found = FX.Rehearse(recording=tape, actor=actor, path=path) | run
                yield len(found), found.messages, found.notes, [repr(row)[:500] for row in found[:3]]

    default_runtime().monitors = (monitor,)
    get_ipython().events.register('post_run_cell', record)
    return rehearse
__rehearse = __record()
"""
_AFTER = "print(repr(list(__rehearse())))"


def with_actor(path):
    return any("ET.WebSocket(" in cell.source and "actor" in cell.source for cell in Tutorial(path).code)


WITH_ACTOR = [path for path in PATHS if with_actor(path)]


@pytest.mark.parametrize("path", WITH_ACTOR, ids=lambda path: path.stem)
def test_the_recorded_clients_of_a_tutorial_get_the_same_from_its_own_rules(path, tmp_path):
    tutorial = Tutorial(path)
    before, after = nbformat.v4.new_code_cell(_BEFORE), nbformat.v4.new_code_cell(_AFTER)
    copied = nbformat.from_dict({**tutorial.notebook, "cells": [before, *tutorial.cells, after]})
    with _kernel(copied, tmp_path) as client:
        for number, cell in enumerate(copied.cells):
            client.execute_cell(cell, number)
    text = "".join(output["text"] for output in copied.cells[-1].outputs if output.output_type == "stream")
    found = ast.literal_eval(text.splitlines()[-1])
    assert found
    for differences, messages, notes, rows in found:
        assert differences == 0, rows
        assert messages >= 2  # each client connects and disconnects
        assert all("uses time" in note for note in notes), notes
