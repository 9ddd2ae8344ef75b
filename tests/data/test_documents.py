import numpy as np
import pytest

from aigc_course.data.documents import DocumentWriter, StoredDocuments, open_documents
from aigc_course.errors import DataError

TEXTS = ["one", "", "zwei 🙂\nlines", "\x00", "ünï"]


def stored(folder, texts=TEXTS, digest="d") -> StoredDocuments:
    with DocumentWriter(folder, "train") as writer:
        for text in texts:
            writer.add(text)
    assert (writer.count, writer.num_characters) == (len(texts), sum(map(len, texts)))
    return open_documents(folder, "train", digest)


def test_what_was_written_is_read_like_a_list(tmp_path):
    documents = stored(tmp_path)
    assert len(documents) == 5 and list(documents) == TEXTS
    assert [documents[i] for i in range(-5, 5)] == TEXTS * 2
    assert documents[1:4] == TEXTS[1:4] and documents[::-2] == TEXTS[::-2] and documents[:99] == TEXTS
    assert "one" in documents and "two" not in documents
    for index in (5, -6):
        with pytest.raises(IndexError, match="there are 5 documents"):
            documents[index]


def test_more_than_are_written_at_once(tmp_path):
    texts = [str(i) for i in range(70_000)]
    documents = stored(tmp_path, texts)
    assert len(documents) == 70_000 and documents[65_530:65_540] == texts[65_530:65_540] and documents[-1] == "69999"


def test_none_at_all(tmp_path):
    assert list(stored(tmp_path, [])) == []


def test_a_selection_of_a_selection(tmp_path):
    chosen = stored(tmp_path).select(np.array([4, 2, 0]))
    assert list(chosen) == ["ünï", "zwei 🙂\nlines", "one"]
    assert list(chosen.select(np.array([2, 0]))) == ["one", "ünï"]
    assert len(chosen.select(np.array([], dtype=np.int64))) == 0


def test_the_digest_tells_documents_apart(tmp_path):
    documents = stored(tmp_path)
    digests = {
        documents.digest,
        documents.select(np.array([0, 1])).digest,
        documents.select(np.array([1, 0])).digest,
        open_documents(tmp_path, "train", "other").digest,
    }
    assert len(digests) == 4
    assert documents.digest == stored(tmp_path).digest
    assert documents.select(np.array([0, 1])).digest == documents.select(np.array([4, 0, 1])[1:]).digest


def test_half_a_surrogate_pair_is_refused(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        stored(tmp_path, ["\ud800"])


def test_files_that_are_missing_or_of_two_sets_are_named(tmp_path):
    with pytest.raises(DataError, match=r"train can't be read .*; import it again"):
        open_documents(tmp_path, "train", "d")
    stored(tmp_path)
    with open(tmp_path / "train.utf8", "ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match=r"train\.utf8 and train\.ends .* don't belong together"):
        open_documents(tmp_path, "train", "d")
