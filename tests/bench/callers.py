"""The rows about many callers of one file."""

from __future__ import annotations

from tests.bench.daemon import Daemon, failures
from tests.bench.figures import Figure, at_most, interleave, percentile, ratio
from tests.bench.nginx import CAP
from tests.bench.place import Command, Place
from tests.bench.rows import row
from tests.bench.wire import Wire

_NAME = "shared.bin"


class _Together:
    """Callers that start at once, of one file that no cache has."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._size = place.sizes.shared
        self._url = place.add_file(_NAME, self._size)
        # What the origin saw, each time.
        self._sent: list[float] = []
        self._heads: list[int] = []

    def hubctl(self, count: int) -> float:
        return self._take([self._place.programs.hubctl, "fetch", self._url], count)

    def python(self, count: int) -> float:
        program = f"import hubd\nhubd.Client().fetch_state_dict({self._url!r})"
        return self._take([self._place.peers.python, "-c", program], count)

    def huggingface_hub(self, count: int) -> float:
        with self._place.scratch() as directory:
            environment = self._place.huggingface_hub_environment(directory)
            program = (
                "from huggingface_hub import hf_hub_download\n"
                f"hf_hub_download('hubd/bench', {_NAME!r})"
            )
            command = [self._place.peers.python, "-c", program]
            return self._place.seconds_together([command] * count, environment)

    def _take(self, command: Command, count: int) -> float:
        self._place.nginx.forget()
        with self._place.daemon() as daemon:
            seconds = self._place.seconds_together(
                [command] * count, daemon.environment
            )
        # Its connections are closed, so all requests have ended.
        served = self._place.nginx.served(_NAME, self._size)
        self._sent.append(served.size / self._size)
        self._heads.append(self._place.nginx.count("HEAD", _NAME))
        return seconds

    def asked(self, name: str) -> list[Figure]:
        return [
            at_most(name, "bytes that the origin sends", self._sent, "x", bound=1),
            at_most(name, "HEADs that the origin sees", self._heads, "", bound=1),
        ]


@row("sharing")
def sharing(place: Place) -> list[Figure]:
    """Many processes that want one file at once."""
    together, clients = _Together(place), place.sizes.clients
    many, hf = f"{clients} x hubd", f"{clients} x huggingface_hub"
    sides = {
        many: lambda: together.hubctl(clients),
        "1 x hubd": lambda: together.hubctl(1),
    }
    if place.peers.huggingface_hub:
        sides[hf] = lambda: together.huggingface_hub(clients)
    taken = interleave(sides, place.sizes.rounds)
    figures = [ratio("sharing", taken, many, "1 x hubd", bound=1.5)]
    figures += together.asked("sharing")
    return figures + [
        ratio("sharing", taken, many, name) for name in taken if name == hf
    ]


@row("D1")
def crowd(place: Place) -> list[Figure]:
    """A crowd of processes that want one file at once: what its origin is asked."""
    together = _Together(place)
    for _ in range(place.sizes.rounds):
        together.hubctl(place.sizes.crowd)
    return together.asked("D1")


@row("D2")
def wall(place: Place) -> list[Figure]:
    """Many processes that want one file at once: until the last has it."""
    together, clients = _Together(place), place.sizes.clients
    many, one = f"{clients} x hubctl", "1 x hubctl"
    python, hf = f"{clients} x hubd in Python", f"{clients} x huggingface_hub"
    sides = {
        many: lambda: together.hubctl(clients),
        one: lambda: together.hubctl(1),
    }
    if place.peers.huggingface_hub:
        sides[python] = lambda: together.python(clients)
        sides[hf] = lambda: together.huggingface_hub(clients)
    taken = interleave(sides, place.sizes.rounds)
    figures = [ratio("D2", taken, many, one, bound=1.25)]
    if hf in taken:
        figures.append(ratio("D2", taken, python, hf, bound=0.5))
        figures.append(ratio("D2", taken, many, hf))
    return figures


@row("D3")
def publishing(place: Place) -> list[Figure]:
    """From the publishing of a file to the last answer of many who wait for it."""
    # As long as a tenth of a second, so that all wait before it is there.
    names = [f"{number}.bin" for number in range(place.sizes.published)]
    for name in names:
        place.add_file(name, CAP // 10)
    urls = [f"{place.nginx.capped_url}/{name}" for name in names]
    late = []
    for _ in range(place.sizes.rounds):
        with place.daemon() as daemon:
            answers = _answers(place, daemon, urls)
            published = daemon.publish_times()
            late += [(last - published[url]) * 1000 for url, last in answers.items()]
    what = f"the last of {place.sizes.clients} waiters, p99"
    p99 = percentile(0.99, late)
    return [Figure("D3", what, p99, (min(late), max(late)), unit="ms", bound=20)]


def _answers(place: Place, daemon: Daemon, urls: list[str]) -> dict[str, float]:
    """When the last of many waiters had its answer, of what all have waited for."""
    waiters = [
        place.start([place.programs.waiter, *urls], daemon.environment)
        for _ in range(place.sizes.clients)
    ]
    for waiter in waiters:
        assert waiter.stdout and waiter.stdout.readline() == "ready\n"
    stamps = []
    for waiter in waiters:
        output, errors = waiter.communicate("")
        stamps.append([int(line) for line in output.split()])
    columns = dict(zip(urls, zip(*stamps)))
    found = {url: max(ends) / 1e6 for url, ends in columns.items() if all(ends)}
    if not found:
        raise RuntimeError("there was no file that all had to wait for")
    return found


@row("D4")
def killed(place: Place) -> list[Figure]:
    """The first of many callers is killed, or the daemon: the others get the file."""
    return _survived(place, "first caller") + _survived(place, "daemon")


def _survived(place: Place, victim: str) -> list[Figure]:
    size = place.sizes.big
    place.add_file(_NAME, size)
    digest = place.digest(_NAME)
    sent, failed = [], []
    for _ in range(place.sizes.rounds):
        # Capped, so that all have called when half of it has come.
        with place.daemon() as daemon, Wire(place.nginx.capped_port) as wire:
            url = f"{wire.url}/{_NAME}"
            first = daemon.caller(url)
            wire.await_sent(size // 50, first)
            others = [daemon.caller(url) for _ in range(place.sizes.clients - 1)]
            wire.await_sent(size // 2, first)
            if victim == "daemon":
                daemon.kill()
                others.append(first)
            else:
                first.kill()
                first.communicate()
            failed.append(failures(others, digest))
            sent.append(wire.sent() / size)
    what = f"{victim} killed"
    return [
        at_most("D4", f"{what}: bytes on the wire", sent, "x", bound=1.05),
        at_most("D4", f"{what}: errors of others", failed, "", bound=0),
    ]
