"""MNIST's own files: from a folder, from mirrors, from the cache. Real files, a real web server."""

import gzip
import http.server
import shutil
import struct
import threading

import numpy as np
import pytest
from configurations import MNIST, make_config

from convsweep import data
from convsweep.data.folders import FILES
from convsweep.data.idx import read_idx, read_labels
from convsweep.errors import UserError


def mnist(**changes):
    return make_config({"data": MNIST | changes}).data


def refusal(config):
    with pytest.raises(UserError) as error:
        data.load(config)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_the_5k_digits_are_those_of_mnist(mnist_dir):
    dataset = data.load(make_config().data)
    images = read_idx(mnist_dir / f"{FILES[0]}.gz", axes=3)
    labels = read_labels(mnist_dir / f"{FILES[1]}.gz")
    first = np.concatenate([np.flatnonzero(labels == digit)[:500] for digit in range(10)])
    ours = sorted(image.tobytes() for batch in dataset.splits for image in batch.images)
    assert ours == sorted(image.tobytes() for image in images[first])


def test_mnist_is_cut_as_the_tutorial_cuts_it(mnist_dir):
    splits = data.load(mnist(dir=str(mnist_dir))).splits
    images = read_idx(mnist_dir / f"{FILES[0]}.gz", axes=3)
    np.testing.assert_array_equal(splits.train.images, images[:5000])
    np.testing.assert_array_equal(splits.valid.images, images[5000:6000])
    np.testing.assert_array_equal(splits.test.images, read_idx(mnist_dir / f"{FILES[2]}.gz", axes=3)[:400])
    assert splits.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert splits.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_mnists_files_in_fashion_mnists_place_are_refused(mnist_dir):
    config = mnist(name="fashion_mnist", dir=str(mnist_dir))
    assert refusal(config).endswith(
        "must hold Fashion-MNIST's training images, and holds MNIST's training images (data=mnist)."
    )


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def mirror(mnist_dir, tmp_path):
    """A real web server with MNIST's files; yields its address and the folder that it serves."""
    folder = tmp_path / "mirror"
    shutil.copytree(mnist_dir, folder)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


@pytest.mark.usefixtures("empty_cache")
def test_without_a_network_mnist_says_what_to_do_instead(tmp_path):
    """Nothing listens at port 1: a real refusal, at once."""
    config = mnist(mirrors=["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"])
    text = refusal(config)
    assert "http://127.0.0.1:1/a: ConnectionError; http://127.0.0.1:1/b: ConnectionError" in text
    assert "data.dir" in text
    assert "data=mnist_5k" in text
    assert list((tmp_path / "cache" / "convsweep" / "mnist").iterdir()) == []


def test_the_second_mirror_is_asked_when_the_first_is_away_and_the_cache_serves_from_then_on(
    empty_cache, mirror, mnist_dir
):
    address, folder = mirror
    config = mnist(mirrors=["http://127.0.0.1:1", address])
    downloaded = data.load(config)
    assert downloaded.digest == data.load(mnist(dir=str(mnist_dir))).digest
    shutil.rmtree(folder)
    assert data.load(config).digest == downloaded.digest
    assert sorted(path.name for path in (empty_cache / "convsweep" / "mnist").iterdir()) == sorted(
        f"{f}.gz" for f in FILES
    )


def test_a_mirror_with_other_content_is_not_believed(empty_cache, mirror):
    address, folder = mirror
    (folder / f"{FILES[1]}.gz").write_bytes(gzip.compress(struct.pack(">II", 0x801, 60_000) + bytes(60_000)))
    config = mnist(mirrors=[address])
    assert f"{address}: other content" in refusal(config)
    assert list((empty_cache / "convsweep" / "mnist").iterdir()) == []
