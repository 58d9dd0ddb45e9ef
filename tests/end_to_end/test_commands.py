"""The other commands, on a sweep that was really run: predict, data, ui, help and completion."""

import os
import pty
import re
import signal
import socket
import subprocess
import termios
from contextlib import suppress

import numpy as np
import psutil
import pytest
from PIL import Image, ImageOps

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.nn.training import predict

PNG = b"\x89PNG\r\n\x1a\n"


class TestPredict:
    """``convsweep predict``, on digits of the test split drawn in several ways."""

    NUM_DIGITS = 50

    @pytest.fixture(scope="class")
    @classmethod
    def pictures(cls, grid):
        """Files of the same digits: as MNIST has them, large and dark on white paper, dark on nothing."""
        folder = grid.folder / "digits"
        folder.mkdir()
        for i, digit in enumerate(load(compose_run().data).splits.test.images[: cls.NUM_DIGITS]):
            plain = Image.fromarray(digit)
            plain.save(folder / f"plain-{i:02d}.png")
            large = ImageOps.invert(plain.resize((280, 280), Image.Resampling.BICUBIC))
            ImageOps.expand(large, border=60, fill=255).save(folder / f"large-{i:02d}.png")
            ink = np.zeros((28, 28, 4), np.uint8)
            ink[..., 3] = digit
            Image.fromarray(ink).save(folder / f"transparent-{i:02d}.png")
        return sorted(f"digits/{path.name}" for path in folder.iterdir())

    @pytest.fixture(scope="class")
    @classmethod
    def answers(cls, grid, pictures, best):
        """The digits that the network is said to see, by how the run is given, and by file."""
        given = {"best": "best", "name": best.name, "key": grid.record(best).name[:8]}
        endings = grid.at_once(*(["predict", run, *pictures] for run in given.values()))
        assert [ending.status for ending in endings] == [0, 0, 0], [ending.err for ending in endings]
        return {how: read_table(ending.out) for how, ending in zip(given, endings, strict=True)}

    @pytest.fixture(scope="class")
    @classmethod
    def refusals(cls, grid, pictures):
        """What is said of things that can't be predicted from or of, by what was given."""
        (grid.folder / "letter.png").write_text("Dear reader, this is no image.")
        asked = {"nonsense": ("nonsense", pictures[0])}
        asked |= {name: ("best", name) for name in ("letter.png", "missing.png", ".")}
        endings = grid.at_once(*(["predict", *arguments] for arguments in asked.values()))
        return dict(zip(asked, endings, strict=True))

    @pytest.fixture(scope="class")
    @classmethod
    def expected(cls, grid, best, network_of):
        """The digits that it does see in the original arrays."""
        images = load(compose_run().data).splits.test.images[: cls.NUM_DIGITS]
        return predict(network_of(grid.record(best)), images)[0].argmax(axis=1).tolist()

    def of_kind(self, answers, kind):
        return [answers["best"][f"digits/{kind}-{i:02d}.png"] for i in range(self.NUM_DIGITS)]

    @pytest.mark.parametrize("kind", ["plain", "transparent"])
    def test_files_of_mnists_size_are_seen_as_they_are(self, answers, expected, kind):
        assert len(set(expected)) > 5
        assert self.of_kind(answers, kind) == expected

    def test_large_dark_digits_on_white_paper_are_brought_into_mnists_form(self, answers, expected):
        """Not exactly: scaled up and down again, and centred anew to a whole pixel."""
        same = np.equal(self.of_kind(answers, "large"), expected).sum()
        assert same >= 0.9 * self.NUM_DIGITS

    @pytest.mark.parametrize("how", ["name", "key"])
    def test_a_run_can_also_be_given_by_its_name_or_key(self, answers, how):
        assert answers[how] == answers["best"]

    @pytest.mark.parametrize(
        "given", ["nonsense", "letter.png", "missing.png", "."], ids=["no run", "no image", "no file", "a folder"]
    )
    def test_what_it_cannot_use_is_named(self, refusals, given):
        assert f"'{given}'" in refusals[given].only_line

    def test_the_pictures_that_can_be_read_are_answered_beside_those_that_cannot(self, grid, pictures):
        """Each of those has its line; what the network saw of the others is drawn."""
        (grid.folder / "letter.png").write_text("Dear reader, this is no image.")
        shown = grid.folder / "seen" / "answers.png"
        given = [pictures[0], "letter.png", pictures[1], "missing.png"]
        ending = grid.convsweep("predict", "best", *given, "--show", "seen/answers.png")
        assert ending.status == 1
        assert list(read_table(ending.out.partition("Picture: ")[0])) == pictures[:2]
        assert [line.split()[1] for line in ending.err.splitlines()] == ["'letter.png'", "'missing.png'"]
        with Image.open(shown) as picture:
            assert picture.height > 2 * 224
        assert list(shown.parent.iterdir()) == [shown]

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("seen.txt", "'--show' must name a file that ends in .png (got 'seen.txt')."),
            ("letter.png/seen.png", "'letter.png/seen.png' cannot be written: File exists."),
        ],
    )
    def test_where_nothing_can_be_shown_is_told_in_one_line(self, grid, pictures, path, said):
        (grid.folder / "letter.png").write_text("Dear reader, this is no image.")
        ending = grid.convsweep("predict", "best", pictures[0], "--show", path)
        assert ending.only_line == said
        assert not (grid.folder / "seen.txt").exists()

    def test_a_picture_that_is_read_is_not_written_over(self, grid, pictures):
        path = grid.folder / "mine.png"
        path.write_bytes((grid.folder / pictures[0]).read_bytes())
        before = path.read_bytes()
        ending = grid.convsweep("predict", "best", "mine.png", "--show", "./mine.png")
        assert ending.only_line == "'--show' must not name one of the pictures that are read (got 'mine.png')."
        assert path.read_bytes() == before

    def test_a_terminal_of_40_columns_shows_whole_numbers(self, grid, pictures):
        """In a real terminal, without colours."""
        terminal, inside = pty.openpty()
        termios.tcsetwinsize(inside, (24, 40))
        environment = os.environ | {"NO_COLOR": "1", "TERM": "xterm"}
        environment.pop("COLUMNS", None)
        command = [grid.program, "predict", "best", *pictures[:3]]
        with subprocess.Popen(command, cwd=grid.folder, env=environment, stdout=inside, stderr=inside) as program:
            os.close(inside)
            text = ""
            with suppress(OSError):  # EIO: the other end is closed
                while part := os.read(terminal, 4096):
                    text += part.decode()
            os.close(terminal)
        assert program.returncode == 0, text
        lines = re.sub(r"\x1b\[[01]?m", "", text).splitlines()  # bold isn't a colour
        assert "\x1b" not in "".join(lines)
        assert max(map(len, lines)) <= 40
        numbers = re.findall(r"\d\.\d*", "".join(lines))
        assert len(numbers) == 9
        assert all(len(number) == 5 for number in numbers)


