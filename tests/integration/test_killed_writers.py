"""Writers that are killed outright."""

import subprocess
import sys

from convsweep.records.files import remove_temporary_files


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    """The writer is really killed: after its temporary file is there, before it is renamed."""
    program = """
import os, signal, sys
from pathlib import Path
from convsweep.records import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write_whole(Path(sys.argv[1]), b"content")
"""
    (tmp_path / "checkpoints").mkdir()
    for name in ("result.json", "checkpoints/epoch_000.npz"):
        killed = subprocess.run([sys.executable, "-c", program, tmp_path / name], check=False)
        assert killed.returncode == -9
    keep = tmp_path / "notes.tmp"
    keep.touch()
    assert len(list(tmp_path.rglob("*.tmp"))) == 3
    remove_temporary_files(tmp_path)
    assert list(tmp_path.rglob("*.tmp")) == [keep]
