import json
import random
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from aigc_course.data import dumps, load_dataset, load_text, store
from aigc_course.data.classroom import WordFilter
from aigc_course.data.documents import DocumentWriter
from aigc_course.data.reddit import DumpRules
from aigc_course.data.splitting import same_text, split_of
from aigc_course.errors import DataError, UsageError
from aigc_course.files import WriteError


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def comments(count: int) -> list[dict]:
    source = random.Random(4)
    words = ["the", "cat", "sat", "on", "a", "mat", "🙂", "ünï", "dog", "ran"]
    return [
        {
            "author": "AutoModerator" if i % 10 == 3 else f"writer{i}",
            "body": "[deleted]" if i % 10 == 5 else " ".join(source.choices(words, k=6)) + f" {i % 997}",
            "subreddit": "Cats" if i % 2 else "dogs",
            "score": i % 7,
        }
        for i in range(count)
    ]


def put_dump(path: Path, rows: list, compressed: bool = False) -> Path:
    content = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstandard.ZstdCompressor().compress(content) if compressed else content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("count", [60, 3000])
def test_every_wanted_comment_is_in_its_split_once(tmp_path, compressed, count):
    rows = comments(count)
    path = put_dump(tmp_path / ("d.zst" if compressed else "d.jsonl"), rows, compressed)
    dumps.import_dump("my-cats", path, DumpRules(subreddits=("cats",), min_score=2))
    wanted = [
        row["body"]
        for row in rows
        if row["subreddit"] == "Cats"
        and row["score"] >= 2
        and row["author"] != "AutoModerator"
        and row["body"][0] != "["
    ]
    splits = load_dataset("my-cats").splits
    found = [text for documents in splits.values() for text in documents]
    assert Counter(found) == Counter(wanted) and len(wanted) > count / 6
    assert set(splits) == {"train", "validation", "test"} and all(len(documents) for documents in splits.values())
    if count > 1000:
        assert all(split_of(same_text(text)) == split for split, documents in splits.items() for text in documents)
        assert 0.7 < len(splits["train"]) / len(found) < 0.9


def test_equal_comments_never_stand_in_two_splits(tmp_path):
    rows = [{"body": text} for i in range(700) for text in (f"text {i % 150}", f"  TEXT  {i % 150}")]
    dumps.import_dump("twins", put_dump(tmp_path / "d.jsonl", rows))
    keys = [set(map(same_text, documents)) for documents in load_dataset("twins").splits.values()]
    assert sum(map(len, keys)) == len(set().union(*keys)) == 150


@pytest.mark.parametrize("count", [3, 4, 9])
def test_few_comments_fill_all_splits(tmp_path, count):
    rows = [{"body": f"number {i}"} for i in range(count)] + [{"body": "number 0"}] * 5
    dumps.import_dump("few", put_dump(tmp_path / "d.jsonl", rows))
    splits = load_dataset("few").splits
    assert all(len(documents) for documents in splits.values())
    assert len({split for split, documents in splits.items() if "number 0" in documents}) == 1
    assert sum(map(len, splits.values())) == count + 5


def test_what_was_read_and_left_out_is_reported(tmp_path, data_folder):
    rows = comments(40)
    rows[3:3] = ["no json", '{"body": ']
    put_dump(tmp_path / "folder" / "a.jsonl", rows)
    put_dump(tmp_path / "folder" / "b.zst", [{"title": "a submission"}, "also no json"], compressed=True)
    status = dumps.import_dump("both", tmp_path / "folder")
    assert status.state == "present" and status.detail.startswith("imported comments: ")
    report = dumps.import_report("both")
    assert report == {
        "lines read": 44,
        "left out, not JSON (a.jsonl line 4, a.jsonl line 5, b.zst line 2)": 3,
        "left out, by a bot": 4,
        "left out, deleted, removed or empty": 4,
        "left out, without a body": 1,
        "comments kept": 32,
    }
    removed = load_dataset("both").removed
    assert removed["at import: not JSON"] == 3 and "at import: kept" not in removed
    assert all(path.stat().st_mode & 0o222 == 0 for path in (data_folder / "both" / "raw").iterdir())


