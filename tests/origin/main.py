"""The origin as a program: `origin serve` plays github.com on loopback."""

from __future__ import annotations

import argparse
import json
import os
import signal
from pathlib import Path
from queue import SimpleQueue

from tests.origin._certificates import BAD_CERTIFICATES
from tests.origin._faults import FAULTS
from tests.origin._repos import files_below
from tests.origin.origin import Origin
from tests.origin.sample_hub import add_sample


def main() -> None:
    # `bazel run` starts elsewhere; paths mean where the user is.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    options = _parser().parse_args()
    # A queue, since put() may be called where get() was interrupted.
    ended: SimpleQueue[None] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.put(None))
    with Origin(
        options.directory, port=options.port, extra_names=options.name
    ) as origin:
        _serve(origin, options)
        ended.get()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="origin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve", help="serve the sample hub, hubd/sample, until SIGINT or SIGTERM"
    )
    serve.add_argument(
        "--port", type=int, default=0, metavar="N", help="HTTPS port (0: a free one)"
    )
    serve.add_argument(
        "--directory",
        metavar="DIR",
        help="where repositories, files, certificates and hubd.toml lie"
        " (default: a temporary one)",
    )
    serve.add_argument(
        "--rate", type=_positive, metavar="BYTES", help="bytes per second, at most"
    )
    serve.add_argument(
        "--ready-file",
        metavar="FILE",
        type=Path,
        help="written when ready: JSON with port, ca_file and config",
    )
    serve.add_argument(
        "--repo",
        action="append",
        default=[],
        type=_repo,
        metavar="OWNER/NAME=PATH",
        help="also serve this git repository, or a directory as one commit",
    )
    serve.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="also play this host, with the files in DIR/files/HOST",
    )
    serve.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="HOST/PREFIX=NAME",
        help="do one thing wrong there: NAME is an HTTP status, "
        + ", ".join([*FAULTS, *BAD_CERTIFICATES]),
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError
    return number


def _repo(text: str) -> tuple[str, str, Path]:
    name, _, path = text.partition("=")
    owner, _, short = name.partition("/")
    if not (owner and short and path and Path(path).is_dir()):
        raise argparse.ArgumentTypeError(f"not OWNER/NAME=PATH: {text}")
    return owner, short, Path(path).absolute()


def _fault(text: str) -> tuple[str, str, str]:
    place, equals, name = text.rpartition("=")
    host, _, prefix = place.partition("/")
    if not (host and equals and name):
        raise argparse.ArgumentTypeError(f"not HOST/PREFIX=NAME: {text}")
    return name, host, f"/{prefix}"


def _serve(origin: Origin, options: argparse.Namespace) -> None:
    url = add_sample(origin)
    served = ["https://github.com/hubd/sample   main, v1", url]
    for owner, name, path in options.repo:
        if (path / ".git").exists() or (path / "HEAD").exists():
            origin.clone_repo(owner, name, path)
        else:
            origin.add_repo(owner, name, files_below(path))
        served.append(f"https://github.com/{owner}/{name}")
    if options.rate:
        origin.limit_rate(options.rate)
    for fault in options.fault:
        origin.fault(*fault)
    config = origin.write_config(origin.directory / "hubd.toml")
    print(f"The origin listens on 127.0.0.1:{origin.port} and serves:")
    for line in served:
        print(f"  {line}")
    print("To lead hubd to it:")
    print(f"  export HUBD_CONFIG={config}", flush=True)
    if options.ready_file:
        ready = {
            "port": origin.port,
            "ca_file": str(origin.ca_file),
            "config": str(config),
        }
        staged = options.ready_file.with_name(f".{options.ready_file.name}.new")
        staged.write_text(json.dumps(ready) + "\n")
        os.replace(staged, options.ready_file)


if __name__ == "__main__":
    main()
