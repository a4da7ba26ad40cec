"""Writes the site: the chapters of `docs/`, and the reference from docstrings; searched together, links checked (`make docs`).

    python tools/site_pages.py [FOLDER]

The pages open from the disk, without a server and without the network.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import reference
import yaml

ROOT = Path(__file__).resolve().parents[1]
# Chapters, by part, in the order in which they are read.
CHAPTERS = {
    "Guide": {
        "A tour": "guide.md",
        "Pictures": "pictures.md",
        "Trying is cheap": "search.md",
        "Reading the curves": "judgement.md",
        "Old code and old files": "old-code.md",
        "scikit-learn": "scikit-learn.md",
        "Export": "export.md",
    },
    "Facts": {
        "What differs from Keras": "differences.md",
        "Benchmarks": "benchmarks.md",
        "Changelog": "CHANGELOG.md",
        "Architecture": "architecture.md",
        "Findings": "findings.md",
        "Contributing": "CONTRIBUTING.md",
    },
}
# Of the whole project, not of `docs/`.
OF_PROJECT = {"README.md": "index.md", "CHANGELOG.md": "CHANGELOG.md", "CONTRIBUTING.md": "CONTRIBUTING.md"}
THEME = {
    "name": "material",
    # Fonts of the machine: none are fetched.
    "font": False,
    "features": ["navigation.tabs", "navigation.top", "search.suggest", "search.highlight", "content.code.copy", "toc.follow"],
    "palette": [
        {
            "media": "(prefers-color-scheme: light)",
            "scheme": "default",
            "toggle": {"icon": "material/weather-night", "name": "Dark"},
        },
        {
            "media": "(prefers-color-scheme: dark)",
            "scheme": "slate",
            "toggle": {"icon": "material/weather-sunny", "name": "Light"},
        },
    ],
}
# What stands in each page for the search on pages that are opened from the disk.
FETCHED = '<script src="https://unpkg.com/iframe-worker/shim"></script>'
EXTENSIONS = ["tables", "attr_list", "pymdownx.superfences", {"toc": {"permalink": True, "toc_depth": 2}}]


def write_pages(folder: Path, texts: dict[str, str]) -> None:
    """Writes the sources of all pages.

    Args:
        folder: where to; what stood there is gone.
        texts: pages of the reference, by their files.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    for source, target in OF_PROJECT.items():
        (folder / target).write_text(of_project((ROOT / source).read_text()))
    for path in folder.glob("*.md"):
        path.write_text(outside(path.read_text()))
    (folder / "reference").mkdir()
    for name, text in texts.items():
        (folder / "reference" / name).write_text(text)


def of_project(text: str) -> str:
    """A text of the project's folder, as it stands beside the chapters.

    >>> of_project("[A](docs/guide.md#b), ![c](docs/images/d.png)")
    '[A](guide.md#b), ![c](images/d.png)'
    """
    return text.replace("](docs/", "](")


def outside(text: str) -> str:
    """A text whose links to files of the project that are no pages are their paths.

    >>> outside("[examples](../examples/eras)")
    'examples (`examples/eras`)'
    """
    return re.sub(r"\[([^]]*)\]\(\.\./([^)]*)\)", lambda found: f"{found[1].strip('`')} (`{found[2]}`)", text)


def settings(pages: Path, site: Path, names: list[str]) -> dict[str, object]:
    """The settings of mkdocs."""
    parts = [{part: [{title: file} for title, file in chapters.items()]} for part, chapters in CHAPTERS.items()]
    listed = [{f"kerata.{name.removesuffix('.md')}".replace("kerata.kerata", "kerata"): f"reference/{name}"} for name in names]
    return {
        "site_name": "Kerata",
        "docs_dir": str(pages),
        "site_dir": str(site),
        "use_directory_urls": False,
        "nav": [{"Kerata": "index.md"}, parts[0], {"Reference": listed}, *parts[1:]],
        "theme": THEME,
        "plugins": ["material/search", "material/offline"],
        "markdown_extensions": EXTENSIONS,
        "validation": {"nav": {"omitted_files": "warn"}, "links": {"anchors": "warn", "unrecognized_links": "warn"}},
    }


def build(site: Path, texts: dict[str, str]) -> None:
    """Makes the site. A link that leads nowhere is an error."""
    work = site.parent / "pages"
    write_pages(work, texts)
    config = site.parent / "mkdocs.yml"
    config.write_text(yaml.safe_dump(settings(work.resolve(), site.resolve(), list(texts)), sort_keys=False))
    # The theme speaks of its successor else.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--config-file", str(config)]
    subprocess.run(command, check=True, env=environment)
    keep_to_the_disk(site)


def keep_to_the_disk(site: Path) -> None:
    """Lets the search run without a server, and without the script that the theme would fetch for it."""
    shutil.copy(ROOT / "tools" / "worker.js", site / "assets" / "worker.js")
    for path in site.rglob("*.html"):
        text = path.read_text()
        if FETCHED not in text:
            raise SystemExit(f"{path}: the theme's search has changed, and would not run from the disk")
        text = text.replace(FETCHED, f'<script src="{os.path.relpath(site, path.parent)}/assets/worker.js"></script>')
        if found := re.search(r'<(script|link|img)[^>]*(src|href)="?https?:[^>]*>', text):
            raise SystemExit(f"{path}: the page would fetch something: {found[0]}")
        path.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/docs"))
    given = parser.parse_args()
    given.folder.parent.mkdir(parents=True, exist_ok=True)
    texts = reference.pages()
    build(given.folder, texts)
    print(f"{len(texts)} pages of the reference, and the chapters: {given.folder / 'index.html'}")


if __name__ == "__main__":
    main()
