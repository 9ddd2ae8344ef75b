"""What axe finds in a page: the rules of WCAG that a program can check."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe

BLOCKING = ("serious", "critical")


def findings(page: Any, *, within: str = "", without: tuple[str, ...] = (), rule_off: str = "") -> list[str]:
    """The serious and critical findings of axe, one text for each element: rule, element, what is wrong.

    Args: within: the elements to look at; "" is the whole page. without: those to leave out. rule_off: a rule to skip.
    """
    places: dict[str, list[list[str]]] = {"exclude": [[selector] for selector in without]}
    if within:
        places["include"] = [[within]]
    rules = {rule_off: {"enabled": False}} if rule_off else {}
    response = Axe().run(page, context=places, options={"resultTypes": ["violations"], "rules": rules}).response
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in response["violations"]
        if rule["impact"] in BLOCKING
        for node in rule["nodes"]
    ]
