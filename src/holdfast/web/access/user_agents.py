"""
Names of browsers that people recognize, from their User-Agent headers.
"""

import re

# In this order, because most browsers also name those that they are similar to.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"(?:OPR|Opera)/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS|HeadlessChrome)/(\d+)"),
    ("Safari", r"Version/(\d+)[.\d]* .*Safari/"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("macOS", "Mac OS X|Macintosh"),
    ("Linux", "Linux"),
)


def describe_agent(agent: str) -> str:
    """Write a User-Agent as "Firefox 140 on Windows"; others by their first product, such as "curl 8.5.0"."""
    system = next((name for name, pattern in _SYSTEMS if re.search(pattern, agent)), "")
    for name, pattern in _BROWSERS:
        if match := re.search(pattern, agent):
            return f"{name} {match[1]}{f' on {system}' if system else ''}"
    product = agent.split(" ", 1)[0].replace("/", " ", 1)
    return product or "Unknown browser"
