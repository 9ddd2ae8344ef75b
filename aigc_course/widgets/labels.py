"""Names for what ipywidgets leaves without one, so that a screen reader can say what it is.

ipywidgets has no parameter for the name of a slider's handle, of the buttons of Play, or for the text that stands for
an image. The page itself can give them: a style element calls its `onload` whenever it is put into a page.
"""

import html

_SCRIPT = """
const panel = this.closest('.widget-vbox');
const play = ['play or pause', 'back to the start', 'repeat'];
for (const label of panel ? panel.querySelectorAll('.widget-label') : []) {
  const row = label.parentElement;
  row.querySelector('[role=slider]')?.setAttribute('aria-label', label.textContent);
  row.querySelectorAll('.widget-play button').forEach((button, i) => button.setAttribute('aria-label', play[i]));
}
panel?.querySelector('img.widget-image')?.setAttribute('alt', this.dataset.title);
"""


def labelling(title: str) -> str:
    """HTML for an `HTML` widget of a panel: names each slider as its label, Play's buttons, and the image `title`."""
    return f'<style data-title="{html.escape(title)}" onload="{html.escape(_SCRIPT)}"></style>'
