"""The names that people have MNIST's files by, and other data sets' files under the same names. Real files."""

import gzip
import hashlib
import shutil
import struct

import pytest
from configurations import MNIST, make_config

from convsweep import data
from convsweep.data import relatives
from convsweep.data.folders import FILES
from convsweep.errors import UserError

DOTTED = [file.replace("-idx", ".idx") for file in FILES]


def load(folder, name="mnist"):
    data.read.cache_clear()  # it would not look at the files again
    return data.load(make_config({"data": MNIST | {"name": name, "dir": str(folder)}}).data)


def refusal(folder, name="mnist"):
    with pytest.raises(UserError) as error:
        load(folder, name)
    assert len(str(error.value).splitlines()) == 1
    assert "sha256" not in str(error.value)
    return str(error.value)


@pytest.fixture(scope="module")
def contents(mnist_dir):
    """The four files as they are downloaded, and decompressed: name -> bytes."""
    compressed = {file: (mnist_dir / f"{file}.gz").read_bytes() for file in FILES}
    return compressed, {file: gzip.decompress(content) for file, content in compressed.items()}


@pytest.fixture(scope="module")
def digest(mnist_dir):
    return load(mnist_dir).digest


def put(folder, names, files):
    folder.mkdir(parents=True)
    for name, content in zip(names, files.values(), strict=True):
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("names", "zipped"),
    [
        (DOTTED, False),
        ([f"{name}.gz" for name in DOTTED], True),
        ([file.replace("-", "_") for file in FILES], False),
        ([f"{file.upper()}.GZ" for file in FILES], True),
        (FILES, True),
        ([f"{file}.gz" for file in FILES], False),
    ],
    ids=["dots", "dots_gz", "underscores", "upper_case", "gzip_without_suffix", "plain_with_suffix"],
)
def test_files_are_found_by_any_of_their_names_gzip_or_plain(tmp_path, contents, digest, names, zipped):
    compressed, plain = contents
    assert load(put(tmp_path / "files", names, compressed if zipped else plain)).digest == digest


@pytest.mark.parametrize("given", ["", "MNIST", "MNIST/raw"])
def test_torchvisions_folders_are_read_and_left_as_they_are(tmp_path, contents, digest, given):
    raw = put(tmp_path / "MNIST" / "raw", FILES, contents[1])
    (tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    raw.chmod(0o555)
    assert load(tmp_path / given).digest == digest
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def ints(*shape):
    """The start of an IDX file of 32-bit integers, and its numbers."""
    return struct.pack(f">4B{len(shape)}I", 0, 0, 12, len(shape), *shape) + bytes(4 * shape[0] * shape[1])


def bytes_of(*shape, values=b"\0"):
    size = 1
    for length in shape:
        size *= length
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + values * (size // len(values))


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({1: ints(60_000, 8)}, "QMNIST's labels (60,000 rows of 8 numbers)"),
        (
            {0: bytes_of(60_000, 28, 28), 1: ints(60_000, 8)},
            "'train-labels-idx1-ubyte' beside it holds QMNIST's labels (60,000 rows of 8 numbers)",
        ),
        ({0: bytes_of(112_800, 28, 28)}, "EMNIST's images (balanced, training: 112,800)"),
        ({3: bytes_of(20_800)}, "EMNIST's labels (letters, test: 20,800)"),
        ({1: bytes_of(60_000, values=bytes([1, 26]))}, "another data set's labels (up to 26, as EMNIST has them)"),
        ({0: bytes_of(60_000, 28, 28)}, "a damaged copy, or another data set of the same size"),
    ],
    ids=["qmnist_labels", "qmnist_images", "emnist_balanced", "emnist_letters", "labels_above_9", "unknown"],
)
def test_another_data_sets_files_in_mnists_place_are_told_by_its_name(tmp_path, contents, changes, holds):
    files = dict(contents[1])
    for place, content in changes.items():
        files[FILES[place]] = content
    said = refusal(put(tmp_path / "files", FILES, files))
    assert "must hold MNIST's t" in said
    assert holds in said


def test_a_compressed_file_of_kmnists_is_known_by_its_checksum(tmp_path, contents, monkeypatch):
    """KMNIST's own files are no part of this project: another one stands in for its training images."""
    strange = gzip.compress(bytes_of(60_000, 28, 28))
    monkeypatch.setattr(relatives, "KMNIST", (hashlib.sha256(strange).hexdigest(), *relatives.KMNIST[1:]))
    files = contents[0] | {FILES[0]: strange}
    said = refusal(put(tmp_path / "files", [f"{file}.gz" for file in FILES], files))
    assert said.endswith("must hold MNIST's training images, and holds KMNIST's training images.")


def test_two_files_that_took_each_others_place_are_told_by_what_they_hold(tmp_path, contents):
    files = dict(contents[0])
    files[FILES[0]], files[FILES[2]] = files[FILES[2]], files[FILES[0]]
    said = refusal(put(tmp_path / "files", FILES, files))
    assert said.endswith("must hold MNIST's training images, and holds MNIST's test images.")


def test_a_file_that_was_cut_says_that_it_was_cut(tmp_path, contents):
    files = contents[0] | {FILES[2]: contents[0][FILES[2]][:-100]}
    assert "must be a complete gzip file" in refusal(put(tmp_path / "files", FILES, files))


@pytest.mark.parametrize(
    ("path", "which"),
    [
        ("emnist-balanced-train-images-idx3-ubyte", "EMNIST"),
        ("qmnist-train-images-idx3-ubyte.gz", "QMNIST"),
        ("KMNIST/raw/train-images-idx3-ubyte", "KMNIST"),
        ("FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST"),
        ("notes.txt", None),
    ],
)
def test_a_folder_with_others_files_only_is_refused_with_their_name(tmp_path, path, which):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).touch()
    others = f", which holds '{path.partition('/')[0]}': {which}" if which else ""
    assert refusal(tmp_path) == (
        f"'data.dir' must hold {FILES[0]}, gzip or plain, itself or in MNIST/raw (got '{tmp_path}'{others})."
    )


@pytest.mark.parametrize("name", ["nowhere", "a file"])
def test_what_is_no_folder_is_refused(tmp_path, name):
    (tmp_path / "a file").touch()
    assert refusal(tmp_path / name) == f"'data.dir' must be a folder (got '{tmp_path / name}')."


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_where_no_cache_can_be_made_the_ways_out_are_named(tmp_path, monkeypatch, name):
    (tmp_path / "home").write_text("a file, so that no folder can be made in it")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    data.read.cache_clear()
    with pytest.raises(UserError, match=r"Not a directory\. Set data\.dir .*data=mnist_5k") as error:
        data.load(make_config({"data": MNIST | {"name": name, "mirrors": ["http://127.0.0.1:1"]}}).data)
    assert len(str(error.value).splitlines()) == 1


def test_a_damaged_file_in_the_cache_says_that_it_can_be_downloaded_again(tmp_path, mnist_dir, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "convsweep" / "mnist"
    shutil.copytree(mnist_dir, cache)
    (cache / f"{FILES[3]}.gz").write_bytes(b"")
    data.read.cache_clear()
    with pytest.raises(UserError, match=f"Delete '{cache}', and it is downloaded again"):
        data.load(make_config({"data": MNIST}).data)
