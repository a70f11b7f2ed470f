from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ternary_engine.files import atomic_write


def test_replaces_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "a.tern"
    target.write_text("old")
    with atomic_write(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".tern"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.tern"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_failure_keeps_the_old_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.tern"
    target.write_text("old")

    def write_half() -> None:
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.tern"]


def test_new_file_has_the_usual_mode_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    target = tmp_path / "a"
    for mode in (plain.stat().st_mode & 0o777, 0o640):
        with atomic_write(target) as temporary:
            temporary.write_text("x")
        assert target.stat().st_mode & 0o777 == mode
        target.chmod(0o640)


def test_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    with atomic_write(tmp_path / "link") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "x"


def test_writes_a_device_straight() -> None:
    with atomic_write("/dev/null") as target:
        assert target == Path("/dev/null")


def test_errors_name_the_target_not_the_temporary(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "a.tern"
    with pytest.raises(FileNotFoundError) as caught, atomic_write(missing):
        pass
    assert caught.value.filename == os.fspath(missing)
    with pytest.raises(IsADirectoryError), atomic_write(tmp_path):
        pass
    with pytest.raises(OSError, match="space") as full, atomic_write(tmp_path / "b"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == os.fspath(tmp_path / "b")


def test_an_error_about_another_file_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "a"):
        (tmp_path / "other").read_text()
    assert caught.value.filename == os.fspath(tmp_path / "other")
