import errno
import gzip
import hashlib
import http.server
import shutil
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from aigc_course.data import load_dataset, store
from aigc_course.data.card import Card, RemoteFile
from aigc_course.data.cards import CARDS
from aigc_course.errors import DataError, UsageError
from aigc_course.files import WriteError

TEXTS = {"train.tsv": "good\t1\ta\nshared\t2\tb\n", "dev.tsv": "shared\t2\tc\n", "test.tsv": "other\t3\td\n"}
CONTENTS = {name: text.encode() for name, text in TEXTS.items()}
CONTENTS["train.tsv"] += b"\n" * 200_000  # empty lines are left out; the file is long enough to be cut inside


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENTS, noting each request; `cut_after` bytes of a body it hangs up, once."""

    def do_GET(self) -> None:
        server = self.server
        name, wanted = self.path.rsplit("/", 1)[-1], self.headers.get("Range")
        server.seen.append((name, wanted))
        body = server.contents.get(name)
        if body is None:
            self.send_error(404)
            return
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.ranges else 0
        if begin >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        cut, server.cut_after = server.cut_after, None
        self.wfile.write(body[begin:] if cut is None else body[begin : begin + cut])

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as instance:
        instance.contents, instance.seen, instance.ranges, instance.cut_after = dict(CONTENTS), [], True, None
        instance.address = f"http://127.0.0.1:{instance.server_address[1]}"
        thread = threading.Thread(target=instance.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield instance
        instance.shutdown()
        thread.join()


def tiny_card(address: str) -> Card:
    files = tuple(
        RemoteFile(
            name=name,
            urls=(f"{address}/{name}",),
            digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
            size_bytes=len(data),
        )
        for name, data in CONTENTS.items()
    )
    return Card(
        name="goemotions",
        kind="text",
        title="t",
        summary="s",
        licence="l",
        source="s",
        language="English",
        embedded=False,
        caveats=("c",),
        files=files,
    )


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    monkeypatch.setenv("AIGC_DATA", str(folder))
    monkeypatch.delenv("AIGC_MIRROR", raising=False)
    for proxy in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr("aigc_course.data.fetching.PAUSE_SECONDS", 0)
    return folder


@pytest.fixture
def tiny(server, monkeypatch):
    monkeypatch.setitem(CARDS, "goemotions", tiny_card(server.address))
    return server


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setitem(CARDS, "goemotions", tiny_card("http://127.0.0.1:1"))  # nothing listens on port 1


def own_copy(tmp_path, **changes: bytes):
    folder = tmp_path / "copy"
    folder.mkdir()
    for name, data in (CONTENTS | {k.replace("_", "."): v for k, v in changes.items()}).items():
        (folder / name).write_bytes(data)
    return folder


def leftovers(data_folder) -> list[str]:
    return sorted(path.name for path in data_folder.iterdir()) if data_folder.exists() else []


def test_download_verify_load(tiny, data_folder):
    assert store.download("goemotions").state == "present"
    assert load_dataset("goemotions").splits == {"train": ["good"], "validation": ["shared"], "test": ["other"]}
    status = store.verify("goemotions")
    assert status.detail == "the official files" and status.bytes > sum(map(len, CONTENTS.values()))
    assert store.where("goemotions") == data_folder / "goemotions"
    raw = data_folder / "goemotions" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == CONTENTS
    assert all(path.stat().st_mode & 0o222 == 0 for path in raw.iterdir())  # read-only


def test_a_set_that_is_there_is_not_downloaded_again(tiny):
    store.download("goemotions")
    requests = len(tiny.seen)
    store.download("goemotions")
    assert requests == 3 == len(tiny.seen)


def test_a_cut_connection_goes_on_where_it_stopped(tiny):
    tiny.cut_after = 150_000
    assert store.download("goemotions").state == "present"
    (first, second), rest = tiny.seen[:2], tiny.seen[2:]
    assert first == ("train.tsv", None) and len(rest) == 2
    assert 80_000 < int(second[1].removeprefix("bytes=").removesuffix("-")) <= 150_000


def test_a_later_call_goes_on_with_the_part(tiny, data_folder):
    part = data_folder / ".downloads" / "goemotions" / "train.tsv.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENTS["train.tsv"][:5])
    store.download("goemotions")
    assert tiny.seen[0] == ("train.tsv", "bytes=5-")
    assert leftovers(data_folder / ".downloads") == []


def test_a_server_without_ranges_starts_anew(tiny, data_folder):
    tiny.ranges, tiny.cut_after = False, 150_000
    assert store.download("goemotions").state == "present"


@pytest.mark.parametrize("length", [1000, 300_000])
def test_a_part_of_something_else_is_thrown_away(length, tiny, data_folder):
    part = data_folder / ".downloads" / "goemotions" / "train.tsv.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * length)
    assert store.download("goemotions").state == "present"


def test_a_wrong_digest_is_refused_and_nothing_kept(tiny, data_folder):
    tiny.contents["dev.tsv"] = b"tampered\t1\tx\n"
    with pytest.raises(DataError, match=r"(?s)dev\.tsv can't be downloaded.*not the official file"):
        store.download("goemotions")
    assert store.status()[[s.name for s in store.status()].index("goemotions")].state == "absent"
    assert not list((data_folder / ".downloads" / "goemotions").glob("dev*"))
    tiny.contents["dev.tsv"] = CONTENTS["dev.tsv"]
    assert store.download("goemotions").state == "present"


def test_a_missing_file_says_what_the_server_said(tiny):
    del tiny.contents["test.tsv"]
    with pytest.raises(DataError, match=r"(?s)test\.tsv.*404.*aigc-course data import goemotions PATH.*AIGC_MIRROR"):
        store.download("goemotions")


def test_without_network_the_message_says_what_to_do(no_network, data_folder):
    with pytest.raises(DataError, match=r"(?s)no connection.*aigc-course data import goemotions PATH.*AIGC_MIRROR"):
        store.download("goemotions")
    assert not (data_folder / "goemotions").exists()


@pytest.mark.parametrize("form", ["folder", "file address", "http"])
def test_a_mirror_is_asked_first(form, no_network, server, tmp_path, monkeypatch):
    mirror = tmp_path / "mirror"
    (mirror / "goemotions").mkdir(parents=True)
    for name, data in CONTENTS.items():
        (mirror / "goemotions" / name).write_bytes(data)
    address = {"folder": str(mirror), "file address": mirror.as_uri(), "http": server.address + "/"}[form]
    monkeypatch.setenv("AIGC_MIRROR", address)
    assert store.download("goemotions").state == "present"


def test_a_mirror_that_lacks_a_file_is_passed_over(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_MIRROR", str(tmp_path))
    assert store.download("goemotions").state == "present"


def test_a_mirror_with_a_wrong_file_is_not_believed(no_network, tmp_path, monkeypatch):
    (tmp_path / "goemotions").mkdir()
    (tmp_path / "goemotions" / "train.tsv").write_bytes(b"tampered\t1\tx\n")
    monkeypatch.setenv("AIGC_MIRROR", str(tmp_path))
    with pytest.raises(DataError, match="not the official file"):
        store.download("goemotions")


def test_import_replaces_what_was_there(tiny, tmp_path, data_folder):
    store.import_files("goemotions", own_copy(tmp_path))
    store.import_files("goemotions", tmp_path / "copy")
    assert leftovers(data_folder) == ["goemotions"]
    assert store.verify("goemotions").state == "present"


def test_a_refused_import_leaves_everything_as_it_was(tiny, tmp_path, data_folder):
    with pytest.raises(DataError, match=r"dev\.tsv.*is not the official file"):
        store.import_files("goemotions", own_copy(tmp_path, dev_tsv=b"wrong\t1\tx\n"))
    assert leftovers(data_folder) == []


def test_import_of_nothing_says_so(tmp_path):
    with pytest.raises(DataError, match="there is no file or folder"):
        store.import_files("goemotions", tmp_path / "nowhere")


def test_absent_set_says_how_to_get_it():
    with pytest.raises(DataError, match=r"(?s)not on this machine.*data download mnist.*data import mnist PATH"):
        load_dataset("mnist")
    with pytest.raises(DataError, match="data download mnist"):
        store.verify("mnist")


@pytest.mark.parametrize("damage", ["shorter", "missing", "no origin", "same length"])
def test_damage_is_noticed(damage, tiny, tmp_path, data_folder):
    store.import_files("goemotions", own_copy(tmp_path))
    file = data_folder / "goemotions" / ("origin.json" if damage == "no origin" else "raw/dev.tsv")
    data = file.read_bytes()
    file.chmod(0o644)
    if damage in ("missing", "no origin"):
        file.unlink()
    else:
        file.write_bytes(data[:-1] if damage == "shorter" else data[:-1] + b"!")
    state = next(s for s in store.status() if s.name == "goemotions").state
    assert state == ("present" if damage == "same length" else "damaged")  # status reads no whole files; verify does
    with pytest.raises(DataError, match=r"(dev\.tsv|origin\.json).*run: aigc-course data download goemotions"):
        store.verify("goemotions")
    if damage != "same length":
        assert store.download("goemotions").state == "present"  # mended


def test_decoded_arrays_are_made_again_when_gone(tiny, tmp_path, data_folder):
    store.import_files("goemotions", own_copy(tmp_path))
    before = load_dataset("goemotions").splits
    (decoded,) = (data_folder / "goemotions").glob("decoded-*")
    for file in decoded.iterdir():
        file.unlink()
    decoded.rmdir()
    assert load_dataset("goemotions").splits == before
    next(decoded.glob("*.npy")).write_bytes(b"broken")
    with pytest.raises(DataError, match="delete that folder"):
        load_dataset("goemotions")


def test_arrays_are_memory_maps_that_never_change_the_files(tiny, tmp_path):
    store.import_files("goemotions", own_copy(tmp_path))
    array = store.arrays("goemotions")["train_bytes"]
    assert isinstance(array, np.memmap)
    array[0] = 0
    assert store.arrays("goemotions")["train_bytes"][0] == ord("g")


def test_an_unwritable_data_directory(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "file" / "data"))
    with pytest.raises(WriteError, match="cannot write"):
        store.download("goemotions")


def test_a_full_disk_leaves_nothing(tiny, tmp_path, data_folder, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(WriteError, match="the disk is full"):
        store.import_files("goemotions", own_copy(tmp_path))
    assert leftovers(data_folder) == []


def test_decoding_beside_another_process(tiny, tmp_path, data_folder, monkeypatch):
    store.import_files("goemotions", own_copy(tmp_path))
    (decoded,) = (data_folder / "goemotions").glob("decoded-*")
    decoded.rename(tmp_path / "aside")
    save = np.save

    def other_is_first(*args, **options):
        save(*args, **options)
        if not decoded.exists():
            shutil.copytree(tmp_path / "aside", decoded)

    monkeypatch.setattr(np, "save", other_is_first)
    assert load_dataset("goemotions").splits["train"] == ["good"]
    assert sorted(path.name for path in (data_folder / "goemotions").iterdir()) == [decoded.name, "origin.json", "raw"]


def test_embedded_sets_have_no_files():
    for call in (store.download, store.verify, store.where):
        with pytest.raises(UsageError, match="made on this machine"):
            call("toy-shapes")
    states = {s.name: s.state for s in store.status()}
    assert set(states) == set(CARDS)
    assert {name for name, state in states.items() if state == "embedded"} == {
        "toy-comments",
        "toy-shapes",
        "dtmf-digits",
        "digits",
    }


def test_unknown_names():
    for call in (store.download, store.verify, store.where, load_dataset):
        with pytest.raises(UsageError, match="did you mean 'cifar10'"):
            call("cifar-10")


def test_load_dataset_options():
    assert load_dataset("toy-shapes", num_train=20, num_validation=10, num_test=10).labels["train"].shape == (20,)
    with pytest.raises(UsageError, match="did you mean 'num_train'"):
        load_dataset("toy-shapes", num_trian=20)
    with pytest.raises(UsageError, match="digits has no options"):
        load_dataset("digits", seed=3)


def test_a_gzipped_file_is_kept_unpacked(tmp_path, monkeypatch):
    packed = gzip.compress(CONTENTS["dev.tsv"])
    card = tiny_card("http://127.0.0.1:1")
    dev = RemoteFile(
        name="dev.tsv.gz",
        urls=(),
        digest=f"md5:{hashlib.md5(packed).hexdigest()}",
        size_bytes=len(packed),
        unpacked_name="dev.tsv",
        unpacked_digest=card.files[1].digest,
    )
    monkeypatch.setitem(
        CARDS,
        "goemotions",
        Card(**{f: getattr(card, f) for f in card.__slots__} | {"files": (card.files[0], dev, card.files[2])}),
    )
    folder = own_copy(tmp_path)
    (folder / "dev.tsv").unlink()
    (folder / "dev.tsv.gz").write_bytes(packed)
    store.import_files("goemotions", folder)
    assert (store.where("goemotions") / "raw" / "dev.tsv").read_bytes() == CONTENTS["dev.tsv"]
