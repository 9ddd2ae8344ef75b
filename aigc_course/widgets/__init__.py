"""Things to touch: explorers that redraw while you move a slider."""
