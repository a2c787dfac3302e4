"""What must not stay behind goes away, and what is in use never does."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from riskmodel.core import private_folders
from riskmodel.core.private_folders import PrivateFolder, remove_abandoned

HOLD = """
import sys
from pathlib import Path
from riskmodel.core.private_folders import PrivateFolder
folder = PrivateFolder(Path(sys.argv[1]))
(folder.path / "persons.parquet").write_text("identities")
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process with a folder of its own, which is killed at the end at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.path = Path(process.stdout.readline().strip())
    yield process
    process.kill()
    process.communicate()


def test_a_killed_process_is_cleaned_up_after_and_a_living_one_is_not(tmp_path, holder):
    assert remove_abandoned(tmp_path) == 0
    with PrivateFolder(tmp_path) as own:
        assert {folder.name for folder in tmp_path.iterdir()} == {own.path.name, holder.path.name}
        holder.kill()
        holder.wait()
        assert (holder.path / "persons.parquet").exists()
        with PrivateFolder(tmp_path) as second:
            left = {folder.name for folder in tmp_path.iterdir()}
            assert left == {own.path.name, second.path.name}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_this_programs_or_machines_stays(tmp_path):
    (tmp_path / "riskmodel-notes").mkdir()
    (tmp_path / "riskmodel-elsewhere").mkdir()
    (tmp_path / "riskmodel-elsewhere" / ".in-use").write_text("another machine", "utf-8")
    (tmp_path / "riskmodel-file").write_text("x", "utf-8")
    assert remove_abandoned(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_taken_for_abandoned_while_it_is_made_is_made_anew(tmp_path, monkeypatch):
    import riskmodel.core.private_folders as module

    real, calls = module._lock, []

    def lose_once(stream):
        calls.append(stream)
        if len(calls) == 1:
            raise BlockingIOError
        real(stream)

    monkeypatch.setattr(module, "_lock", lose_once)
    with PrivateFolder(tmp_path) as folder:
        assert folder.path.is_dir()
        assert len(calls) == 2


def test_it_is_for_this_user_alone_and_may_be_closed_twice(tmp_path):
    folder = PrivateFolder(tmp_path / "new")
    if sys.platform != "win32":
        assert folder.path.stat().st_mode & 0o077 == 0
    folder.close()
    folder.close()
    assert not folder.path.exists()


def test_a_full_disk_is_an_error_and_not_a_loop(tmp_path, monkeypatch):
    def fail():
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(private_folders, "_name_machine", fail)
    with pytest.raises(OSError, match="no space"):
        PrivateFolder(tmp_path)
    assert list(tmp_path.iterdir()) == []
