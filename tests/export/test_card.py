"""A card says what the checkpoint knows, nothing else, and no text in it breaks the Markdown."""

import shlex
import subprocess
import sys

import pytest
import yaml
from markdown_it import MarkdownIt

from aigc_course import config
from aigc_course.data.cards import CARDS
from aigc_course.errors import UsageError
from aigc_course.export.card import markdown_card, write_card
from aigc_course.export.card_text import consequences, fenced, inline
from aigc_course.export.retraining import command
from aigc_course.recipes import get_recipe, train
from aigc_course.training import checkpoint
from tests.export import checkpoints

RUNS = {
    "text-gpt": checkpoints.text_gpt,
    "image-gan": checkpoints.gan,
    "image-vae": checkpoints.vae,
    "audio-vae": checkpoints.audio_vae,
    "waveform-vae": checkpoints.waveform_vae,
}
HOSTILE = "x|y\n# Big <b>`code`</b> ![](http://e.x/a.png) ``` [a](b) **"


def read(card):
    """The YAML head, and the tokens of the body."""
    _, head, body = card.split("---\n", 2)
    return yaml.safe_load(head), MarkdownIt("commonmark").enable("table").parse(body)


def headings(tokens):
    return [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]


def changed(run, **parts):
    checkpoint.save(run, checkpoint.load(run) | parts)
    return run


@pytest.mark.parametrize("recipe", RUNS)
def test_every_generating_recipe_has_a_card(recipe, tmp_path):
    run = RUNS[recipe](tmp_path)
    card = markdown_card(run)
    head, tokens = read(card)
    tree = checkpoint.load(run)
    data = CARDS[tree["config"]["data"]["name"]]
    assert head["datasets"] == [data.name] and recipe in head["tags"]
    assert len(headings(tokens)) == 7
    for said in (data.licence.split()[0], "6 of 6", "| seed | 0 |", "| minutes in the training loop | 1.5 |", "1.5"):
        assert said in card
    assert "| hardware | a machine; then another |" in card
    assert f"aigc-course train {recipe} --profile smoke" in card
    assert card == markdown_card(run)


def test_what_is_unknown_is_said_to_be(tmp_path):
    run = checkpoints.vae(tmp_path)
    tree = checkpoint.load(run)
    tree["config"]["data"]["name"] = "my photos"
    del tree["seconds"], tree["hardware"]
    checkpoint.save(run, tree | {"history": {"rows": [], "pending": []}})
    card = markdown_card(run)
    assert "| minutes in the training loop | unknown: the checkpoint does not say |" in card
    assert "| hardware | unknown: the checkpoint does not say |" in card
    assert "| licence | unknown: these are files of whoever trained the model |" in card
    assert "Nothing is known of the rights" in card
    assert "recorded nothing on held-out data" in card


def test_held_out_figures_are_those_of_the_checkpoints_own_step(tmp_path):
    rows = [
        {"step": 3, "validation_loss": 9.25},
        {"step": 6, "validation_loss": 7.125},
        {"step": 9, "validation_loss": 5},
    ]
    card = markdown_card(changed(checkpoints.text_gpt(tmp_path), history={"rows": rows, "pending": []}))
    assert "7.125" in card and "9.25" not in card
    assert "evaluation_documents = 20" in card and "nats per character" in card


def test_an_evaluation_is_shown_with_its_counts(tmp_path):
    card = markdown_card(checkpoints.gan(tmp_path), {"valid_rate": 0.875, "n": 40})
    assert "| valid\\_rate | 0.875 |" in card and "| n | 40 |" in card and "evaluation_samples = " in card
    assert "not evaluated for this card" not in card


