"""Generators from checkpoints of smoke runs: shapes, ranges, seeds, labels, files, and what is refused."""

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import aigc_course as aigc
from aigc_course.data.tokenizer import BPETokenizer
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.generators.arguments import choose_labels
from aigc_course.generators.makers import TextGenerator
from aigc_course.generators.results import GeneratedAudio, GeneratedImages, GeneratedText
from aigc_course.generators.speaking import AudioGenerator
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.models.watermark import Watermark
from aigc_course.recipes.spectrogram_scale import Sounds


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One smoke run of each recipe."""
    base = tmp_path_factory.mktemp("runs")
    names = ("text-gpt", "image-gan", "image-vae", "audio-vae")
    return {name: aigc.train(name, profile="smoke", run_dir=base / name) for name in names}


def test_text_begins_with_the_input_and_follows_its_seed(runs):
    generator = aigc.load_generator(runs["text-gpt"])
    text = generator.generate("the ", seed=3, max_length=40)
    assert isinstance(text, str)
    assert text.startswith("the ")
    assert text == generator.generate("the ", seed=3, max_length=40)
    assert text != generator.generate("the ", seed=4, max_length=40)
    assert len(text) <= 44
    assert "\n" not in text


def test_text_in_a_batch_and_unknown_characters(runs):
    generator = aigc.load_generator(runs["text-gpt"])
    texts = generator.generate("日本 \ufffd", num_texts=3, seed=1, max_length=10)
    assert len(texts.texts) == 3
    assert all(text.startswith("日本 \ufffd") for text in texts.texts)
    assert all(len(text) <= 4 + 10 for text in texts.texts)


def test_a_space_at_the_end_of_the_prompt_is_not_doubled():
    """Byte pairs hold the space before a word; the prompt's own space must not hide the words from the model."""
    tokenizer = BPETokenizer.from_text(["a cat sat"] * 20, vocab_size=270)
    (a,), (cat,), (newline,) = (tokenizer.encode(text) for text in ("a", " cat", "\n"))
    follow = {a: cat, cat: newline}

    size = len(tokenizer) + len(tokenizer) % 2
    config = GPTConfig(
        vocab_size=len(tokenizer),
        n_heads=1,
        n_layers=1,
        d_model=size,
        position="rotary",
        tied_head=False,
        zero_init=True,
    )
    model = GPT(config)  # blocks that add nothing: the logits are a table of which token follows which
    with torch.no_grad():
        torch.nn.init.eye_(model.token_embedding.weight)
        for token, following in follow.items():
            model.unembedding.weight[following, token] = 10

    generator = TextGenerator(model, tokenizer)
    assert [str(generator.generate(text)) for text in ("a", "a ", "a  ")] == ["a cat", "a cat", "a  cat"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text_input": 5}, "must be text"),
        ({"num_texts": 0}, "num_texts must be a whole number from 1"),
        ({"max_length": True}, "max_length must be"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"top_p": 1.5}, r"top_p = 1.5 is not allowed; it must be in \(0, 1\]"),
        ({"repetition_penalty": 0}, "repetition_penalty = 0"),
        ({"stop": ""}, "stop must be text"),
        ({"text_input": ["a", 5]}, "is int"),
        ({"text_input": []}, "empty list"),
        ({"text_input": "a\ud800"}, r"text_input holds U\+D800"),
    ],
)
def test_text_refuses_what_is_not_allowed(runs, arguments, message):
    with pytest.raises(UsageError, match=message):
        aigc.load_generator(runs["text-gpt"]).generate(**arguments)


def test_a_stream_is_the_text_and_goes_to_the_screen_in_order(runs, capsys):
    generator = aigc.load_generator(runs["text-gpt"])
    alone = generator.generate("the ", seed=3, max_length=40)
    assert "".join(["the ", *generator.stream("the ", seed=3, max_length=40)]) == alone
    assert capsys.readouterr().out == ""
    shown = generator.generate(["I ", "what a long beginning"], num_texts=2, seed=3, max_length=30, stream=True)
    assert capsys.readouterr().out == "\n".join(shown.texts) + "\n"
    assert shown == generator.generate(["I ", "what a long beginning"], num_texts=2, seed=3, max_length=30)
    assert [text[:2] for text in shown.texts] == ["I ", "I ", "wh", "wh"]


