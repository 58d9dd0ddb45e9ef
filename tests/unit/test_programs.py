"""The list of programs."""

from configurations import make_config

from convsweep.config import flatten
from convsweep.reproduce.programs import COMBINATIONS, PROGRAMS, candidates, configured, with_seed


def names(candidates):
    return [candidate.name for candidate in candidates]


def test_every_program_says_what_it_does_and_what_usually_causes_it():
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS) >= 12
    for program in PROGRAMS:
        assert all((program.sentence, program.cause, program.effect))
        assert program.sentence.endswith(".")


def test_every_program_but_exact_changes_what_is_trained_or_tested():
    for shuffle, same in ((True, "shuffled"), (False, "unshuffled")):
        config = make_config({"train.shuffle": shuffle})
        assert [program.name for program in PROGRAMS if program.name not in names(candidates(config, {}))] == [same]
        for program in PROGRAMS[1:]:
            prints_otherwise = program.tests_on_training_images or program.loss_factor != 1
            assert configured(program, config) != config or prints_otherwise or program.name == same


def test_a_combination_has_all_the_mistakes_that_it_names():
    found = {candidate.name: candidate for candidate in candidates(make_config(), {})}
    both = found["last_class+pixels_unit"]
    assert (both.config.train.gradient, both.config.data.pixels) == ("last_class", "unit")
    assert both.sentence == f"{found['last_class'].sentence} {found['pixels_unit'].sentence}"
    tenths = found["loss_tenth+rate_tenth"]
    assert (tenths.config.train.learning_rate, tenths.loss_factor) == (0.0005, 0.1)


def test_combinations_are_of_programs_in_the_list():
    known = {program.name for program in PROGRAMS}
    assert all(len(parts) > 1 and known.issuperset(parts) for parts in COMBINATIONS)


def test_a_combination_with_what_was_asked_for_anyway_is_the_program_without_it():
    of_shuffled = names(candidates(make_config({"train.shuffle": True}), {}))
    assert "ties_first" in of_shuffled
    assert "ties_first+shuffled" not in of_shuffled


def test_a_mistake_that_the_network_asked_for_has_anyway_is_no_other_program():
    found = names(candidates(make_config({"train.ties": "first"}), {}))
    assert "unshuffled" not in found  # nothing is shuffled
    assert "ties_first" not in found


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
