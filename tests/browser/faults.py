"""What is wrong with the outputs of a notebook as its page shows them, beside what the notebook holds."""

import base64
import io
import re
from itertools import pairwise
from typing import Any

import soundfile

from aigc_course.widgets.explorer import LIVE_VIEW
from tests.browser.lab_page import LabPage
from tests.browser.pictures import difference

LEAST_SIDE = 16  # pixels of a figure, a widget or an output on the page
# A picture within a video is for browsers that can't play it: nobody sees it elsewhere.
VIDEO = re.compile(r"<video.*?</video>", re.DOTALL)
EMBEDDED = re.compile(r"<img[^>]*src=\"data:image/png;base64,([^\"]+)\"")
SECONDS_APART = 0.002
SAID_APART = 0.006  # texts say hundredths
# Each code cell with the boxes of what it shows; the figures' distances to the edges of the output they stand in.
SHOWN = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => {
    if (cell.model.type !== 'code') return null;
    const all = selector => [...cell.node.querySelectorAll('.jp-OutputArea-output' + selector)];
    const box = element => element.getBoundingClientRect();
    const area = cell.node.querySelector('.jp-OutputArea');
    return {
        id: cell.model.id,
        top: box(cell.node).top, bottom: box(cell.node).bottom,
        height: area ? box(area).height : 0,
        figures: all(' img:not(video img)').map(image => {
            const inner = box(image), outer = box(image.closest('.jp-OutputArea-output'));
            const inside = [inner.left - outer.left, inner.top - outer.top];
            return {
                loaded: image.complete && image.naturalWidth > 0, width: inner.width, height: inner.height,
                inside: Math.min(...inside, outer.right - inner.right, outer.bottom - inner.bottom),
            };
        }),
        widgets: all(' > .jupyter-widgets').map(view => box(view).height),
        sounds: all(' audio').filter(audio => box(audio).height > 0).length,
    };
}).filter(cell => cell !== null)"""
SOUNDS = """async () => Promise.all([...document.querySelectorAll('.jp-OutputArea-output audio')].map(async audio => {
    if (audio.readyState < 1) {
        await new Promise(done => { audio.onloadedmetadata = audio.onerror = done; audio.load(); });
    }
    const bytes = audio.error ? [] : new Uint8Array(await (await fetch(audio.currentSrc)).arrayBuffer());
    const said = audio.closest('figure')?.innerText.match(/([0-9]+[.][0-9]+) s\\b/);
    const cells = window.jupyterapp.shell.currentWidget.content.widgets;
    return {
        cell: cells.find(cell => cell.node.contains(audio)).model.id, seconds: audio.duration,
        file: [...bytes].map(byte => String.fromCharCode(byte)).join(''), said: said ? Number(said[1]) : null,
    };
}))"""
PLAY = """async () => {
    const silent = [];
    for (const [number, audio] of [...document.querySelectorAll('.jp-OutputArea-output audio')].entries()) {
        try {
            await audio.play();
            for (let i = 0; i < 100 && !(audio.played.length && audio.played.end(0) > 0); i++) {
                await new Promise(done => setTimeout(done, 20));
            }
        } catch (error) { silent.push(`player ${number}: ${error}`); continue; }
        if (!(audio.played.length && audio.played.end(0) > 0)) silent.push(`player ${number} stays silent`);
        audio.pause();
    }
    return silent;
}"""


def layout_faults(lab_page: LabPage, expected: list[dict[str, Any]]) -> list[str]:
    """What is missing, hidden, cut off or on top of something else in the page.

    Args: expected: the notebook's cells with the outputs that must be there.
    """
    shown = lab_page.page.evaluate(SHOWN)
    code = [cell for cell in expected if cell["cell_type"] == "code"]
    if [item["id"] for item in shown] != [cell["id"] for cell in code]:
        return ["the page has other cells than the notebook"]
    live = {cell["id"]: cell.get("outputs", []) for cell in lab_page.cells}
    faults = []
    for item, cell in zip(shown, code, strict=True):
        views = sum(LIVE_VIEW in output.get("data", {}) for output in live[cell["id"]])
        faults += [f"{item['id']}: {fault}" for fault in _cell_faults(item, cell, views)]
    return faults + [f"{b['id']}: lies over {a['id']}" for a, b in pairwise(shown) if b["top"] < a["bottom"] - 1]


def _cell_faults(item: dict[str, Any], cell: dict[str, Any], views: int) -> list[str]:
    """What is wrong with one cell: `item` as SHOWN gives it, `views` the live views that it holds."""
    faults = []
    if cell.get("outputs") and item["height"] < LEAST_SIDE:
        faults.append("its output is hidden")
    counts = (
        ("figures", len(item["figures"]), len(pictures(cell))),
        ("sounds", item["sounds"], sum(_html(output).count("<audio") for output in cell.get("outputs", []))),
        ("widgets", sum(height >= LEAST_SIDE for height in item["widgets"]), views),
    )
    faults += [f"{found} {what} instead of {wanted}" for what, found, wanted in counts if found != wanted]
    for number, figure in enumerate(item["figures"]):
        if not figure["loaded"] or min(figure["width"], figure["height"]) < LEAST_SIDE:
            faults.append(f"figure {number} is not to be seen")
        elif figure["inside"] < -1:
            faults.append(f"figure {number} is cut off by {-figure['inside']:.0f} pixels")
    return faults


def figure_faults(lab_page: LabPage, expected: list[dict[str, Any]]) -> list[str]:
    """Which figures, as the page draws them, don't look like the notebook's."""
    faults = []
    code = [cell for cell in expected if cell["cell_type"] == "code"]
    for place, cell in enumerate(code):
        wanted = pictures(cell)
        images = lab_page.page.locator(".jp-CodeCell").nth(place).locator(".jp-OutputArea-output img:not(video img)")
        for number, picture in enumerate(wanted[: images.count()]):
            fault = difference(images.nth(number).screenshot(animations="disabled"), picture)
            faults += [f"{cell['id']}: figure {number}: {fault}"] if fault else []
    return faults


def sound_faults(lab_page: LabPage) -> list[str]:
    """Which players are of another length than their file or than the text beside them, or don't play."""
    faults = []
    for sound in lab_page.page.evaluate(SOUNDS):
        if not sound["file"]:
            faults.append(f"{sound['cell']}: a player has no sound")
            continue
        file = soundfile.info(io.BytesIO(sound["file"].encode("latin-1")))
        seconds = file.frames / file.samplerate
        if abs(sound["seconds"] - seconds) > SECONDS_APART or seconds < 0.05:
            faults.append(f"{sound['cell']}: a player shows {sound['seconds']} s, its file has {seconds:.3f} s")
        if sound["said"] is not None and abs(sound["said"] - seconds) > SAID_APART:
            faults.append(f"{sound['cell']}: a file has {seconds:.3f} s, the text beside it says {sound['said']} s")
    return faults or lab_page.page.evaluate(PLAY)


def pictures(cell: dict[str, Any]) -> list[bytes]:
    """The pictures that a stored cell shows, as PNG files in order."""
    found: list[str] = []
    for output in cell.get("outputs", []):
        alone = output.get("data", {}).get("image/png")
        found += EMBEDDED.findall(VIDEO.sub("", _html(output))) if alone is None else [alone]
    return [base64.b64decode(picture) for picture in found]


def _html(output: dict[str, Any]) -> str:
    return "".join(output.get("data", {}).get("text/html", ""))