def read_table(text):
    """Return the digits in a table of predictions, by file."""
    return {words[0]: int(words[1]) for words in map(str.split, text.splitlines()[1:])}


class TestData:
    """``convsweep data``."""

    @pytest.fixture(scope="class")
    @classmethod
    def shown(cls, new_workplace):
        workplace = new_workplace(store=False)
        return workplace, workplace.convsweep("data", "data.num_train=1000", "--png", "samples/digits.png")

    def test_it_counts_every_class_of_every_split(self, shown):
        splits = load(compose_run(["data.num_train=1000"]).data).splits._asdict()
        rows = {words[0]: words[1:] for line in shown[1].out.splitlines() if (words := line.split())[0] in splits}
        for split, batch in splits.items():
            counts = np.bincount(batch.labels, minlength=10)
            assert rows[split] == [*map(str, counts), str(len(batch.labels))]

    def test_it_names_source_and_digest(self, shown):
        dataset = load(compose_run(["data.num_train=1000"]).data)
        assert dataset.source in shown[1].out
        assert dataset.digest in shown[1].out

    def test_it_draws_samples(self, shown):
        workplace, ending = shown
        assert ending.status == 0
        assert (workplace.folder / "samples" / "digits.png").read_bytes().startswith(PNG)
        assert not workplace.mlruns.exists()

    def test_a_bad_value_is_refused(self, bare_workplace):
        ending = bare_workplace.convsweep("data", "data.num_train=0")
        assert ending.only_line == "'data.num_train' must be >= 1 (got 0)."