def test_a_watermark_is_found_with_its_key_alone(runs):
    generator, mark = aigc.load_generator(runs["text-gpt"]), Watermark(key=5, strength=4.0)
    text = generator.generate(num_texts=20, seed=1, max_length=40, watermark=mark)
    tokens = generator.tokenizer.encode("\n" + text)
    assert mark.score(tokens).z > 5 > 3.5 > abs(Watermark(key=6).score(tokens).z)
    plain = generator.tokenizer.encode("\n" + generator.generate(num_texts=20, seed=1, max_length=40))
    assert abs(mark.score(plain).z) < 3.5
    streamed = "".join(generator.stream("the ", seed=3, watermark=mark))
    assert generator.generate("the ", seed=3, watermark=mark) == "the " + streamed


def test_a_stop_string_ends_the_text_before_it(runs):
    generator = aigc.load_generator(runs["text-gpt"])
    free = [generator.generate("the ", seed=seed, max_length=60, temperature=0.8) for seed in range(20)]
    seed = max(range(20), key=lambda i: len(free[i]))
    assert len(free[seed]) > 14
    stop = free[seed][10:12]
    stopped = generator.generate("the ", seed=seed, max_length=60, temperature=0.8, stop=[stop, "never there"])
    assert stopped == free[seed][: free[seed].index(stop, 4)]


def test_a_prompt_beyond_the_context_and_greedy_text(runs):
    generator = aigc.load_generator(runs["text-gpt"])
    long = "the cat and the dog " * 40
    text = generator.generate(long, temperature=0, max_length=90)
    assert text.startswith(long)
    assert text == generator.generate(long, temperature=0, max_length=90, seed=5)


@pytest.mark.parametrize(("recipe", "shape"), [("image-gan", (3, 32, 32)), ("image-vae", (1, 8, 8))])
def test_images_have_the_size_of_the_data_and_follow_seed_and_label(runs, recipe, shape):
    generator = aigc.load_generator(runs[recipe])
    images = generator.generate_images(num_images=10, seed=0)
    assert images.tensor.shape == (10, *shape)
    assert 0 <= images.tensor.min() <= images.tensor.max() <= 1
    assert images.captions == generator.class_names
    assert torch.equal(images.tensor, generator.generate_images(10, seed=0).tensor)
    assert not torch.equal(images.tensor, generator.generate_images(10, seed=1).tensor)
    one = generator.generate_images(3, label=generator.class_names[2], seed=0)
    assert one.captions == (generator.class_names[2],) * 3
    with pytest.raises(UsageError, match=r"unknown label 'squid'.*Allowed"):
        generator.generate_images(3, label="squid")
    with pytest.raises(UsageError, match="2 labels for 3 images"):
        generator.generate_images(3, label=[0, 1])
    with pytest.raises(UsageError, match="num_images"):
        generator.generate_images(0)


def test_an_unconditional_gan_refuses_labels(tmp_path):
    run = aigc.train("image-gan", profile="smoke", run_dir=tmp_path / "run", overrides=["conditional=false"])
    generator = aigc.load_generator(run)
    assert generator.generate_images(2, seed=0).captions == ("", "")
    with pytest.raises(UsageError, match="without classes"):
        generator.generate_images(2, label=0)


