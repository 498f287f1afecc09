"""The rows about repos: refs that are known, and trees that are not.

Archives are made beforehand and served from memory, so that no row measures git.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.figures import Figure, at_most, interleave, ratio
from tests.bench.place import Place
from tests.bench.rows import p50, row

OWNER = "bench"


@row("ref")
def ref(place: Place) -> list[Figure]:
    """What `main` means, where its files are cached: a process's first question."""
    # Programs look a ref up once, so the connection is part of it, to hubd as to the
    # host. Without a bound: the same again and again, and asked from Python.
    if not place.peers.huggingface_hub:
        return []
    repo, calls = f"{OWNER}/ref:main", place.sizes.lookups
    place.origin.add_repo(OWNER, "ref", {"hubconf.py": "def tiny(): pass\n"})
    place.add_file("ref.bin", 1000)
    asked = []

    def counted(measure: Callable[[], float]) -> Callable[[], float]:
        def measured() -> float:
            place.origin.reset_counters()
            seconds = measure()
            asked.append(len(place.origin.requests))
            return seconds

        return measured

    with place.daemon() as daemon, place.scratch() as home:
        daemon.hubctl("load", repo, "tiny")

        def load(calls: int) -> Callable[[], float]:
            return counted(lambda: p50(place, daemon, "load", repo, str(calls)))

        def python() -> float:
            imports = "import hubd, hubd._rpc; from hubd.v1 import hub_pb2_grpc"
            call = f"hubd.Client().load({repo!r})"
            return _python_p50(place, imports, call, 1, daemon.environment)

        def huggingface_hub(calls: int) -> float:
            imports = "from huggingface_hub import hf_hub_download"
            call = "hf_hub_download('hubd/bench', 'ref.bin', revision='main')"
            environment = place.huggingface_hub_environment(home)
            return _python_p50(place, imports, call, calls, environment)

        taken = interleave(
            {
                "Load": load(1),
                "Python's load": counted(python),
                "hf_hub_download": lambda: huggingface_hub(1),
                "Load again": load(calls),
                "hf_hub_download again": lambda: huggingface_hub(calls),
            },
            place.sizes.rounds,
        )
        heads = place.nginx.count("HEAD", "ref.bin")
    # What is compared with does ask its host each time.
    assert heads > calls * (place.sizes.rounds + 1), heads
    return [
        ratio("ref", taken, "Load", "hf_hub_download", bound=0.125),
        at_most("ref", "requests within the TTL", asked, "", bound=0),
        ratio("ref", taken, "Python's load", "hf_hub_download"),
        ratio("ref", taken, "Load again", "hf_hub_download again"),
    ]


@row("unpack")
def unpack(place: Place) -> list[Figure]:
    """A tree of 10,000 small files: unpacked, hashed, on the disk for good."""
    files: dict[str, bytes | str] = {
        f"d{number // 100}/f{number}.py": _text(random.Random(number), 200, 8000)
        for number in range(place.sizes.files)
    }
    with _served(place, "unpack", files) as repo, place.scratch() as directory:
        zip_file = directory / "repo.zip"
        zip_file.write_bytes(repo.zip)

        def unzip() -> float:
            with place.scratch(keep=True) as tree:
                return place.seconds(
                    ["unzip", "-q", zip_file, "-d", tree], ["sync", "-f", tree]
                )

        ours, theirs = "hubctl load, download too", "unzip + sync"
        taken = interleave(
            {ours: lambda: _load(place, "unpack"), theirs: unzip}, place.sizes.rounds
        )
    return [ratio("unpack", taken, ours, theirs, bound=1.2)]


@row("cold_repo")
def cold_repo(place: Place) -> list[Figure]:
    """A repo of some 20 MB that was never asked for: its refs and its archive."""
    files: dict[str, bytes | str] = {}
    for number in range(place.sizes.files // 30):
        numbers = random.Random(number)
        files[f"code{number % 20}/m{number}.py"] = _text(numbers, 2000, 20_000)
        if number % 3 == 0:
            size = numbers.randrange(50_000, 350_000)
            files[f"assets/{number}.png"] = numbers.randbytes(size)
    with _served(place, "cold", files) as repo:

        def curl() -> float:
            with place.scratch(keep=True) as directory:
                zip_file = directory / "repo.zip"
                return place.seconds(
                    [*repo.curl, "-o", zip_file],
                    ["unzip", "-q", zip_file, "-d", directory],
                )

        ours, theirs = "hubctl load, refs too", "curl + unzip"
        taken = interleave(
            {ours: lambda: _load(place, "cold"), theirs: curl}, place.sizes.rounds
        )
    return [ratio("cold_repo", taken, ours, theirs, bound=1.5)]


@dataclass(frozen=True)
class _Repo:
    """A repo whose archives the origin has at hand."""

    zip: bytes
    # Asks for the zip archive, as torch.hub does.
    curl: list[str]


@contextmanager
def _served(place: Place, name: str, files: dict[str, bytes | str]) -> Iterator[_Repo]:
    """A repo of these files and a hubconf.py."""
    hubconf = {"hubconf.py": "def tiny(): pass\n"}
    commit = place.origin.add_repo(OWNER, name, {**files, **hubconf})
    path = place.origin.repo_path(OWNER, name)
    archives = {
        form: subprocess.check_output(
            ["git", "archive", f"--format={form}", f"--prefix={name}/", commit],
            cwd=path,
        )
        for form in ("tar.gz", "zip")
    }
    rules = [
        place.origin.respond(
            "codeload.github.com",
            f"/{OWNER}/{name}/{form}/",
            200,
            {"Content-Type": "application/octet-stream"},
            data,
        )
        for form, data in archives.items()
    ]
    lead = [
        word
        for host in ("github.com", "codeload.github.com")
        for word in ("--connect-to", f"{host}:443:127.0.0.1:{place.origin.port}")
    ]
    url = f"https://github.com/{OWNER}/{name}/archive/{commit}.zip"
    try:
        yield _Repo(archives["zip"], ["curl", "-sSfL", *lead, url])
    finally:
        for rule in rules:
            rule.remove()


def _load(place: Place, name: str) -> float:
    """What a load into an empty cache takes, by a daemon that runs."""
    with place.daemon(keep=True) as daemon:
        return place.seconds(
            [place.programs.hubctl, "load", f"{OWNER}/{name}", "tiny"],
            environment=daemon.environment,
        )


def _text(numbers: random.Random, least: int, most: int) -> str:
    """Words, which compress about as well as code does."""
    size = numbers.randrange(least, most)
    words = [f"{numbers.getrandbits(40):x}" for _ in range(200)]
    return " ".join(numbers.choices(words, k=size // 11 + 1))[:size] + "\n"


def _python_p50(
    place: Place, imports: str, call: str, calls: int, environment: dict[str, str]
) -> float:
    """What a line of Python takes, the median of `calls` in one process; a tenth as
    many come first."""
    program = "\n".join(
        [
            "import statistics, time",
            imports,
            "def seconds():",
            "    start = time.perf_counter()",
            f"    {call}",
            "    return time.perf_counter() - start",
            f"for _ in range({calls // 10}): seconds()",
            f"print(statistics.median(seconds() for _ in range({calls})))",
        ]
    )
    said = place.run([place.peers.python, "-c", program], environment)
    return float(said.split()[-1])
