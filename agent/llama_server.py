"""Child process of `agent.local_mind`: one language model behind an OpenAI-compatible server on the loopback.

    python -m agent.llama_server MODEL.gguf --threads 1 --context 2048 --nice 5

Writes its address as one line to standard output, and ends when its standard input does, so that it never
outlives whoever started it.
"""

import argparse
import os
import sys
from typing import Any


def main(argv: list[str] | None = None) -> None:
    """Load the model, say where it is, and serve until standard input closes."""
    arguments = _parser().parse_args(argv)
    os.nice(arguments.nice)
    server = serve(arguments.model, arguments.threads, arguments.context)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()


def serve(model: str, threads: int, context: int) -> Any:
    """Return a running `xllamacpp.Server` for the GGUF file `model`.

    Args:
        model: path of the file.
        threads: threads that compute. They wait for each other by spinning, so more threads than idle cores
            make it many times slower, not faster.
        context: tokens of prompt and answer together.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = context
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.cache_ram_mib = 64
    params.verbosity = 0
    params.ui = False
    return xllamacpp.Server(params)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent.llama_server", description="Serve a GGUF language model.")
    parser.add_argument("model", help="path of a GGUF file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, default=2048, help="tokens")
    parser.add_argument("--nice", type=int, default=5, help="how much it gives way to other processes, 0..19")
    return parser


if __name__ == "__main__":
    main()
