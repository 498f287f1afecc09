"""bench: how fast hubd is, beside what people use without it.

Compares with real peers in the same run, by turns; what counts are ratios of medians.
Prints a table; the exit code is 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import tests.bench.repos  # noqa: F401  (its rows are in ROWS)
from tests.bench.figures import Figure, medians, table
from tests.bench.peers import Peers, install
from tests.bench.place import Place, Programs, Sizes
from tests.bench.rows import ROWS

_TINY = Sizes(
    rounds=1, big=1 << 20, shared=1 << 20, clients=3, calls=10, lookups=10, files=60
)


def main(words: Sequence[str] | None = None) -> int:
    # `bazel run` starts elsewhere; paths mean where the user is.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    options = _parser().parse_args(words)
    # As an interrupt does: what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sizes = _TINY if options.tiny else Sizes(rounds=options.rounds)
    python = options.python or install(_workspace(), options.state)
    figures: list[Figure] = []
    for name in options.rows or ROWS:
        with Place(
            options.state / "bench", _programs(), Peers.found(python), sizes
        ) as place:
            print(f"{name}: {ROWS[name].__doc__}", file=sys.stderr, flush=True)
            figures += ROWS[name](place)
    machine = _machine(options.state)
    print(", ".join(f"{key}: {value}" for key, value in machine.items()))
    print()
    print(table(figures))
    print()
    print(medians(figures))
    if options.json:
        document = {
            "machine": machine,
            "sizes": vars(sizes),
            "figures": [figure.as_json() for figure in figures],
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all(figure.passed for figure in figures) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench",
        description=__doc__,
        epilog=_describe_rows(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        type=_row,
        help="which to measure (default: all)",
    )
    parser.add_argument(
        "--rounds", type=int, default=7, metavar="N", help="how often (default: 7)"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="all samples, as JSON"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        default=_default_state(),
        help="where to measure: on a disk, with 4 GB free (default: %(default)s)",
    )
    parser.add_argument(
        "--python",
        metavar="PROGRAM",
        help="with hubd and numpy, perhaps torch and huggingface_hub; default: an"
        " environment that is made in DIR",
    )
    parser.add_argument(
        "--tiny", action="store_true", help="next to nothing, to try the bench itself"
    )
    return parser


def _row(name: str) -> str:
    if name in ROWS:
        return name
    raise argparse.ArgumentTypeError(f'no "{name}"; there are {", ".join(ROWS)}')


def _describe_rows() -> str:
    lines = [f"  {name:<10} {row.__doc__}" for name, row in ROWS.items()]
    return "\n".join(["rows:", *lines])


def _default_state() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HUBD_TEST_STATE") or Path(cache) / "hubd-test")


def _workspace() -> Path:
    return Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY") or _above())


def _above() -> Path:
    """The workspace, or what stands for it under `bazel run`."""
    return Path(__file__).absolute().parents[2]


def _programs() -> Programs:
    top = _above()
    return Programs.below(top if (top / "server/hubd").exists() else top / "bazel-bin")


def _machine(state: Path) -> dict[str, object]:
    """What the figures depend on."""
    kind = ["stat", "--file-system", "--format=%T", str(state)]
    return {
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "files on": subprocess.check_output(kind, text=True).strip(),
    }


if __name__ == "__main__":
    sys.exit(main())