class TestHelp:
    """What the program says of itself; nothing is written."""

    @pytest.fixture
    def said(self, bare_workplace):
        def ask(*words, **environment):
            ending = bare_workplace.convsweep(*words, **environment)
            assert ending.status == 0, ending.err
            assert ending.err == ""
            assert list(bare_workplace.folder.iterdir()) == []
            return ending.out

        return ask

    def test_help_lists_the_commands(self, said):
        text = said("--help")
        assert all(f"\n  {command} " in text for command in ("train", "compare", "predict", "data", "ui"))

    def test_the_version_is_told(self, said):
        assert said("--version").startswith("convsweep, version ")

    def test_the_help_of_train_shows_groups_and_values(self, said):
        text = said("train", "--help")
        assert "data: fashion_mnist, mnist, mnist_5k" in text
        assert "learning_rate: 0.005" in text

    def test_cfg_job_prints_the_configuration_and_runs_nothing(self, said):
        text = said("train", "train.epochs=3", "--cfg", "job")
        assert "epochs: 3" in text
        assert "num_filters: 8" in text

    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            ("train train.le", ["train.learning_rate="]),
            ("train data=", ["data=fashion_mnist", "data=mnist", "data=mnist_5k"]),
            ("train train.epochs=3 model.pad", ["model.padding="]),
            ("comp", ["compare"]),
        ],
    )
    def test_bash_completes(self, said, typed, offered):
        words = f"convsweep {typed}"
        place = str(len(words.split()) - 1)
        text = said(_CONVSWEEP_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=place)
        assert [line.partition(",")[2] for line in text.splitlines()] == offered


class TestUi:
    """``convsweep ui``."""

    @pytest.fixture(scope="class")
    @classmethod
    def served(cls, grid, free_port, healthy):
        """Serve the sweep until Ctrl-C: the address, whether it answered, its processes, how it ended."""
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        with grid.running("ui", "--port", str(port)) as program:
            program.until(lambda: "Ctrl-C stops the server." in program.out)
            answered, family = healthy(address), program.family()
            program.send(signal.SIGINT)
            ending = program.end()
        return address, answered, family, ending

    def test_it_prints_where_all_sweeps_are_and_the_last_ones_table_and_charts(self, served):
        address, _, _, ending = served
        places = [line.split() for line in ending.out.splitlines() if address in line]
        assert places == [
            ["sweeps:", f"{address}/convsweep"],
            ["leaderboard:", f"{address}/convsweep/leaderboard"],
            ["charts:", f"{address}/convsweep/charts"],
        ]

    def test_the_server_answers(self, served):
        assert served[1]

    def test_ctrl_c_ends_it_in_order(self, served):
        ending = served[3]
        assert (ending.status, ending.err) == (0, "")
        assert ending.out.endswith("Stopped.\n")

    def test_no_process_is_left_once_it_was_killed_outright(self, grid, free_port):
        with grid.running("ui", "--port", str(free_port())) as program:
            program.until(lambda: "Ctrl-C stops the server." in program.out)
            family = program.family()
            program.send(signal.SIGKILL)
            assert psutil.wait_procs(family, timeout=60)[1] == []

    def test_no_process_is_left(self, served):
        address, _, family, _ = served
        assert len(family) > 1
        gone, alive = psutil.wait_procs(family, timeout=60)
        assert alive == [], f"{len(gone)} ended"
        with socket.socket() as probe:
            # closed connections may linger at the port for a minute; a listener would be in the way all the same
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            assert probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) != 0

    def test_the_port_is_taken(self, grid):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            assert f"got {port}" in grid.convsweep("ui", "--port", str(port)).only_line

    def test_there_is_nothing_to_show(self, bare_workplace):
        assert "`convsweep train` makes one" in bare_workplace.convsweep("ui").only_line
