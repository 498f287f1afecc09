"""bench: how fast hubd is, beside what people use without it.

Compares with real peers in the same run, by turns; what counts are ratios of medians.
Prints a table; the exit code is 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Their rows are in ROWS.
import tests.bench.callers
import tests.bench.downloads
import tests.bench.repos
import tests.bench.stored  # noqa: F401
from tests.bench.figures import Figure, medians, table
from tests.bench.peers import Peers, install
from tests.bench.place import Place, Programs, Sizes
from tests.bench.rows import ROWS, named

_TINY = Sizes(
    rounds=1,
    big=1 << 20,
    shared=1 << 20,
    # Far more than has come when the caller leaves.
    paused=256 << 20,
    clients=3,
    crowd=5,
    published=3,
    calls=10,
    lookups=10,
    files=60,
)
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def main(words: Sequence[str] | None = None) -> int:
    # `bazel run` starts elsewhere; paths mean where the user is.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    options = _parser().parse_args(words)
    # As an interrupt does: what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sizes = _TINY
    if not options.tiny:
        sizes = Sizes(rounds=options.rounds, big=options.size)
    _check_space(options.state, sizes)
    python = options.python or install(_workspace(), options.state)
    figures: list[Figure] = []
    names = [name for word in options.rows for name in word]
    for name in dict.fromkeys(names or ROWS):
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
        type=_rows,
        help="which to measure; a letter means all of its number (default: all)",
    )
    parser.add_argument(
        "--rounds", type=_count, default=7, metavar="N", help="how often (default: 7)"
    )
    parser.add_argument(
        "--size",
        type=_size,
        default=Sizes.big,
        metavar="N",
        help='of the big file: "8GiB" (default: 2GiB)',
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="all samples, as JSON"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        default=_default_state(),
        help="where to measure: on a disk, three times the --size free"
        " (default: %(default)s)",
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


def _rows(word: str) -> list[str]:
    if names := named(word):
        return names
    raise argparse.ArgumentTypeError(f'no "{word}"; there are {", ".join(ROWS)}')


def _count(word: str) -> int:
    if word.isdecimal() and int(word) > 0:
        return int(word)
    raise argparse.ArgumentTypeError(f'"{word}" is no number above 0')


def _size(word: str) -> int:
    found = re.fullmatch(r"([0-9]+)(|KiB|MiB|GiB)", word)
    size = int(found[1]) * _UNITS[found[2]] if found else 0
    if size >= 1 << 20:
        return size
    raise argparse.ArgumentTypeError(
        f'"{word}" is no size of 1MiB or more, as "512MiB" or "8GiB" is'
    )


def _check_space(state: Path, sizes: Sizes) -> None:
    state.mkdir(parents=True, exist_ok=True)
    free, needed = shutil.disk_usage(state).free, 3 * sizes.big
    if free < needed:
        raise SystemExit(
            f"bench: {state} has {free >> 20} MiB free and {needed >> 20} are needed;"
            " give a smaller --size or another --state"
        )


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