@pytest.mark.parametrize("num_samples", [1, 100, 3200, 10_000])
def test_audio_has_exactly_the_samples_asked_for(runs, num_samples):
    generator = aigc.load_generator(runs["audio-vae"])
    sound = generator.generate_audio(num_samples=num_samples, label="7", seed=0)
    assert sound.waveform.shape == (num_samples,)
    assert sound.waveform.abs().max() <= 1
    assert torch.isfinite(sound.waveform).all()
    assert sound.waveform[-1] == 0
    assert set(sound.caption.split()) == {"7"}
    again = generator.generate_audio(num_samples=num_samples, label="7", seed=0)
    assert torch.equal(sound.waveform, again.waveform)


def speaker_of(lengths=(100, 200), class_names=("no", "yes"), speaker_names=("george", "jackson", "theo")):
    """A generator whose word of class c is `lengths[c]` samples at (c + 1) / 10, or at its speaker / 10."""

    def draw(labels, speakers, seed, temperature):
        ends = torch.tensor(lengths)[labels]
        level = (labels + 1 if speakers is None else speakers)[:, None] / 10
        return Sounds(torch.where(torch.arange(300) < ends[:, None], level, 0.0), ends)

    return AudioGenerator(draw, class_names, speaker_names, 8000, longest=300)


def test_words_are_said_whole_one_after_another_and_then_there_is_silence():
    sound = speaker_of().generate_audio(650, label=["no", "yes"], seed=0)
    assert sound.caption == "no yes no yes"
    values = torch.tensor([0.1, 0.2, 0.1, 0.2, 0.0]).repeat_interleave(torch.tensor([100, 200, 100, 200, 50]))
    torch.testing.assert_close(sound.waveform, values)
    assert speaker_of().generate_audio(599, label=["no", "yes"], seed=0).caption == "no yes no"


def test_a_word_longer_than_the_whole_is_cut_and_fades_out():
    sound = speaker_of().generate_audio(120, label="yes", seed=0)
    assert sound.caption == "yes" and len(sound) == 120
    assert sound.waveform[-1] == 0 and sound.waveform[60].item() == pytest.approx(0.2, abs=1e-3)


def test_without_a_number_of_samples_each_word_comes_once():
    generator = speaker_of()
    assert len(generator.generate_audio(None, label="yes", seed=0)) == 200
    assert generator.generate_audio(None, label=["yes", "no", "no"], seed=0).caption == "yes no no"
    everything = generator.generate_audio(None, seed=0)
    assert everything.caption == "no yes" and len(everything) == 300
    assert len(speaker_of(class_names=()).generate_audio(None, seed=0)) == 100


