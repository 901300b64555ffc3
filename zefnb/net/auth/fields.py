"""The fields of `auth=`: its forms, and every mistake in them. No error text contains a password."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import ET, Entity
from zefnb.core.function import ZefFunction, as_handler, name_of, positional_arity
from zefnb.core.record import fields_of
from zefnb.core.shapes import SHAPES
from zefnb.errors import FieldError, InvalidValue, shown
from zefnb.net.auth import passwords
from zefnb.net.auth.providers.provider import PROVIDER_TYPES, provider_faults

TOKEN = "token"
FORMS = (
    "'token', a dict of names and passwords, a function of a name and a password, "
    + ", ".join(f"ET.{name}(...)" for name in PROVIDER_TYPES)
    + ", or ET.Auth(providers=[...])"
)
_EMAIL = re.compile(r"(?:\*|[^@\s*]+)@[^@\s*]+")
_PATH = re.compile(r"/[^?#*\s]*\*?")
_URL = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*/?"
)
DAY = 86_400.0


@dataclass(frozen=True, repr=False)
class AuthConfig:
    """An `auth=` that has been checked."""

    has_token: bool = False
    passwords: Mapping[str, str] | None = None
    check: ZefFunction | None = None
    # Each becomes a provider when the server starts.
    providers: tuple[Entity, ...] = ()
    allowed_emails: tuple[str, ...] | None = None
    public: tuple[str, ...] = ()
    login_page: str | None = None
    after_login: str = "/"
    session_duration: float = DAY
    sliding: bool = False
    session_db: MutableMapping[Any, Any] | None = None
    on_login: ZefFunction | None = None
    # Without a slash at its end.
    public_url: str | None = None


@dataclass(repr=False)
class _Reading:
    """The forms that have been read, and the mistakes in them."""

    faults: list[FieldError] = field(default_factory=list)
    has_token: bool = False
    passwords: dict[str, str] | None = None
    check: ZefFunction | None = None
    providers: list[Entity] = field(default_factory=list)

    def fault(self, where: str, problem: str, allowed: str = "") -> None:
        self.faults.append(FieldError(where, problem, allowed))

    def form(self, where: str, given: Any) -> None:
        """Read one way to log in."""
        if isinstance(given, Entity):
            self._provider(where, given)
        elif isinstance(given, Mapping):
            self._passwords(where, given)
        elif given == TOKEN and isinstance(given, str):
            self.has_token = True
        elif callable(given) and not isinstance(given, Effect | type):
            self._check(where, given)
        else:
            # The value is not shown, since it may be a password.
            self.fault(where, f"got a value of type {type(given).__name__}", FORMS)

    def _provider(self, where: str, given: Entity) -> None:
        name = type(given).__name__
        if name not in PROVIDER_TYPES:
            return self.fault(where, f"got an entity of type ET.{name}", FORMS)
        shape, fields = SHAPES[name], fields_of(given)
        wrong = [*shape.unknown(where, fields), *shape.missing(where, fields)]
        wrong = wrong or _text_faults(where, fields, shape.required)
        self.faults += wrong or provider_faults(where, given)
        self.providers.append(given)
        return None

    def _passwords(self, where: str, given: Mapping[Any, Any]) -> None:
        if not given:
            self.fault(where, "the dict is empty, so no user could log in", "names and passwords")
        for name, password in given.items():
            if not isinstance(name, str) or not name.strip():
                self.fault(where, f"got the name {shown(name)}", "a text that is not empty")
            elif not isinstance(password, str) or not password:
                got = "an empty one" if password == "" else f"a value of type {type(password).__name__}"
                self.fault(f"{where}[{name!r}]", f"the password is {got}", "a text that is not empty")
            elif len(password) > passwords.LONGEST_PASSWORD:
                self.fault(
                    f"{where}[{name!r}]",
                    "the password is too long",
                    f"{passwords.LONGEST_PASSWORD:,} characters at most",
                )
        if self.passwords is not None:
            self.fault(where, "a second dict of passwords", "one dict with all names")
        self.passwords = dict(given)

    def _check(self, where: str, given: Any) -> None:
        if positional_arity(given.function if isinstance(given, ZefFunction) else given) != 2:
            return self.fault(where, f"{name_of(given)} does not take two arguments", "a function of name and password")
        if self.check is not None:
            return self.fault(where, "a second function", "one function")
        self.check = as_handler(given, "FX.StartHTTPServer", where)
        return None

    def function(self, where: str, given: Any) -> ZefFunction | None:
        """A function of one argument, such as `on_login`."""
        try:
            if not isinstance(given, Entity | Effect):
                return as_handler(given, "FX.StartHTTPServer", where)
        except InvalidValue:
            pass
        self.fault(where, f"got {shown(given)}", "a function of the user")
        return None


def read_auth(where: str, given: Any) -> tuple[AuthConfig, list[FieldError]]:
    """The configuration, and the mistakes; with any of these, the configuration cannot be used."""
    reading = _Reading()
    if not isinstance(given, Entity) or type(given) is not ET.Auth:
        reading.form(where, given)
        return _config(reading), reading.faults
    fields, shape = fields_of(given), SHAPES["Auth"]
    reading.faults += [*shape.unknown(where, fields), *shape.missing(where, fields)]
    forms = fields.get("providers", [TOKEN])
    if not isinstance(forms, list | tuple):
        reading.form(f"{where}.providers", forms)
    elif not forms:
        reading.fault(f"{where}.providers", "the list is empty, so no user could log in", FORMS)
    else:
        for number, form in enumerate(forms):
            reading.form(f"{where}.providers[{number}]", form)
    options = {
        name: _OPTIONS[name](reading, f"{where}.{name}", value)
        for name, value in fields.items()
        if name in _OPTIONS and value is not None
    }
    return _config(reading, **options), reading.faults


def _text_faults(where: str, fields: Mapping[str, Any], required: Collection[str]) -> list[FieldError]:
    """The fields of a provider without a text, such as an unset environment variable. No value is shown."""
    faults = []
    for name, value in fields.items():
        if value in (None, "") and name not in required:
            continue
        if not isinstance(value, str) or not value:
            got = "an empty text" if value == "" else f"a value of type {type(value).__name__}"
            faults.append(FieldError(f"{where}.{name}", f"got {got}", "a text that is not empty"))
    return faults


def _config(reading: _Reading, **options: Any) -> AuthConfig:
    return AuthConfig(reading.has_token, reading.passwords, reading.check, tuple(reading.providers), **options)


def _texts(pattern: re.Pattern[str], allowed: str) -> Any:
    def read(reading: _Reading, where: str, given: Any) -> tuple[str, ...]:
        if not isinstance(given, list | tuple | set | frozenset):
            reading.fault(where, f"got {shown(given)}", f"a list of {allowed}")
            return ()
        for each in given:
            if not isinstance(each, str) or not pattern.fullmatch(each):
                reading.fault(where, f"got {shown(each)}", allowed)
        return tuple(each for each in given if isinstance(each, str))

    return read


def _path(reading: _Reading, where: str, given: Any) -> str:
    if not isinstance(given, str) or not given.startswith("/") or given.startswith(("//", "/\\")):
        reading.fault(where, f"got {shown(given)}", "a path of this server, such as '/rooms'")
    return str(given)


def _url(reading: _Reading, where: str, given: Any) -> str:
    if not isinstance(given, str) or not _URL.fullmatch(given):
        allowed = "an address such as 'https://demo.example.com', without user, query and fragment"
        reading.fault(where, f"got {shown(given)}", allowed)
    return str(given).rstrip("/")


def _seconds(reading: _Reading, where: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < float("inf"):
        reading.fault(where, f"got {shown(given)}", "a number of seconds above 0")
        return DAY
    return float(given)


def _flag(reading: _Reading, where: str, given: Any) -> bool:
    if not isinstance(given, bool):
        reading.fault(where, f"got {shown(given)}", "True or False")
    return given is True


def _database(reading: _Reading, where: str, given: Any) -> MutableMapping[Any, Any] | None:
    if not isinstance(given, MutableMapping):
        reading.fault(where, f"got {shown(given)}", "a database, as FX.CreateDB returns it")
        return None
    return given


_OPTIONS: dict[str, Any] = {
    "allowed_emails": _texts(_EMAIL, "addresses, such as 'ada@example.com' or '*@example.org'"),
    "public": _texts(_PATH, "paths, such as '/about' or '/static/*'"),
    "login_page": _path,
    "after_login": _path,
    "session_duration": _seconds,
    "sliding": _flag,
    "session_db": _database,
    "on_login": _Reading.function,
    "public_url": _url,
}
