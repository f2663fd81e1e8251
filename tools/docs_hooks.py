"""
Extend MkDocs for `make docs`: add anchors for codes, and leave out files that nobody needs.
"""

import re
import shutil
from pathlib import Path
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig

CODE = re.compile(r"[a-z0-9_-]+|HOLDFAST_[A-Z_]+")


class _CodeAnchors(Treeprocessor):
    """Add an anchor to each code or variable that a row begins with, such as `weak-key` or `HOLDFAST_DATA`."""

    def run(self, root: Element) -> None:
        ids = {element.get("id") for element in root.iter()}
        for row in root.iter("tr"):
            for code in row.findall("td[1]/code") or row.findall("td[2]/code"):
                name = code.text or ""
                if CODE.fullmatch(name) and name not in ids:
                    code.set("id", name)
                    ids.add(name)


class _CodeAnchorsExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown calls it by this name
        # After inline code is an element (20), and before MkDocs collects the anchors that links may have (5 or less).
        md.treeprocessors.register(_CodeAnchors(md), "code-anchors", 15)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Register the extension."""
    config.markdown_extensions.append(_CodeAnchorsExtension())
    config.theme.static_templates.discard("404.html")  # the publisher has its own
    return config


def on_post_build(config: MkDocsConfig) -> None:
    """Remove what the publisher doesn't serve: source maps, other languages, and a site map without addresses."""
    for name in ("sitemap.xml", "sitemap.xml.gz"):
        Path(config.site_dir, name).unlink(missing_ok=True)
    scripts = Path(config.site_dir) / "assets/javascripts"
    shutil.rmtree(scripts / "lunr", ignore_errors=True)
    for source_map in Path(config.site_dir, "assets").rglob("*.map"):
        source_map.unlink()
