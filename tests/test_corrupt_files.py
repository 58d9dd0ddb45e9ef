"""Records and pictures that something has damaged: one clear line, whatever the damage."""

import numpy as np
import pytest
from PIL import Image

from convsweep.commands.predict import read_image
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run
from convsweep.nn.network import initial_parameters
from convsweep.nn.training import Checkpoint, EpochEnd, initialization_rng
from convsweep.records.journal import Journal, checkpoint_path, load_checkpoint, read_result, save_checkpoint


@pytest.fixture
def checkpoint():
    return Checkpoint(0, initial_parameters(2, rng=initialization_rng(0)), "{}")


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path, checkpoint):
    save_checkpoint(tmp_path, checkpoint)
    loaded = load_checkpoint(checkpoint_path(tmp_path, 0))
    assert (loaded.epoch, loaded.order_state) == (0, "{}")
    for ours, theirs in zip(loaded.parameters, checkpoint.parameters, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99], ids=lambda kept: f"kept {kept}")
def test_a_cut_checkpoint_is_refused(tmp_path, checkpoint, kept):
    save_checkpoint(tmp_path, checkpoint)
    path = checkpoint_path(tmp_path, 0)
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(UserError, match="must be a checkpoint of a run"):
        load_checkpoint(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"outcome": "finished"}'])
def test_a_damaged_result_is_refused(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(UserError, match="must be the result of a run"):
        read_result(tmp_path)


@pytest.mark.parametrize("line", ["[]", "{}", '{"event": "party"}', '{"event": "window", "epoch": 1}'])
def test_a_journal_with_foreign_lines_is_refused(tmp_path, checkpoint, line):
    config = compose_run()
    with Journal(tmp_path, config) as journal:
        journal.record(EpochEnd(0, 0, 0, checkpoint))
    with (tmp_path / "events.jsonl").open("a") as events:
        events.write(line + "\n")
    with pytest.raises(UserError, match="must hold events of a run"):
        Journal(tmp_path, config)


@pytest.mark.parametrize("kept", range(8, 200, 16))
def test_a_cut_picture_is_refused(tmp_path, kept):
    path = tmp_path / "digit.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"digit\.png"):
        read_image(path)


def test_a_picture_of_one_colour_is_refused(tmp_path):
    Image.new("L", (30, 30), 200).save(tmp_path / "grey.png")
    with pytest.raises(UserError, match="must show a digit"):
        read_image(tmp_path / "grey.png")
