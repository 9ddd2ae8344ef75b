"""The frame of a page that stands alone: no script, no file beside it, light and dark, fit to print."""

import html

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --right: #00795a; --wrong: #b84a00; }
@media (prefers-color-scheme: dark) { :root { --right: #2fc79d; --wrong: #ff9b5c; } }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0.2rem; }
h2 { font-size: 1.1rem; margin: 0.2rem 0; }
small { font-weight: normal; margin-left: 0.6em; }
section { border-left: 4px solid var(--line); padding: 0.3rem 1rem; margin: 1.2rem 0; }
section.passed { border-color: var(--right); }
section.failed { border-color: var(--wrong); }
.passed h2 { color: var(--right); }
.failed h2, p.failed { color: var(--wrong); }
pre { background: #8882; padding: 0.6rem; overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
.notice { border: 2px solid var(--line); border-radius: 6px; padding: 0.6rem 1rem; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
"""


def page(title: str, subtitle: str, body: str) -> str:
    """A whole HTML page. Args: title, subtitle: plain text. body: HTML."""
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{html.escape(title)}</h1><p>{html.escape(subtitle)}</p>\n{body}\n</main></body></html>\n"
    )