def test_names_of_users_break_nothing(tmp_path):
    run = checkpoints.gan(tmp_path, names=[HOSTILE, "plain"])
    tree = checkpoint.load(run)
    tree["config"]["data"]["name"] = HOSTILE
    tree["config"]["settings"]["data"] = HOSTILE
    checkpoint.save(run, tree)
    plain_head, plain = read(markdown_card(checkpoints.gan(tmp_path / "plain", names=["a", "plain"])))
    head, tokens = read(markdown_card(run))
    assert head["datasets"] == [HOSTILE] and set(head) == set(plain_head)
    assert headings(tokens)[1:] == headings(plain)[1:]
    inner = [child.type for token in tokens for child in token.children or []]
    assert not {"html_inline", "image", "link_open"} & set(inner)
    assert "html_block" not in {token.type for token in tokens}
    assert all(HOSTILE in t.content for t in tokens if t.type == "fence")
    cells = [len(row) for row in (line.split(" | ") for line in inline(HOSTILE).splitlines())]
    assert cells == [1]


def test_a_block_of_code_is_ended_by_nothing_in_it():
    code = "a\n```\nb\n````\nc"
    (token,) = MarkdownIt("commonmark").parse(fenced(code, "sh"))
    assert token.content == code + "\n"


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["loop.steps=7", "model.width=6", "conditional=false"],
        ["data=a 'folder' of mine", "learning_rate=0.25", "mlp.hidden=[3,4]"],
        ['data="7"', 'data="True"'],
    ],
)
def test_the_command_gives_the_settings_of_the_checkpoint(changes):
    recipe = get_recipe("image-vae")
    settings = config.override(recipe.profile("quick"), changes)
    saved = {"recipe": "image-vae", "profile": "quick", "settings": config.to_dict(settings)}
    words = shlex.split(command(saved))
    assert words[:5] == ["aigc-course", "train", "image-vae", "--profile", "quick"]
    assert words[5::2] == ["--set"] * (len(words[5:]) // 2)
    assert config.override(recipe.profile("quick"), words[6::2]) == settings


def test_a_preset_is_named_where_that_is_shorter():
    recipe = get_recipe("image-vae")
    settings = config.override(recipe.presets["ladder"](recipe.profile("quick")), ["loop.steps=7"])
    saved = {"recipe": "image-vae", "profile": "quick", "settings": config.to_dict(settings)}
    assert command(saved) == "aigc-course train image-vae --profile quick --preset ladder --set loop.steps=7"


def test_settings_that_came_after_the_checkpoint_have_their_defaults():
    settings = config.to_dict(get_recipe("image-vae").profile("laptop"))
    of = {"recipe": "image-vae", "profile": "laptop"}
    older = {name: value for name, value in settings.items() if name != "conv_ladder"}
    assert command({**of, "settings": older}) == "aigc-course train image-vae --profile laptop"
    quick = config.to_dict(get_recipe("image-vae").profile("quick"))  # whose conv_ladder is another
    del quick["conv_ladder"]
    assert command({**of, "profile": "quick", "settings": quick}) is None


def test_where_no_command_gives_the_settings_none_is_said():
    settings = config.to_dict(get_recipe("image-vae").profile("quick"))
    assert command({"recipe": "image-vae", "profile": "quick", "settings": settings | {"gone": 1}}) is None
    assert command({"recipe": "image-vae", "profile": "other", "settings": settings}) is None


def test_licences_have_their_consequences():
    texts = {licence: consequences(licence) for licence in ("MIT (x)", "CC BY 4.0", "CC BY-SA 4.0", "none stated", "")}
    assert len(set(texts.values())) == 5
    assert "same licence" in texts["CC BY-SA 4.0"] and "same licence" not in texts["CC BY 4.0"]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"ends in \.md"):
        write_card(checkpoints.vae(tmp_path), tmp_path / "card.txt")


@pytest.mark.parametrize("recipe", ["image-classifier", "audio-classifier", "vocoder"])
def test_what_generates_nothing_has_a_card_too(recipe, tmp_path):
    card = markdown_card(train(recipe, profile="smoke", run_dir=tmp_path / "run"))
    _, tokens = read(card)
    assert len(headings(tokens)) == 6 and "## Marking what it makes" not in card
    assert f"aigc-course train {recipe} --profile smoke" in card


def test_the_command_line_writes_the_card(tmp_path):
    run = checkpoints.vae(tmp_path)
    line = [sys.executable, "-m", "aigc_course.cli", "card", str(run), "--out", str(tmp_path / "card.md")]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "card.md").read_text(encoding="utf-8") == markdown_card(run)
