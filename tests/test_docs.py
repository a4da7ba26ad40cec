"""The code of the pages runs: each block of a page after the other, in one namespace, as a reader would copy it.

So that it takes seconds, numbers of epochs, trials and repetitions are made small (`SMALL`); nothing else is changed, and what
the pages say of the results is not looked at: `tools/pages.py` runs the real thing and writes the pages' outputs.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PAGES = {
    "README.md": ("tabular/ionosphere.csv",),
    "docs/guide.md": (),
    "docs/search.md": ("tabular/ionosphere.csv", "tabular/pima-indians-diabetes.csv"),
    "docs/scikit-learn.md": (),
    "docs/export.md": (),
    "docs/pictures.md": ("cifar10-jpg.tar.gz",),
}
# What is put in place of what, so that a page takes seconds.
SMALL = (
    (r"\bepochs=\d+", "epochs=3"),
    (r"\btrials=\d+", "trials=6"),
    (r"\brepeats=10\b", "repeats=2"),
    (r"\bcount=\d+", "count=20"),
    (r"\bcv=(5|10)\b", "cv=3"),
    (r'optimizers="all"', 'optimizers=["sgd", "adam"]'),
    (r"batch_sizes=\[.*?\]", "batch_sizes=[32, 64]"),
    (r'    "norm, relu": .*\n', ""),
    (r"\^trial 30 ", "^trial 3 "),
    (r"\b200 \* 5 \* 9\b", "6 * 3 * 3"),
)


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


pages = load(ROOT / "tools" / "pages.py")


def shrink(code):
    for pattern, small in SMALL:
        code = re.sub(pattern, small, code)
    return code


@pytest.fixture(scope="module")
def few_pictures(tmp_path_factory):
    """The first pictures of each class in an archive of their own: to read the whole one takes seconds each time."""
    whole, few = DATA / "cifar10-jpg.tar.gz", tmp_path_factory.mktemp("pictures") / "cifar10-jpg.tar.gz"
    if not whole.is_file():
        pytest.skip(f"the pictures are not there: {whole}")
    with tarfile.open(whole) as source, tarfile.open(few, "w:gz", compresslevel=1) as goal:
        for member in source:
            if re.fullmatch(r"train/\w+/00[0-2]\d\.jpg", member.name):
                goal.addfile(member, source.extractfile(member))
            if member.name.startswith("train/truck/003"):
                break
    return few


# Its searches take a minute.
SLOW = {"docs/search.md"}


@pytest.mark.parametrize("page", [pytest.param(page, marks=pytest.mark.slow) if page in SLOW else page for page in PAGES])
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch, request):
    for name in PAGES[page]:
        path = request.getfixturevalue("few_pictures") if name == "cifar10-jpg.tar.gz" else DATA / name
        if not path.is_file():
            pytest.skip(f"the page's data is not there: {path}")
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    namespace = {"__name__": "__main__"}
    blocks = [block for block in pages.read_blocks((ROOT / page).read_text()) if block.run]
    blocks = [block for block in blocks if block.language == "python" or page == "docs/search.md"]
    assert blocks
    for block in blocks:
        block.code = shrink(block.code)
        printed = pages.run_block(block, namespace, tmp_path)
        # A page shows an output exactly where there is one.
        if page == "docs/search.md" and not block.file:
            assert bool(printed.strip()) == (block.output is not None), f"line {block.line} printed {printed!r}"


def test_the_pictures_and_pages_that_a_page_links_to_are_there():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if not target.startswith(("http://", "https://")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pictures_are_small():
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < 150_000, picture.name


def test_outputs_costs_and_pictures_are_written_into_a_page(tmp_path):
    (tmp_path / "images").mkdir()
    page = tmp_path / "short.md"
    code = 'print(2)\nopen("dot.png", "wb").write(b"x")\n'
    page.write_text(
        f"<!-- timed: two -->\n```python\n{code}```\n\n```text\nold\n```\n\n![a dot](images/short_dot.png)\n\n"
        "<!-- costs -->\n<!-- end of costs -->\n\n<!-- not run -->\n```python\nraise SystemExit\n```\n"
    )
    subprocess.run(
        [sys.executable, str(ROOT / "tools" / "pages.py"), str(page), "--rounds", "1", "--write"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    text = page.read_text()
    assert "```text\n2\n```" in text and re.search(r"\| two \| 0\.\d\d s \| 0\.\d\d s \|", text)
    assert (tmp_path / "images" / "short_dot.png").read_bytes() == b"x"


def test_the_example_of_pictures_runs_and_says_where_its_pictures_are_not(tmp_path, few_pictures):
    command = [sys.executable, str(ROOT / "examples" / "pictures" / "fine_tuning.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    how = {"capture_output": True, "text": True, "check": False, "env": environment}
    absent = subprocess.run([*command, str(tmp_path / "absent.tar.gz")], **how)
    assert absent.returncode == 1 and "The pictures are not there" in absent.stderr
    done = subprocess.run([*command, str(few_pictures), "--pictures", "12", "--epochs", "2"], **how)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("of unseen pictures") == 3
