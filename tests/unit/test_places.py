"""Where a log's numbers lie in a training, and what is printed there under each rule."""

import numpy as np
import pytest

from convsweep.errors import UserError
from convsweep.reproduce.courses import Course, Evaluation, Score
from convsweep.reproduce.logs import read_log
from convsweep.reproduce.places import PRINTINGS, further_quantities, images_of_an_epoch, place, printed_by, wanted


def printed_by_a_loop(losses, window, printing):
    """Every rule in a program's own order of things."""
    lines, total = [], 0.0
    for epoch in losses:
        if printing != "before_run_on":
            total = 0.0
        for number, loss in enumerate(epoch, 1):
            if printing in ("after", "so_far"):
                total += loss
            if number % window == 0:
                lines.append(total / (number if printing == "so_far" else window))
                total = total if printing == "so_far" else 0.0
            if printing in ("before", "before_run_on"):
                total += loss
    return lines


@pytest.mark.parametrize("num_train", [20, 23])
@pytest.mark.parametrize("printing", PRINTINGS)
def test_each_printing_rule_prints_what_a_loop_prints(printing, num_train):
    """23 images and windows of 5: three images of an epoch stay for the next line, if sums run on."""
    losses = np.random.default_rng(0).exponential(size=(3, num_train))
    text = "\n".join(
        f"epoch {epoch} step {step} loss 1.0" for epoch in range(1, 4) for step in range(5, num_train + 1, 5)
    )
    placed = place(read_log(text), num_train)
    kept = wanted(placed, plain_softmax=False)
    sums = np.concatenate([[0], losses.reshape(-1).cumsum()])[list(kept.seen)]
    course = Course(kept.seen, sums, sums, {}, None)
    found = printed_by(
        [course],
        placed.quantities,
        printing,
        num_train=num_train,
        tests_on_training_images=False,
        loss_factor=1.0,
    )
    np.testing.assert_allclose(found[0], printed_by_a_loop(losses, 5, printing), rtol=1e-12)


def test_an_epochs_mean_and_its_evaluations_are_read_where_they_belong():
    placed = place(read_log("Epoch 1/2 loss: 1.0 - val_acc: 0.5\nEpoch 2/2 loss: 0.5\nTest loss: 0.7"), 4)
    kept = wanted(placed, plain_softmax=False)
    scores = {evaluation: Score(evaluation.epoch + 0.5, 0.25) for evaluation in kept.evaluations}
    scores[Evaluation("trained", 2)] = Score(9.0, 1.0)
    course = Course(kept.seen, 2.0 * np.array(kept.seen), np.zeros(len(kept.seen)), scores, None)

    def printed(*, tests_on_training_images, loss_factor=1.0):
        return printed_by(
            [course],
            placed.quantities,
            "after",
            num_train=4,
            tests_on_training_images=tests_on_training_images,
            loss_factor=loss_factor,
        )[0].tolist()

    assert printed(tests_on_training_images=False) == [2.0, 0.25, 2.0, 2.5]
    assert printed(tests_on_training_images=True) == [2.0, 0.25, 2.0, 9.0]
    assert printed(tests_on_training_images=False, loss_factor=0.5) == [1.0, 0.25, 1.0, 1.25]  # not the accuracy


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("epoch 1 step 5 loss 1\nepoch 1 step 10 loss 1\nepoch 2 step 5 loss 1\nepoch 2 step 10 loss 1", 10),
        ("epoch 1 step 5 loss 1\nepoch 1 step 10 loss 1\nepoch 2 step 15 loss 1\nepoch 2 step 20 loss 1", 10),
        ("epoch 1 [5/12] loss 1", 12),
        ("step 5 loss 1\nstep 10 loss 1", 10),
        ("test loss: 0.5", None),
    ],
)
def test_the_log_tells_how_many_images_an_epoch_has(text, images):
    assert images_of_an_epoch(read_log(text)) == images


def test_steps_that_run_on_are_counted_within_their_epoch():
    placed = place(read_log("step 5 loss 1\nstep 10 loss 1\nstep 15 loss 1\nstep 20 loss 1\ntest loss 1"), 10)
    assert [(quantity.place.epoch, quantity.place.step) for quantity in placed.quantities] == [
        (1, 5),
        (1, 10),
        (2, 5),
        (2, 10),
        (2, 0),
    ]
    assert placed.epochs == 2


def test_what_the_log_lacks_are_tests_and_windows():
    placed = place(read_log("epoch 1 step 5 loss 1\nepoch 2 step 5 loss 1\ntest loss 1"), 10)
    names = [quantity.name for quantity in further_quantities(placed)]
    assert names[:3] == ["test accuracy at epoch 2", "accuracy at epoch 1, step 5", "loss at epoch 1, step 10"]


@pytest.mark.parametrize(
    ("text", "num_train", "epochs", "message"),
    [
        ("epoch 1 step 10 loss 1\nepoch 2 step 60 loss 1", 20, None, "must fit 'data.num_train'"),
        ("epoch 2 loss 1", 20, 1, "'train.epochs' must be >= 2, the log's number (got 1)."),
        ("step 5 past 10 steps: loss 1", 20, None, "longer than the training until there"),
    ],
)
def test_places_that_fit_no_training_are_refused_in_one_line(text, num_train, epochs, message):
    with pytest.raises(UserError) as refused:
        place(read_log(text), num_train, epochs)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
