"""The list of programs."""

from configurations import make_config

from convsweep.config import flatten
from convsweep.reproduce.programs import PROGRAMS, candidates, configured, with_seed


def test_every_program_says_what_it_does_and_what_usually_causes_it():
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS) >= 12
    for program in PROGRAMS:
        assert all((program.sentence, program.cause, program.effect))
        assert program.sentence.endswith(".")


def test_every_program_but_exact_changes_what_is_trained_or_tested():
    for shuffle, same in ((True, "shuffled"), (False, "unshuffled")):
        config = make_config({"train.shuffle": shuffle})
        assert len(candidates(config, {})) == len(PROGRAMS) - 1
        for program in PROGRAMS[1:]:
            assert configured(program, config) != config or program.tests_on_training_images or program.name == same


def test_a_mistake_that_the_network_asked_for_has_anyway_is_no_other_program():
    names = [candidate.name for candidate in candidates(make_config({"train.ties": "first"}), {})]
    assert "unshuffled" not in names  # nothing is shuffled
    assert "ties_first" not in names


def test_factors_give_round_numbers():
    (program,) = (program for program in PROGRAMS if program.name == "rate_tenth")
    assert configured(program, make_config()).train.learning_rate == 0.0005


def test_hyperparameters_are_programs_too_unless_they_are_the_ones_asked_for():
    config = make_config()
    variants = {"num_filters=8": config, "num_filters=4": make_config({"model.num_filters": 4})}
    assert [candidate.name for candidate in candidates(config, variants)][-1] == "num_filters=4"
    assert "num_filters=8" not in [candidate.name for candidate in candidates(config, variants)]


def test_a_seed_has_an_order_of_its_own_only_where_images_are_shuffled():
    assert flatten(with_seed(make_config(), 3))["train.order_seed"] == 0
    shuffled = flatten(with_seed(make_config({"train.shuffle": True}), 3))
    assert (shuffled["train.seed"], shuffled["train.order_seed"]) == (3, 3)