def test_digit_is_another_name_of_label():
    generator = speaker_of()
    assert generator.generate_audio(300, digit=1, seed=0).caption == "yes"
    with pytest.raises(UsageError, match="digit is another name of label"):
        generator.generate_audio(300, digit=1, label=0)
    with pytest.raises(UsageError, match="unknown label 7"):
        generator.generate_audio(300, digit=7)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_sound_comes_at_the_rate_asked_for(rate):
    seconds = torch.arange(4000) / 8000
    tone = 0.95 * torch.sin(2 * torch.pi * 500 * seconds)[None]
    generator = AudioGenerator(lambda *_: Sounds(tone, torch.tensor([4000])), (), (), 8000, longest=4000)
    sound = generator.generate_audio(rate // 2, sample_rate=rate, seed=0)
    assert sound.sample_rate_hz == rate and len(sound) == rate // 2 and sound.waveform.abs().max() <= 1
    expected = 0.95 * torch.sin(2 * torch.pi * 500 * torch.arange(rate // 2) / rate)
    middle = slice(rate // 8, rate // 4)
    assert (sound.waveform - expected)[middle].abs().max() < 0.02


@pytest.mark.parametrize("wrong", [0, 16000.0, 8001, 400_000])
def test_rates_that_nothing_plays_are_refused(wrong):
    with pytest.raises(UsageError, match="sample_rate"):
        speaker_of().generate_audio(100, sample_rate=wrong)


def test_a_model_that_knows_no_speakers_refuses_them(runs):
    with pytest.raises(UsageError, match="does not know speakers"):
        aigc.load_generator(runs["audio-vae"]).generate_audio(speaker="jackson")


def test_a_speaker_nobody_knows_is_named_with_the_nearest_one():
    generator = speaker_of()
    assert generator.generate_audio(400, speaker="theo").waveform[0].item() == pytest.approx(0.2)
    assert generator.generate_audio(400, speaker=1).waveform[0].item() == pytest.approx(0.1)
    for wrong, hint in (("jakson", "did you mean 'jackson'"), (3, "Allowed: george, jackson, theo"), (-1, "Allowed")):
        with pytest.raises(UsageError, match=f"unknown speaker {wrong!r}; .*{hint}"):
            generator.generate_audio(100, speaker=wrong)


def test_results_save_themselves(tmp_path):
    text = GeneratedText(["one", "zwei é"])
    assert text.save(tmp_path / "a.txt").read_text(encoding="utf-8").endswith("]\none\nzwei é\n")
    images = GeneratedImages(torch.linspace(0, 1, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4))
    with Image.open(images.save(tmp_path / "a.png")) as picture:
        pixels = np.array(picture)
    assert pixels.shape == (8, 14, 3)
    expected = images.tensor[1].mul(255).round().permute(1, 2, 0).numpy().astype(np.uint8)
    np.testing.assert_array_equal(pixels[2:6, 8:12], expected)
    sound = GeneratedAudio(torch.sin(torch.arange(800) * 0.3) * 0.5, 8000)
    wave, rate = soundfile.read(sound.save(tmp_path / "a.wav"))
    assert rate == 8000
    np.testing.assert_allclose(wave, sound.numpy(), atol=1e-4)
    for result, wrong in ((text, "a.png"), (images, "a.wav"), (sound, "a.txt")):
        with pytest.raises(UsageError, match="must end in"):
            result.save(tmp_path / wrong)


def test_results_show_themselves_without_scripts_and_escape_text():
    shown = GeneratedText(["<script>alert(1)</script>"])._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    images = GeneratedImages(torch.zeros(2, 1, 8, 8), ["a<b", "c"])._repr_html_()
    assert images.count("data:image/png;base64,") == 2
    assert "a&lt;b" in images
    sound = GeneratedAudio(torch.zeros(4000), 8000)._repr_html_()
    assert sound.count("data:image/png;base64,") == 1
    assert sound.count("data:audio/wav;base64,") == 1


def test_images_index_as_imshow_wants_them():
    colour = GeneratedImages(torch.rand(3, 3, 5, 6))
    assert colour[0].shape == (5, 6, 3)
    torch.testing.assert_close(colour[1][..., 2], colour.tensor[1, 2])
    assert GeneratedImages(torch.rand(3, 1, 5, 6))[0].cpu().numpy().shape == (5, 6)
    assert len(list(colour)) == 3
    assert len(colour[1:]) == 2


def test_choose_labels():
    names = ("a", "b", "c")
    assert choose_labels(None, 5, names).tolist() == [0, 1, 2, 0, 1]
    assert choose_labels("c", 2, names).tolist() == [2, 2]
    assert choose_labels([0, "b"], 2, names).tolist() == [0, 1]
    assert choose_labels(None, 5, ()) is None
    for wrong in (3, -1, True, "d", 1.0):
        with pytest.raises(UsageError, match="unknown label"):
            choose_labels([wrong], 1, names)
        with pytest.raises(UsageError, match="unknown label"):
            choose_labels(wrong, 1, names)
    with pytest.raises(UsageError, match="empty list"):
        choose_labels([], 3, names, in_turn=True)


def test_what_is_not_a_checkpoint_is_named(tmp_path, runs):
    with pytest.raises(CheckpointError, match="there is no run or checkpoint"):
        aigc.load_generator(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        aigc.load_generator(tmp_path / "empty")
    content = (runs["text-gpt"].directory / "last.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-10])
    with pytest.raises(CheckpointError, match="damaged"):
        aigc.load_generator(tmp_path / "cut.safetensors")
