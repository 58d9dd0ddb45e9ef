"""Data sets: exactly the images they should be, or one clear line."""

import gzip
import hashlib
import http.server
import shutil
import struct
import threading

import numpy as np
import pytest

from convsweep import data
from convsweep.data.idx import read_idx, read_labels
from convsweep.data.mnist import FILES
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run


def idx(array, magic=None):
    header = magic or bytes((0, 0, 8, array.ndim))
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def images():
    return np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)


@pytest.mark.parametrize("name", ["images.gz", "images"])
def test_an_idx_file_is_read_gzip_or_plain(tmp_path, images, name):
    content = idx(images)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    read = read_idx(tmp_path / name, axes=3, sha256=hashlib.sha256(content).hexdigest())
    np.testing.assert_array_equal(read, images)


def refusal(read, *arguments, **keywords):
    with pytest.raises(UserError) as error:
        read(*arguments, **keywords)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_truncated_idx_file_is_refused(tmp_path, images):
    path = tmp_path / "images"
    path.write_bytes(idx(images)[:-1])
    assert "must hold 1568 bytes after its header, as that says (got 1567)" in refusal(read_idx, path, axes=3)


def test_an_idx_file_with_something_after_its_end_is_refused(tmp_path, images):
    path = tmp_path / "images"
    path.write_bytes(idx(images) + b"x")
    assert "(got 1569)" in refusal(read_idx, path, axes=3)


def test_a_truncated_gzip_file_is_refused(tmp_path, images):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(images))[:-20])
    assert "must be a complete gzip file" in refusal(read_idx, path, axes=3)


def test_a_file_that_is_not_gzip_is_refused(tmp_path, images):
    path = tmp_path / "images.gz"
    path.write_bytes(idx(images))
    assert "must be a complete gzip file" in refusal(read_idx, path, axes=3)


@pytest.mark.parametrize("magic", [b"\x00\x00\x0d\x03", b"\x00\x00\x08\x01", b"PK\x03\x04"], ids=repr)
def test_a_wrong_magic_number_is_refused(tmp_path, images, magic):
    path = tmp_path / "images"
    path.write_bytes(idx(images, magic))
    assert f"(its first bytes: {magic.hex()})" in refusal(read_idx, path, axes=3)


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x00\x00\x08\x03\x00\x00"], ids=repr)
def test_a_file_too_short_for_a_header_is_refused(tmp_path, content):
    path = tmp_path / "images"
    path.write_bytes(content)
    assert "must be an IDX file of bytes with 3 axes" in refusal(read_idx, path, axes=3)


def test_other_content_than_declared_is_refused(tmp_path, images):
    path = tmp_path / "images"
    path.write_bytes(idx(images))
    assert "must have the sha256 00ff" in refusal(read_idx, path, axes=3, sha256="00ff")


