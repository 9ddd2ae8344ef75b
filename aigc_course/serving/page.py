"""The page for people: a tab for each kind of model, over the same queue and limits as the JSON API."""

from typing import Any

import gradio as gr
from fastapi import FastAPI

from aigc_course.serving.gate import PageGate
from aigc_course.serving.models import ServedModel
from aigc_course.serving.service import Service
from aigc_course.serving.visits import audio_handler, images_handler, text_handler

_FONTS = ("Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")  # those of the system: no download
_ALL, _ANYONE = "each in turn", "anyone"
_CSS = """
.made {display: grid; grid-template-columns: repeat(auto-fill, minmax(72px, 1fr)); gap: 8px}
.made figure {margin: 0; text-align: center; font-size: 0.8em}
.made img {width: 100%; image-rendering: pixelated; border-radius: 4px}
audio {width: 100%}
body:not(.dark) [role=tab][aria-selected=true] {color: var(--primary-700)}
"""


def mount_page(app: FastAPI, service: Service) -> None:
    """Put the page at `/`. Behind it is Gradio's own queue, without a limit: the service's is the one that counts."""
    with gr.Blocks(title="aigc-course", analytics_enabled=False) as page:
        gr.Markdown("# Made by models\nEverything on this page is AI-generated. Nothing that you type is kept.")
        with gr.Tabs():
            for kind, build in (("text", _text_tab), ("images", _images_tab), ("audio", _audio_tab)):
                if models := [model for model in service.models.values() if model.kind == kind]:
                    build(service, models)
    page.queue(default_concurrency_limit=None, api_open=False)
    gr.mount_gradio_app(
        app,
        page,
        "/",
        theme=_theme(),
        css=_CSS,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
    )
    events = [event for event in page.config["dependencies"] if event["backend_fn"]]
    app.add_middleware(PageGate, n_values={event["id"]: len(event["inputs"]) for event in events})


def _theme() -> gr.themes.Base:
    """Gradio's own, with fonts that need no download, and with grey that can be read on white."""
    theme = gr.themes.Default(primary_hue="blue", font=_FONTS, font_mono=("ui-monospace", "Consolas", "monospace"))
    return theme.set(block_info_text_color="*neutral_600", body_text_color_subdued="*neutral_600")


def _text_tab(service: Service, models: list[ServedModel]) -> None:
    limits = service.limits
    most = limits.text_characters
    with gr.Tab("Text"), gr.Row():
        with gr.Column():
            model = _model_choice(models)
            prompt = gr.Textbox(label="The text begins with", lines=3, max_length=limits.prompt_characters)
            length = gr.Slider(1, most, min(200, most), step=1, label="Characters at most")
            temperature = gr.Slider(0, 2, 1, step=0.05, label="Temperature (0: always the likeliest)")
            top_p = gr.Slider(0.05, 1, 1, step=0.05, label="Top p (share of the probability to choose from)")
            seed = _seed()
            button = gr.Button("Write", variant="primary")
            stop = gr.Button("Stop")
        with gr.Column():
            text = gr.Textbox(label="Text", lines=10, interactive=False)
            note = gr.Markdown()
    inputs = [model, prompt, length, temperature, top_p, seed]
    event = _on([button.click, prompt.submit], text_handler(service), inputs, [text, note])
    stop.click(None, cancels=[event])
    _on([model.change], lambda name: gr.Dropdown(info=_about(_chosen(service, name))), [model], [model])


def _images_tab(service: Service, models: list[ServedModel]) -> None:
    with gr.Tab("Images"), gr.Row():
        with gr.Column():
            model = _model_choice(models)
            number = gr.Slider(1, service.limits.images, min(20, service.limits.images), step=1, label="Images")
            label = _choice("Class", models[0].class_names, _ALL)
            seed = _seed()
            button = gr.Button("Paint", variant="primary")
        with gr.Column():
            grid = gr.HTML(label="Images", elem_id="images")
            note = gr.Markdown()
    _on([button.click], images_handler(service), [model, number, label, seed], [grid, note])

    def known(name: str) -> tuple[Any, Any]:
        chosen = _chosen(service, name)
        return gr.Dropdown(info=_about(chosen)), _choice("Class", chosen.class_names, _ALL)

    _on([model.change], known, [model], [model, label])


def _audio_tab(service: Service, models: list[ServedModel]) -> None:
    with gr.Tab("Sound"), gr.Row():
        with gr.Column():
            model = _model_choice(models)
            label = _choice("Word", models[0].class_names, _ALL)
            speaker = _choice("Speaker", models[0].speaker_names, _ANYONE)
            temperature = gr.Slider(0, 2, 1, step=0.05, label="Temperature (0: the most typical sound)")
            seed = _seed()
            button = gr.Button("Speak", variant="primary")
        with gr.Column():
            player = gr.HTML(label="Sound", elem_id="sound")
            note = gr.Markdown()
    _on([button.click], audio_handler(service), [model, label, speaker, temperature, seed], [player, note])

    def known(name: str) -> tuple[Any, Any, Any]:
        chosen = _chosen(service, name)
        word = _choice("Word", chosen.class_names, _ALL)
        return gr.Dropdown(info=_about(chosen)), word, _choice("Speaker", chosen.speaker_names, _ANYONE)

    _on([model.change], known, [model], [model, label, speaker])


def _on(triggers: list[Any], handler: Any, inputs: list[Any], outputs: list[Any]) -> Any:
    """Let what a visitor does call the handler, with raw values: they are checked as those of the JSON API are."""
    return gr.on(triggers, handler, inputs, outputs, preprocess=False, show_progress="hidden", api_visibility="private")


def _model_choice(models: list[ServedModel]) -> Any:
    names = [model.name for model in models]
    return gr.Dropdown(names, value=names[0], label="Model", info=_about(models[0]), interactive=True)


def _chosen(service: Service, name: str) -> ServedModel:
    if name not in service.models:
        raise gr.Error("no model of that name is served", print_exception=False)
    return service.models[name]


def _about(model: ServedModel) -> str:
    """What one should know of a model before one uses it."""
    card = model.card
    return f"{card['recipe']}, profile {card['profile']}, trained on {card['data']}, licence {card['licence']}"


def _choice(label: str, names: tuple[str, ...], nothing: str) -> Any:
    """One of the names, or none of them; not shown where there are no names."""
    choices = [(nothing, ""), *((name, name) for name in names)]
    return gr.Dropdown(choices, value="", label=label, visible=bool(names), interactive=True)


def _seed() -> Any:
    return gr.Textbox(label="Seed", placeholder="empty: a new one each time", max_length=16)
