"""Checkpoints: ``checkpoints/epoch_000.npz``, one file an epoch, parameters in their canonical shapes.

The digest of a file's content stands in the event that tells its epoch's end, so that a damaged file is never
loaded.
"""

import hashlib
import io
from pathlib import Path

import numpy as np

from convsweep.nn.network import Parameters
from convsweep.nn.training import Checkpoint
from convsweep.records.files import DamagedError, write_whole, writing


def checkpoint_path(directory: Path, epoch: int) -> Path:
    """Return the file of an epoch, of the run with this directory."""
    return directory / "checkpoints" / f"epoch_{epoch:03d}.npz"


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, durable: bool = False) -> str:
    """Write a checkpoint as npz, without pickle; return the sha256 of the file's content.

    Args:
        path: The file.
        checkpoint: Its content.
        durable: Wait until the disk has it. Without, its digest tells after a power cut that it hasn't.

    Raises:
        UserError: The disk refuses.
    """
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        epoch=np.int64(checkpoint.epoch),
        order_state=np.str_(checkpoint.order_state),
        **checkpoint.parameters._asdict(),
    )
    content = buffer.getvalue()
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        write_whole(path, content, durable=durable)
    return hashlib.sha256(content).hexdigest()


def remove_other_checkpoints(directory: Path, epoch: int) -> None:
    """Remove the files of all epochs but one, of the run with this directory.

    Raises:
        UserError: The disk refuses.
    """
    kept = checkpoint_path(directory, epoch)
    with writing(kept.parent):
        for path in kept.parent.glob("epoch_*.npz"):
            if path != kept:
                path.unlink()


def load_checkpoint(path: Path, sha256: str) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        DamagedError: The file is missing or holds other content.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedError(f"'{path}' cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedError(f"'{path}' is damaged (its sha256 is not the one recorded).")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        parameters = Parameters(file["filters"], file["weights"], file["biases"])
        return Checkpoint(int(file["epoch"]), parameters, str(file["order_state"]))


def checkpoint_is_whole(path: Path, sha256: str) -> bool:
    """Tell whether a checkpoint's file is there with the content that was written."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False
