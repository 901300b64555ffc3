"""Tracebacks with the variables of each frame, as IPython's `%xmode Verbose` shows them: none has a password."""

from __future__ import annotations

import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.ultratb import VerboseTB

from tests.ports import free_port
from zefnb import ET, FX, DictDatabase, run
from zefnb.errors import InvalidValue, ZefError

# Assembled, so that the source lines in a traceback do not have them.
PASSWORD, SECRET = "hush" + "5f3a", "hush" + "9c1d"
USERS = {"ada": PASSWORD}
OAUTH = {"client_id": "a", "client_secret": SECRET}


def start(**fields: Any) -> Any:
    return FX.StartHTTPServer(**{"routes": {"/": "x"}, "port": 0, "auth": USERS, **fields})


def start_on_a_used_port() -> Any:
    port = free_port()
    assert start(port=port) | run
    return start(port=port) | run


def start_with_a_closed_database() -> Any:
    db = FX.CreateDB(type=DictDatabase) | run
    FX.CloseDB(db=db) | run
    return start(auth=ET.Auth(providers=[USERS], session_db=db)) | run


FAILURES: dict[str, Callable[[], Any]] = {
    "a wrong password": lambda: start(auth={**USERS, "bob": 3}),
    "a password alone": lambda: start(auth=PASSWORD),
    "a list": lambda: start(auth=[PASSWORD]),
    "an unknown field": lambda: start(bogus=1),
    "a mistyped field": lambda: start(atuh=USERS),
    "fields by position": lambda: FX.StartHTTPServer({"/": "x"}, 0, USERS),
    "a wrong port": lambda: start(port=99_999) | run,
    "a used port": start_on_a_used_port,
    "a closed database": start_with_a_closed_database,
    "the fields of ET.Auth": lambda: start(auth=ET.Auth(providers=[USERS, ET.GitHubOAuth(**OAUTH)], sliding="x")),
    "a dict in the place of the fields": lambda: ET.Auth([USERS]),
    "a name of no text": lambda: ET.Auth("", providers=[USERS]),
    "a client secret by position": lambda: ET.GoogleOAuth("a", SECRET),
    "a key by position": lambda: ET.TLSCredentials("a", SECRET),
    "a private field": lambda: ET.GoogleOAuth(**OAUTH, _uid=3),
    "a client secret of another type": lambda: start(auth=ET.GoogleOAuth(client_id=3, client_secret=SECRET)),
    "a token of a hub": lambda: start(auth=ET.JupyterHub(api_token=[SECRET])),
    "a pickle of a token": lambda: pickle.dumps(ET.JupyterHub(api_token=SECRET)),
    "a pickle of passwords": lambda: pickle.dumps(start()),
    "a pickle of a client secret": lambda: pickle.dumps(ET.GitHubOAuth(**OAUTH)),
}


def verbose(error: BaseException) -> str:
    """The verbose traceback without the frames of this file: they belong to the program, which has the password."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return str(VerboseTB(color_scheme="NoColor").text(type(error), error, trace))


@pytest.mark.parametrize("name", FAILURES)
def test_no_verbose_traceback_has_a_password(clean: None, name: str):
    with pytest.raises((ZefError, TypeError, pickle.PicklingError)) as caught:
        FAILURES[name]()
    error = caught.value
    plain = "".join(traceback.format_exception(error))
    shown = f"{error} {error!r} {vars(error)} {verbose(error)} {plain}"
    assert type(error).__name__ in verbose(error)
    assert PASSWORD not in shown
    assert SECRET not in shown


def test_verbose_tracebacks_show_the_variables_of_other_entities():
    # Else the test above would prove nothing.
    with pytest.raises(InvalidValue) as caught:
        ET.Guest(_private=PASSWORD)
    assert PASSWORD in verbose(caught.value)
