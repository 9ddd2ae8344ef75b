import numpy as np
import pytest

from aigc_course.data import goemotions
from aigc_course.errors import DataError, UsageError


def write(folder, **parts: bytes):
    files = {"train": b"t\t1\ta\n", "dev": b"d\t1\tb\n", "test": b"e\t1\tc\n"} | parts
    for name, data in files.items():
        (folder / f"{name}.tsv").write_bytes(data)
    return folder


def read(folder) -> dict[str, list[str]]:
    return goemotions.make_set(goemotions.decode(folder)).splits


def test_quotes_tabs_and_line_ends_are_taken_literally(tmp_path):
    text = 'say "hi\t2\ta\r\ntwo\twords\t1,2\tb\nünïcode \u2028 🙂\t3\tc'
    write(tmp_path, train=text.encode())
    assert read(tmp_path)["train"] == ['say "hi', "two\twords", "ünïcode \u2028 🙂"]


def test_a_comment_stands_only_in_the_split_that_is_held_out_furthest(tmp_path):
    train = "a\t1\t1\nd\t1\t2\nb\t1\t3\n e \t1\t4\na\t1\t5\nTWO  words\t1\t6\nÉ\t1\t7\n"
    write(
        tmp_path,
        train=train.encode(),
        dev=b"d\t1\t8\ne\t1\t9\ntwo words\t1\tx\n",
        test="e\t1\t1\né\t1\t2\n".encode(),
    )
    dataset = goemotions.make_set(goemotions.decode(tmp_path))
    assert dataset.splits == {"train": ["a", "b", "a"], "validation": ["d", "two words"], "test": ["e", "é"]}
    assert dataset.removed == {"in train, but also in validation or test": 4, "in validation, but also in test": 1}


def test_masks_are_kept(tmp_path):
    write(tmp_path, train=b"[NAME] thanks [RELIGION]\t1\t1\n")
    assert read(tmp_path)["train"] == ["[NAME] thanks [RELIGION]"]


def test_the_classroom_filter_is_on_unless_it_is_switched_off(tmp_path):
    write(tmp_path, train=b"what an ASS\t1\t1\na class act\t1\t2\n", test=b"ass\t1\t1\nfine\t1\t2\n")
    arrays = goemotions.decode(tmp_path)
    filtered, whole = goemotions.make_set(arrays), goemotions.make_set(arrays, data_filter="off")
    assert filtered.splits == {"train": ["a class act"], "validation": ["d"], "test": ["fine"]}
    assert filtered.removed["classroom filter: swearing"] == 2
    assert whole.splits == {"train": ["what an ASS", "a class act"], "validation": ["d"], "test": ["ass", "fine"]}
    assert not any(reason.startswith("classroom") for reason in whole.removed)
    with pytest.raises(UsageError, match="Allowed: classroom, off"):
        goemotions.make_set(arrays, data_filter="none")  # type: ignore[arg-type]


def test_space_around_is_cut_and_empty_comments_are_left_out(tmp_path):
    write(tmp_path, train=b"  a \t1\t1\n \t1\t2\n\n\nb\t1\t3\n")
    assert read(tmp_path)["train"] == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\t1\t1\nb\xff\t1\t2\n", r"train\.tsv, line 2: not UTF-8 at byte 2"),
        (b"a\t1\t1\nb\t1\n", r"train\.tsv, line 2: 2 columns"),
        (b"\n", r"train\.tsv holds no comments"),
    ],
)
def test_what_is_wrong_is_named(data, message, tmp_path):
    with pytest.raises(DataError, match=message):
        goemotions.decode(write(tmp_path, train=data))


def test_decoded_form_is_plain_numbers(tmp_path):
    arrays = goemotions.decode(write(tmp_path, train="é\t1\ta\nb\t1\tb\n".encode()))
    assert arrays["train_bytes"].dtype == np.uint8 and arrays["train_ends"].tolist() == [2, 3]