def test_a_label_out_of_range_is_refused(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(idx(np.array([0, 9, 10], np.uint8)))
    assert "must hold labels 0..9 (got 10)" in refusal(read_labels, path)


def test_a_missing_file_is_refused(tmp_path):
    assert "cannot be read: No such file or directory" in refusal(read_idx, tmp_path / "none", axes=3)


def test_the_5k_digits_are_five_hundred_of_each_class():
    dataset = data.load(compose_run().data)
    labels = np.concatenate([batch.labels for batch in dataset.splits])
    assert np.bincount(labels).tolist() == [500] * 10
    assert [len(batch.labels) for batch in dataset.splits] == [4200, 400, 400]


def test_the_5k_split_never_changes():
    """The digest is golden: printed by `convsweep data`; a change of it changes every published number."""
    assert data.load(compose_run().data).digest == "a386553cc9548c04611e6dd6ffce8cd88e59b31a891477f97d4503ef94feea5e"


def test_no_image_stands_in_two_splits():
    splits = data.load(compose_run().data).splits
    seen = [{image.tobytes() for image in batch.images} for batch in splits]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_fewer_images_are_the_first_of_their_split():
    whole = data.load(compose_run().data).splits
    part = data.load(compose_run(["data.num_train=100", "data.num_valid=20", "data.num_test=30"]).data).splits
    for few, all_of_them, number in zip(part, whole, (100, 20, 30), strict=True):
        np.testing.assert_array_equal(few.images, all_of_them.images[:number])
        np.testing.assert_array_equal(few.labels, all_of_them.labels[:number])


def test_the_5k_digits_are_those_of_mnist(mnist_dir):
    dataset = data.load(compose_run().data)
    images = read_idx(mnist_dir / f"{FILES[0]}.gz", axes=3)
    labels = read_labels(mnist_dir / f"{FILES[1]}.gz")
    first = np.concatenate([np.flatnonzero(labels == digit)[:500] for digit in range(10)])
    ours = sorted(image.tobytes() for batch in dataset.splits for image in batch.images)
    assert ours == sorted(image.tobytes() for image in images[first])


def test_mnist_is_cut_as_the_tutorial_cuts_it(mnist_dir):
    splits = data.load(compose_run(["data=mnist", f"data.dir={mnist_dir}"]).data).splits
    images = read_idx(mnist_dir / f"{FILES[0]}.gz", axes=3)
    np.testing.assert_array_equal(splits.train.images, images[:5000])
    np.testing.assert_array_equal(splits.valid.images, images[5000:6000])
    np.testing.assert_array_equal(splits.test.images, read_idx(mnist_dir / f"{FILES[2]}.gz", axes=3)[:400])
    assert splits.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert splits.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_a_folder_that_lacks_a_file_is_refused(tmp_path):
    config = compose_run(["data=mnist", f"data.dir={tmp_path}"]).data
    assert f"'data.dir' must hold {FILES[0]} or {FILES[0]}.gz" in refusal(data.load, config)


def test_mnists_files_in_fashion_mnists_place_are_refused(mnist_dir):
    config = compose_run(["data=fashion_mnist", f"data.dir={mnist_dir}"]).data
    assert "must have the sha256" in refusal(data.load, config)


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
    config = compose_run(["data=mnist", "data.mirrors=[http://127.0.0.1:1/a,http://127.0.0.1:1/b]"]).data
    text = refusal(data.load, config)
    assert "http://127.0.0.1:1/a: ConnectionError; http://127.0.0.1:1/b: ConnectionError" in text
    assert "data.dir" in text
    assert "data=mnist_5k" in text
    assert list((tmp_path / "cache" / "convsweep" / "mnist").iterdir()) == []


def test_the_second_mirror_is_asked_when_the_first_is_away_and_the_cache_serves_from_then_on(
    empty_cache, mirror, mnist_dir
):
    address, folder = mirror
    config = compose_run(["data=mnist", f"data.mirrors=[http://127.0.0.1:1,{address}]"]).data
    downloaded = data.load(config)
    assert downloaded.digest == data.load(compose_run(["data=mnist", f"data.dir={mnist_dir}"]).data).digest
    shutil.rmtree(folder)
    assert data.load(config).digest == downloaded.digest
    assert sorted(path.name for path in (empty_cache / "convsweep" / "mnist").iterdir()) == sorted(
        f"{f}.gz" for f in FILES
    )


def test_a_mirror_with_other_content_is_not_believed(empty_cache, mirror):
    address, folder = mirror
    (folder / f"{FILES[1]}.gz").write_bytes(gzip.compress(idx(np.zeros(60_000, np.uint8))))
    config = compose_run(["data=mnist", f"data.mirrors=[{address}]"]).data
    assert f"{address}: other content" in refusal(data.load, config)
    assert list((empty_cache / "convsweep" / "mnist").iterdir()) == []


def test_the_digest_tells_any_two_selections_apart():
    few = ["data.num_train=10", "data.num_valid=10", "data.num_test=10"]
    digests = {
        data.load(compose_run([*few, change]).data).digest
        for change in ("train.seed=1", "data.num_train=11", "data.num_test=11")
    }
    assert len(digests) == 3
