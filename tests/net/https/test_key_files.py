"""Key files: private under any umask and at any moment, and refused when they are not."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.net.https.conftest import credentials
from zefnb.errors import InvalidEffect
from zefnb.net.https.key_files import UnsafeFile, passing_file, private_directory, read_private, write_private

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and owners are those of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_a_key_file_has_mode_0600_in_a_directory_of_mode_0700_under_any_umask(tmp_path: Path, umask: int):
    before = os.umask(umask)
    try:
        folder = private_directory(tmp_path / "keys")
        write_private(folder / "key.pem", b"secret")
        write_private(folder / "key.pem", b"other secret")
    finally:
        os.umask(before)
    assert (mode(folder), mode(folder / "key.pem")) == (0o700, 0o600)
    assert read_private(folder / "key.pem") == b"other secret"
    assert os.listdir(folder) == ["key.pem"]


def test_others_can_read_a_key_at_no_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[tuple[bool, int]] = []
    real = os.open

    def opened(path: Any, flags: int, permissions: int = 0o777, **options: Any) -> int:
        descriptor = real(path, flags, permissions, **options)
        if flags & os.O_CREAT:
            made.append((bool(flags & os.O_EXCL), stat.S_IMODE(os.fstat(descriptor).st_mode)))
        return descriptor

    before = os.umask(0)
    monkeypatch.setattr(os, "open", opened)
    write_private(tmp_path / "key.pem", b"secret")
    os.umask(before)
    assert made == [(True, 0o600)]


def test_a_reader_sees_the_old_or_the_new_content_and_nothing_else(tmp_path: Path):
    path, contents = tmp_path / "key.pem", [bytes([letter]) * 100_000 for letter in b"ab"]
    write_private(path, contents[0])
    seen, done = set(), threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(read_private(path))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        write_private(path, contents[number % 2])
    done.set()
    reader.join(20)
    assert seen <= set(contents)


def test_a_link_in_the_place_of_a_key_file_is_replaced_and_never_read_or_written_through(tmp_path: Path):
    target, link = tmp_path / "target", tmp_path / "key.pem"
    target.write_bytes(b"of another")
    link.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        read_private(link)
    write_private(link, b"secret")
    assert (target.read_bytes(), read_private(link)) == (b"of another", b"secret")


@pytest.mark.parametrize("found", [0o640, 0o604, 0o620, 0o602, 0o601, 0o777])
def test_a_key_that_others_can_read_or_change_is_refused_and_the_error_names_the_command(tmp_path: Path, found: int):
    write_private(tmp_path / "key.pem", b"secret")
    (tmp_path / "key.pem").chmod(found)
    with pytest.raises(UnsafeFile, match=f"chmod 600 {tmp_path}/key.pem"):
        read_private(tmp_path / "key.pem")


def test_a_directory_that_others_can_enter_is_refused_and_the_error_names_the_command(tmp_path: Path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(UnsafeFile, match=f"chmod 700 {tmp_path}/keys"):
        private_directory(tmp_path / "keys")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_another_user_is_refused(tmp_path: Path):
    write_private(tmp_path / "key.pem", b"secret")
    os.chown(tmp_path / "key.pem", 1234, -1)
    with pytest.raises(UnsafeFile, match=r"belongs to another user \(1234\)"):
        read_private(tmp_path / "key.pem")


def test_a_server_refuses_a_key_file_that_others_can_read(serve: Any, authority: trustme.CA, tmp_path: Path):
    given = credentials(authority.issue_cert("localhost"))
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text(given.certificates)
    key.write_text(given.private_key)
    key.chmod(0o644)
    with pytest.raises(InvalidEffect, match=f"chmod 600 {key}"):
        serve({"/": "x"}, certificates=(chain, key))
    key.chmod(0o600)
    serve({"/": "x"}, certificates=(chain, key))


@pytest.mark.parametrize("has_memory", [True, False])
def test_a_key_file_for_a_library_is_deleted_afterwards(
    tmp_path: Path, data_directory: Path, has_memory: bool, monkeypatch: pytest.MonkeyPatch
):
    if not has_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif not hasattr(os, "memfd_create"):
        pytest.skip("this system has no files in memory")
    with passing_file(b"secret") as path:
        assert Path(path).read_bytes() == b"secret"
        assert has_memory or mode(Path(path)) == 0o600
    assert not Path(path).exists()
    assert not data_directory.exists() or list(data_directory.iterdir()) == []