def test_the_classroom_filter_is_on_unless_it_is_switched_off(tmp_path):
    rows = [{"body": f"number {i}{' shit' if i % 4 == 0 else ''}"} for i in range(200)]
    dumps.import_dump("rude", put_dump(tmp_path / "d.jsonl", rows))
    filtered, whole = load_text("rude"), load_text("rude", "off")
    assert sum(map(len, filtered.splits.values())) == 150 and filtered.removed == {"classroom filter: swearing": 50}
    assert sum(map(len, whole.splits.values())) == 200 and whole.removed == {}
    assert not any("shit" in text for documents in filtered.splits.values() for text in documents)
    assert filtered.documents("train").digest != whole.documents("train").digest  # type: ignore[attr-defined]


def test_another_word_list_is_noticed(tmp_path, monkeypatch):
    rows = [{"body": f"number {i}{' pear' if i % 4 == 0 else ''}"} for i in range(200)]
    dumps.import_dump("fruit", put_dump(tmp_path / "d.jsonl", rows))
    assert load_dataset("fruit").removed == {}
    (tmp_path / "words.txt").write_text("[fruit]\npear\n")
    own = WordFilter(tmp_path / "words.txt")
    monkeypatch.setattr(dumps, "classroom_filter", lambda: own)
    assert load_dataset("fruit").removed == {"classroom filter: fruit": 50}


def test_a_dump_that_is_cut_off_leaves_everything_as_it_was(tmp_path, data_folder):
    whole = put_dump(tmp_path / "d.zst", comments(500), compressed=True)
    dumps.import_dump("mine", whole)
    before = load_dataset("mine").documents("train")[:]
    whole.write_bytes(whole.read_bytes()[:-50])
    for name in ("mine", "other"):
        with pytest.raises(DataError, match=r"d\.zst is cut off.*Nothing was kept"):
            dumps.import_dump(name, whole)
    assert names(data_folder) == ["mine"] and load_dataset("mine").documents("train")[:] == before


@pytest.mark.parametrize("rows", [[], ["no json"] * 30, [{"body": "same"}] * 30, [{"body": "a"}, {"body": "b"}]])
def test_too_few_comments_are_an_error_that_tells_what_was_read(tmp_path, data_folder, rows):
    with pytest.raises(DataError, match=r"comments that are left differ too little.*What was read: (\d+ |no lines)"):
        dumps.import_dump("few", put_dump(tmp_path / "d.jsonl", rows))
    assert names(data_folder) == []


def test_a_full_disk_leaves_nothing(tmp_path, data_folder, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DocumentWriter, "add", full)
    with pytest.raises(WriteError, match="the disk is full"):
        dumps.import_dump("mine", put_dump(tmp_path / "d.jsonl", comments(50)))
    assert names(data_folder) == []


@pytest.mark.parametrize("name", ["goemotions", "My", "a/b", "..", "", "-a", "a" * 65])
def test_names_that_cannot_be(tmp_path, name):
    with pytest.raises(UsageError, match="name"):
        dumps.import_dump(name, put_dump(tmp_path / "d.jsonl", comments(50)))


def test_what_is_no_dump_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(
        DataError, match=r"holds no dump of comments .*'mine'.*sets of the course with files: goemotions"
    ):
        dumps.import_dump("mine", tmp_path / "notes.txt")
    with pytest.raises(DataError, match="there is no file or folder"):
        dumps.import_dump("mine", tmp_path / "d.zst")


def test_the_store_knows_imported_dumps(tmp_path, data_folder):
    assert not dumps.is_imported("mine")
    dumps.import_dump("mine", put_dump(tmp_path / "d.jsonl", comments(50)))
    assert store.status()[-1].name == "mine" and store.where("mine") == data_folder / "mine"
    assert store.verify("mine").state == "present"
    file = data_folder / "mine" / "raw" / "train.utf8"
    file.chmod(0o644)
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"~")
    with pytest.raises(DataError, match=r"mine: train\.utf8 has changed .*run: aigc-course data import mine PATH"):
        store.verify("mine")
    file.write_bytes(data[:-1])
    with pytest.raises(DataError, match=r"mine: train\.utf8 has .* bytes instead of .*data import mine PATH"):
        load_dataset("mine")
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        load_dataset("mines")


def test_other_folders_among_the_data_are_no_imports(data_folder):
    for name, content in {"a": "{", "b": "[]", "c": '{"form": "x"}', "Big": "{}"}.items():
        (data_folder / name).mkdir(parents=True)
        (data_folder / name / "origin.json").write_text(content)
    assert dumps.imported_names() == []
