"""The command line, and the main job behind it."""

import pytest

import kerata
from kerata.cli.main import main


def test_the_demo_trains_draws_and_reads(tmp_path, capsys):
    path = tmp_path / "folder" / "curves.png"
    assert main(["demo", "--epochs", "1", "--output", str(path)]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert lines[0] == "MNIST: 5000 pictures to learn from, 1000 to test on"
    assert "784 - Dense 512 relu - Dense 10 softmax: 407,050 weights" in said
    assert sum(line.startswith("Epoch 1/1") for line in lines) == 1 and "val_accuracy" in said
    accuracy = float(next(line for line in lines if line.startswith("Test accuracy")).split()[2])
    assert 0.75 < accuracy < 1.0
    assert lines[-2] == "One epoch is too few to read: train for more."
    assert lines[-1] == f"The curves are in {path}."
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_demo_is_the_same_each_time(tmp_path, capsys):
    runs = [main(["demo", "--epochs", "1", "--output", str(tmp_path / "c.png")]) for _ in range(2)]
    results = [line.split(" after ")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("Test accuracy")]
    assert runs == [0, 0] and results[0] == results[1]


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out.strip() == f"kerata {kerata.__version__}"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "COMMAND"),
        (["demo", "--epochs", "0"], "--epochs must be at least 1"),
        (["demo", "--epochs", "many"], "invalid int"),
        (["dem"], "invalid choice"),
    ],
)
def test_wrong_words_end_with_a_line_of_help(words, text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and text in capsys.readouterr().err
