// What is wider than its place can be scrolled; with this also by those who have no mouse.
function letTheKeyboardScroll() {
  for (const box of document.querySelectorAll(".math-block, .mermaid-diagram, .made figure pre")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}
window.addEventListener("load", letTheKeyboardScroll);
window.addEventListener("resize", letTheKeyboardScroll);
