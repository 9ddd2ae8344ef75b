"""Dataset cards: what each set is, whose it is, where it comes from and how its files are recognised."""

from aigc_course.data.card import Card, RemoteFile
from aigc_course.errors import UsageError, unknown


def _mnist_file(name: str, digest: str, size_bytes: int, unpacked_digest: str) -> RemoteFile:
    url = f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}.gz"
    return RemoteFile(
        name=f"{name}.gz",
        urls=(url,),
        digest=f"md5:{digest}",
        size_bytes=size_bytes,
        unpacked_name=name,
        unpacked_digest=f"md5:{unpacked_digest}",
    )


def _goemotions_file(name: str, digest: str, size_bytes: int) -> RemoteFile:
    url = f"https://raw.githubusercontent.com/google-research/google-research/master/goemotions/data/{name}"
    return RemoteFile(name=name, urls=(url,), digest=f"sha256:{digest}", size_bytes=size_bytes)


_CC_BY_SA_4 = "https://creativecommons.org/licenses/by-sa/4.0/"
_FSDD = "https://github.com/Jakobovski/free-spoken-digit-dataset"
_FSDD_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
_TENTH_OF_CLASS = "validation is every tenth training example of each class; test is the official one"

_ALL = (
    Card(
        name="toy-comments",
        kind="text",
        title="Forum comments from a known grammar",
        summary="Short forum comments, drawn from an unambiguous probabilistic grammar. Their entropy is known "
        "exactly, so the floor under a language model's loss is too, and a parser tells which generated comments "
        "are possible.",
        licence="MIT (made by this package)",
        source="aigc_course.data.toy_comments",
        language="English",
        embedded=True,
        splits="each drawn from the seed; validation and test hold nothing that stands in train",
        caveats=("No person wrote these; they show how a model learns, not how people talk.",),
    ),
    Card(
        name="toy-shapes",
        kind="images",
        title="Coloured shapes, drawn from known factors",
        summary="32 × 32 RGB pictures of ten shapes in varied colour, place and size. A decoder reads the factors "
        "back, so generated pictures can be graded: valid or not, and which classes are missing.",
        licence="MIT (made by this package)",
        source="aigc_course.data.toy_shapes",
        language="none",
        embedded=True,
        splits="each drawn from the seed, in its own random stream",
        caveats=("Far simpler than photographs: a model that is good here may still be poor at CIFAR-10.",),
    ),
    Card(
        name="dtmf-digits",
        kind="audio",
        title="Digits as a telephone dials them",
        summary="Ten digits as pairs of tones, varied in level, length, noise and detuning. The Goertzel decoder of "
        "telephone exchanges tells which digit a generated sound dials.",
        licence="MIT (made by this package)",
        source="aigc_course.data.dtmf_digits; the tones are those of ITU-T Q.23",
        language="none",
        embedded=True,
        splits="each drawn from the seed",
        caveats=("Two steady tones are much easier to model than speech.",),
    ),
    Card(
        name="digits",
        kind="images",
        title="Handwritten digits, 8 × 8",
        summary="1,797 real handwritten digits of 43 writers at 8 × 8 pixels and 17 grey levels, part of scikit-learn.",
        licence="CC BY 4.0",
        licence_url="https://creativecommons.org/licenses/by/4.0/",
        source="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI; as in scikit-learn",
        language="none",
        embedded=True,
        splits="drawn from the seed",
        caveats=("Tiny: a model with some capacity can remember every example.",),
    ),
    Card(
        name="goemotions",
        kind="text",
        title="GoEmotions: comments from Reddit",
        summary="54,263 English Reddit comments of 3 to 30 tokens, chosen for research on emotions; names and "
        "religions are masked as [NAME] and [RELIGION].",
        licence="CC BY 4.0",
        licence_url="https://creativecommons.org/licenses/by/4.0/",
        source="Demszky et al. 2020, GoEmotions: A Dataset of Fine-Grained Emotions, arXiv:2005.00547",
        language="English",
        embedded=False,
        filtered=True,
        splits="the official ones; comments of train that also stand in validation or test are left out of train, and "
        "those of validation that also stand in test out of validation (case and white space aside)",
        files=(
            _goemotions_file(
                "train.tsv", "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5", 3_519_053
            ),
            _goemotions_file("dev.tsv", "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62", 439_059),
            _goemotions_file("test.tsv", "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4", 436_706),
        ),
        caveats=(
            "Unmoderated: it holds insults, slurs and sexual language. By default comments with a word of "
            '`aigc_course/data/classroom_words.txt` are left out (4.6 %); `data_filter="off"`, or '
            "`--set data_filter=off` in training, keeps them; `aigc-course data describe goemotions` counts them.",
            "Reddit's writers are mostly young, male and American; so is the language learned from them.",
            "The comments' writers were not asked.",
        ),
    ),
    Card(
        name="cifar10",
        kind="images",
        title="CIFAR-10: small photographs",
        summary="60,000 colour photographs, 32 × 32 pixels, in ten classes (50,000 to train on, 10,000 to test).",
        licence="none stated; widely used for research and teaching",
        licence_url="https://www.cs.toronto.edu/~kriz/cifar.html",
        source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        language="none",
        embedded=False,
        splits=_TENTH_OF_CLASS,
        files=(
            RemoteFile(
                name="cifar-10-binary.tar.gz",
                urls=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
                digest="md5:c32a1d4ab5d03f1284b67883e8d87530",
                size_bytes=170_052_171,
            ),
        ),
        loose_suffixes=(".jpg", ".jpeg", ".png", ".bin"),
        caveats=(
            "Collected from web searches; the photographers were not asked, and 3.3 % of the test images have "
            "near-duplicates in training (Barz and Denzler 2020, arXiv:1902.00423).",
            "An imported folder of images is accepted, but can't be checked against the official bytes.",
        ),
    ),
    Card(
        name="mnist",
        kind="images",
        title="MNIST: handwritten digits",
        summary="70,000 handwritten digits, 28 × 28 grey pixels (60,000 to train on, 10,000 to test).",
        licence="CC BY-SA 3.0",
        licence_url="https://creativecommons.org/licenses/by-sa/3.0/",
        source="LeCun, Bottou, Bengio and Haffner 1998, Gradient-Based Learning Applied to Document Recognition",
        language="none",
        embedded=False,
        splits=_TENTH_OF_CLASS,
        files=(
            _mnist_file(
                "train-images-idx3-ubyte",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                9_912_422,
                "6bbc9ace898e44ae57da46a324031adb",
            ),
            _mnist_file(
                "train-labels-idx1-ubyte",
                "d53e105ee54ea40749a09fcbcd1e9432",
                28_881,
                "a25bea736e30d166cdddb491f175f624",
            ),
            _mnist_file(
                "t10k-images-idx3-ubyte",
                "9fb629c4189551a2d022fa330f9573f3",
                1_648_877,
                "2646ac647ad5339dbf082846283269ea",
            ),
            _mnist_file(
                "t10k-labels-idx1-ubyte", "ec29112dd5afa0611ce80d1b7f02629c", 4_542, "27ae3e4e09519cfbb04c329615203637"
            ),
        ),
        caveats=("Easy by today's measure: almost any classifier passes 97 %.",),
    ),
    Card(
        name="fsdd",
        kind="audio",
        title="Free Spoken Digit Dataset",
        summary="3,000 recordings of spoken digits, 6 speakers, 50 of each digit by each, 8 kHz mono.",
        licence="CC BY-SA 4.0",
        licence_url=_CC_BY_SA_4,
        source=f"Jackson et al., {_FSDD}, commit {_FSDD_COMMIT}",
        language="English",
        embedded=False,
        splits="by the recording's index: test 0 to 4 (official), validation 5 to 9, train the rest",
        files=(
            RemoteFile(
                name="free-spoken-digit-dataset.zip",
                urls=(f"{_FSDD}/archive/{_FSDD_COMMIT}.zip",),
                digest=None,
                size_bytes=16_000_000,
            ),
        ),
        loose_suffixes=(".wav",),
        listing_sha256="dbd573d7cafe79c4b49f65718115e1304e24e067fa39eff18a660dc6cb9c360f",
        caveats=(
            "Only six speakers: a model learns these voices, not speech in general.",
            "The same speakers stand in all splits.",
        ),
    ),
)

