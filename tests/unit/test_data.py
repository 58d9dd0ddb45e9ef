"""Data sets: exactly the images they should be, or one clear line."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from configurations import MNIST, make_config
from hypothesis import given
from hypothesis import strategies as st

from convsweep import data
from convsweep.data.folders import FILES
from convsweep.data.idx import read_idx, read_labels
from convsweep.errors import UserError


def idx(array, magic=None):
    header = magic or bytes((0, 0, 8, array.ndim))
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def images():
    return np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)


@pytest.mark.parametrize("name", ["images.gz", "images"])
@pytest.mark.parametrize("zipped", [True, False], ids=["gzip", "plain"])
def test_an_idx_file_is_read_gzip_or_plain_whatever_its_name_says(tmp_path, images, name, zipped):
    content = idx(images)
    (tmp_path / name).write_bytes(gzip.compress(content) if zipped else content)
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
    dataset = data.load(make_config().data)
    labels = np.concatenate([batch.labels for batch in dataset.splits])
    assert np.bincount(labels).tolist() == [500] * 10
    assert [len(batch.labels) for batch in dataset.splits] == [4200, 400, 400]


def test_the_5k_split_never_changes():
    """The digest is golden: printed by `convsweep data`; a change of it changes every published number."""
    assert data.load(make_config().data).digest == "a386553cc9548c04611e6dd6ffce8cd88e59b31a891477f97d4503ef94feea5e"


def test_no_image_stands_in_two_splits():
    splits = data.load(make_config().data).splits
    seen = [{image.tobytes() for image in batch.images} for batch in splits]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_fewer_images_are_the_first_of_their_split():
    whole = data.load(make_config().data).splits
    part = data.load(make_config({"data.num_train": 100, "data.num_valid": 20, "data.num_test": 30}).data).splits
    for few, all_of_them, number in zip(part, whole, (100, 20, 30), strict=True):
        np.testing.assert_array_equal(few.images, all_of_them.images[:number])
        np.testing.assert_array_equal(few.labels, all_of_them.labels[:number])


def test_a_folder_that_lacks_a_file_is_refused(tmp_path):
    config = make_config({"data": MNIST | {"dir": str(tmp_path)}}).data
    assert f"'data.dir' must hold {FILES[0]}, gzip or plain" in refusal(data.load, config)


def test_the_digest_tells_any_two_selections_apart():
    few = {"data.num_train": 10, "data.num_valid": 10, "data.num_test": 10}
    digests = {
        data.load(make_config(few | change).data).digest
        for change in ({"train.seed": 1}, {"data.num_train": 11}, {"data.num_test": 11})
    }
    assert len(digests) == 3


shapes = st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 6))


@given(shape=shapes, zipped=st.booleans(), seed=st.integers(0))
def test_an_array_of_any_shape_comes_back_from_its_idx_file(tmp_path, shape, zipped, seed):
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path = tmp_path / ("images.gz" if zipped else "images")
    path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    read = read_idx(path, axes=3)
    assert (read.shape, read.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(read, array)


@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_a_compressed_idx_file_that_is_damaged_anywhere_is_refused_or_means_the_same(tmp_path, place, byte, cut):
    array = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    content = gzip.compress(idx(array), mtime=0)
    at = int(place * len(content))
    path = tmp_path / "images.gz"
    path.write_bytes(content[:at] if cut else content[:at] + bytes([byte]) + content[at + 1 :])
    try:
        read = read_idx(path, axes=3, sha256=hashlib.sha256(idx(array)).hexdigest())
    except UserError:
        return
    assert not cut
    np.testing.assert_array_equal(read, array)  # a byte of gzip's header that says nothing of the content
