import hashlib
import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from aigc_course.data import token_file
from aigc_course.data.batches import TextWindows
from aigc_course.data.documents import DocumentWriter, open_documents
from aigc_course.data.token_file import one_line, prepare_tokens, read_tokens, write_tokens
from aigc_course.data.tokenizer import BPETokenizer, CharTokenizer
from aigc_course.errors import UsageError
from aigc_course.files import WriteError

DOCUMENTS = ["abba", "a", "bab\nbab", "b" * 11, "", "ünï 🙂"]


class Maker:
    """Makes character tokenizers and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, documents) -> CharTokenizer:
        self.calls += 1
        return CharTokenizer.from_text(documents)


def prepare(folder: Path, documents=DOCUMENTS, maker=CharTokenizer.from_text, recipe="characters"):
    return prepare_tokens(documents, maker, recipe=recipe, folder=folder)


def files(folder: Path) -> tuple[Path, Path]:
    (vocabulary,), (tokens,) = folder.glob("vocabulary-*.json"), folder.glob("tokens-*.safetensors")
    return vocabulary, tokens


def test_a_newline_stands_around_every_document_and_starts_say_where(tmp_path):
    made = prepare(tmp_path)
    assert made.tokenizer.decode(made.ids) == "\nabba\na\nbab bab\n" + "b" * 11 + "\n\nünï 🙂\n"
    assert made.starts.tolist() == [0, 5, 7, 15, 27, 28] and made.starts.dtype == torch.int64
    assert made.num_characters == sum(len(one_line(document)) + 1 for document in DOCUMENTS)
    assert isinstance(made.ids.base, np.memmap) and not made.ids.flags.writeable


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_groups_of_documents_leave_no_seam(tmp_path, count):
    documents = [f"the {i} cats sat" + "\n" * (i % 3) for i in range(count)]
    for maker in (CharTokenizer.from_text, lambda d: BPETokenizer.from_text(d, 290)):
        made = prepare(tmp_path / maker.__name__, documents, maker)
        one_by_one = [made.tokenizer.encode("\n" + one_line(document)) for document in documents]
        assert made.ids.tolist() == [i for ids in one_by_one for i in ids] + made.tokenizer.encode("\n")
        assert made.starts.tolist() == np.cumsum([0, *map(len, one_by_one)])[:-1].tolist()


def test_the_file_is_plain_safetensors_with_digests(tmp_path):
    made = prepare(tmp_path)
    vocabulary, path = files(tmp_path)
    tensors = load_file(path)
    assert tensors["tokens"].dtype == np.uint16 and tensors["tokens"].tolist() == made.ids.tolist()
    assert tensors["starts"].tolist() == made.starts.tolist()
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    facts = json.loads(content[8 : 8 + length])["__metadata__"]
    payload = tensors["tokens"].tobytes() + tensors["starts"].tobytes()
    assert facts["sha256"] == hashlib.sha256(payload).hexdigest()
    assert json.loads(vocabulary.read_text("utf-8"))["tokenizer"] == made.tokenizer.to_dict()


class Wide(CharTokenizer):
    """As many ids as a large vocabulary has; those of the characters lie at its end."""

    def __len__(self) -> int:
        return 1 << 17

    def encode(self, text: str) -> list[int]:
        return [(1 << 17) - 1 - i for i in super().encode(text)]


def test_large_vocabularies_take_four_bytes_a_token(tmp_path):
    tokenizer = Wide(CharTokenizer.from_text(DOCUMENTS).characters)
    write_tokens(tmp_path / "t", DOCUMENTS, "digest", tokenizer)
    made = read_tokens(tmp_path / "t", "digest", tokenizer)
    assert made is not None and made.ids.dtype == np.uint32
    assert made.ids[:6].tolist() == tokenizer.encode("\nabba\n") and made.ids.max() > 1 << 16


def test_it_is_made_once(tmp_path):
    maker = Maker()
    first = prepare(tmp_path, maker=maker)
    stamps = [path.stat().st_mtime_ns for path in files(tmp_path)]
    again = prepare(tmp_path, list(DOCUMENTS), maker)
    assert maker.calls == 1 and [path.stat().st_mtime_ns for path in files(tmp_path)] == stamps
    assert again.ids.tolist() == first.ids.tolist() and again.tokenizer == first.tokenizer


@pytest.mark.parametrize("change", ["documents", "border", "order", "recipe", "format"])
def test_what_was_made_of_something_else_is_not_used_and_deleted(tmp_path, monkeypatch, change):
    maker = Maker()
    before = prepare(tmp_path, maker=maker)
    documents = {
        "documents": [*DOCUMENTS, "c"],
        "border": ["abb", "aa", *DOCUMENTS[2:]],
        "order": DOCUMENTS[::-1],
    }.get(change, DOCUMENTS)
    if change == "format":
        monkeypatch.setattr(token_file, "FORMAT", 99)
    after = prepare(tmp_path, documents, maker, "other" if change == "recipe" else "characters")
    assert maker.calls == 2 and len(list(tmp_path.glob("*.*"))) <= 3
    assert (after.ids.tolist() == before.ids.tolist()) == (change in ("recipe", "format"))
    assert files(tmp_path)


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer", "empty", "gone", "start", "other text", "no header"])
def test_a_damaged_or_foreign_file_is_noticed_and_made_anew(tmp_path, damage):
    before = prepare(tmp_path / "a").ids.tolist()
    _, path = files(tmp_path / "a")
    content = path.read_bytes()
    if damage == "other text":
        prepare(tmp_path / "b", ["abba", "b", *DOCUMENTS[2:]])
        changed = files(tmp_path / "b")[1].read_bytes()  # same length, same alphabet
        assert len(changed) == len(content)
    else:
        begin = 4096
        changed = {
            "flipped": content[:-1] + bytes([content[-1] ^ 1]),
            "cut": content[:-2],
            "longer": content + b"\0\0",
            "empty": b"",
            "gone": b"",
            "start": content[:begin] + b"\1" + content[begin + 1 :],
            "no header": b"\xff" * len(content),
        }[damage]
    path.unlink() if damage == "gone" else path.write_bytes(changed)
    assert prepare(tmp_path / "a").ids.tolist() == before
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", ["", "{", "[]", '{"made_of": "x", "tokenizer": {"kind": "char"}}'])
def test_a_damaged_vocabulary_is_made_anew(tmp_path, content):
    maker = Maker()
    before = prepare(tmp_path, maker=maker)
    vocabulary, _ = files(tmp_path)
    vocabulary.write_text(content)
    assert prepare(tmp_path, maker=maker).tokenizer == before.tokenizer and maker.calls == 2


def test_another_vocabulary_under_that_name_is_not_believed(tmp_path):
    before = prepare(tmp_path)
    vocabulary, _ = files(tmp_path)
    values = json.loads(vocabulary.read_text("utf-8"))
    values["tokenizer"]["characters"] = values["tokenizer"]["characters"].replace("🙂", "🙃")
    vocabulary.write_text(json.dumps(values), "utf-8")
    after = prepare(tmp_path)
    assert after.tokenizer == before.tokenizer and after.ids.tolist() == before.ids.tolist()


def test_tokens_of_another_tokenizer_are_not_read(tmp_path):
    tokenizer = CharTokenizer.from_text(DOCUMENTS)
    write_tokens(tmp_path / "t", DOCUMENTS, "digest", tokenizer)
    assert read_tokens(tmp_path / "t", "digest", tokenizer) is not None
    assert read_tokens(tmp_path / "t", "digest", CharTokenizer.from_text([*DOCUMENTS, "c"])) is None
    assert read_tokens(tmp_path / "t", "other", tokenizer) is None


def test_stored_documents_give_the_same_tokens(tmp_path):
    with DocumentWriter(tmp_path, "train") as writer:
        for document in DOCUMENTS:
            writer.add(document)
    stored = open_documents(tmp_path, "train", "digest")
    made = prepare(tmp_path / "tokens", stored)
    assert made.ids.tolist() == prepare(tmp_path / "plain").ids.tolist()
    fewer = prepare(tmp_path / "tokens", stored.select(np.array([0, 3])))
    assert fewer.tokenizer.decode(fewer.ids) == "\nabba\n" + "b" * 11 + "\n"


@pytest.mark.parametrize("context_length", [1, 3, 10])
def test_windows_of_the_file_are_those_of_the_tokens_in_memory(tmp_path, context_length):
    made = prepare(tmp_path)
    in_memory = torch.tensor(made.ids.tolist())
    for starts in (None, made.starts):
        mapped = TextWindows(made.ids, context_length, 8, seed=3, starts=starts)
        plain = TextWindows(in_memory, context_length, 8, seed=3, starts=starts)
        for k in (0, 5, 2):
            assert torch.equal(mapped[k]["tokens"], plain[k]["tokens"]) and mapped[k]["tokens"].dtype == torch.int64


class Merging(CharTokenizer):
    """Gives a newline the id of the character after it."""

    def encode(self, text: str) -> list[int]:
        return super().encode(text.replace("\na", "a"))


def test_a_tokenizer_that_merges_the_newline_is_refused_and_leaves_nothing(tmp_path):
    tokenizer = Merging(CharTokenizer.from_text(DOCUMENTS).characters)
    with pytest.raises(UsageError, match="merges the newline"):
        write_tokens(tmp_path / "t", DOCUMENTS, "digest", tokenizer)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        prepare(tmp_path / "file" / "tokens")


def _prepare_in_a_process(folder: Path) -> int:
    return int(prepare(folder, [f"text {i}" for i in range(3000)]).ids.sum())


def test_processes_that_begin_at_once_get_the_same(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sums = pool.map(_prepare_in_a_process, [tmp_path] * 2)
    assert sums[0] == sums[1] > 0 and files(tmp_path)