_OWN_TEXT = """## Text of your own

**A folder** of `.txt` files in UTF-8 is a data set by its path; every line that is not empty is one document, and about
one in ten goes to validation and one to test, by a hash of its place. It is never filtered.

    aigc-course train text-gpt --data my_folder

**A dump of Reddit comments** (`.jsonl`, `.jsonl.zst` or a folder of such; an object a line with `body`, and where known
`author`, `subreddit`, `score`) is imported once, as a stream, under a name of yours:

    aigc-course data import my-comments RC_2012-01.zst --subreddit AskScience --min-score 2
    aigc-course data describe my-comments
    aigc-course train text-gpt --data my-comments

Lines that are no JSON objects are counted and passed over; comments that are deleted, removed, empty or by a bot are
left out (the rules stand in `aigc_course/data/reddit.py`). Splits go by a hash of the comment's text, so equal comments
never stand in two of them. What was imported passes the classroom filter as GoEmotions does, unless `data_filter` is
"off". A file that is cut off is refused, and nothing is kept of it. Memory hardly grows with the file: 73 MB for one
of 5 GB. A `.zst` needs its window besides, which is 2 GB for the monthly dumps that were made with `--long=31`. The
people who wrote a dump's comments were not asked: see to its licence, and to them.
"""

CARDS: dict[str, Card] = {card.name: card for card in _ALL}


def get_card(name: str) -> Card:
    """The card of a data set; raises UsageError with the nearest name for an unknown one."""
    if name not in CARDS:
        raise unknown("data set", name, CARDS)
    return CARDS[name]


def real_card(name: str) -> Card:
    """The card of a set that consists of files; raises UsageError for one that is made on this machine."""
    card = get_card(name)
    if card.embedded:
        real = ", ".join(sorted(c.name for c in CARDS.values() if not c.embedded))
        raise UsageError(f"{name} is made on this machine when it is loaded and has no files; sets with files: {real}")
    return card


def cards_markdown() -> str:
    """All cards as one page of Markdown."""
    head = "# Data sets\n\nMade from `aigc_course/data/cards.py` by `cards_markdown()`; change it there.\n"
    return "\n".join([head, *(_section(card) for card in CARDS.values()), _OWN_TEXT])


def _section(card: Card) -> str:
    licence = f"[{card.licence}]({card.licence_url})" if card.licence_url else card.licence
    rows = {"kind": card.kind, "licence": licence, "source": card.source, "language": card.language}
    rows["splits"] = card.splits
    if card.embedded:
        rows["files"] = "none: made on your machine"
    else:
        rows["download"] = f"{card.size_bytes / 1e6:.1f} MB; `aigc-course data download {card.name}`"
        rows["checked by"] = ", ".join(f"{f.name} ({f.digest or 'each file inside it'})" for f in card.files)
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    caveats = "\n".join(f"- {caveat}" for caveat in card.caveats)
    return f"## {card.name}: {card.title}\n\n{card.summary}\n\n| | |\n|---|---|\n{table}\n\n{caveats}\n"
