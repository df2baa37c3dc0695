"""The bench on a GPU as a command: a clock of CUDA events, rates, lines and JSON."""

from dataclasses import asdict, replace

import numpy as np

from ..arrays import cuda
from ..arrays.memory import amount
from . import device_bench
from .bench import finish, line
from .device_rates import large, rate
from .peers import on_device
from .timing import Clock, race

PARTS = 0.3                            # of the free memory: what a form of a peer may hold


def mean_seconds(function, runs):
    """Of one run, the mean of several, each waited for: peers wait for theirs, too."""
    return float(np.mean([cuda.seconds(function) for _ in range(runs)]))


def tidy():
    """Before a contestant: what the others keep of freed memory goes back."""
    cuda.give_back()
    on_device.give_back()


def peers_of(arguments, say):
    """The peers that compute on the GPU; of those asked for by name, all."""
    found = []
    for name in on_device.PEERS if arguments.peers is None else arguments.peers:
        reason = on_device.missing(name) if name in on_device.PEERS else (
            f"{name} takes no part: on a GPU the bench knows {', '.join(on_device.PEERS)}.")
        if reason is None:
            found.append(name)
        else:
            say(reason)
    return found


def raced(arguments, show, say):
    """Shows the device and its rates, and the table of one task after the other; or one JSON.

    What fails is told, and the others go on; what is cut off leaves what was found.

    Returns
    -------
    int
        1 if a task failed, else 0.

    Raises
    ------
    NoDevice
    """
    device, results, notes, failed = cuda.device(), [], {}, []
    tell = say if arguments.json else show
    tell(f"device: {device}\nmemory: {amount(device.free)} of {amount(device.total)} are free")
    peers = peers_of(arguments, tell)
    rates = {name: rate(name, large(device.free)) for name in ("float64", "float32")}
    tell("matrix products: " + ", ".join(f"{name} {found / 1e12:.3g} TFLOP/s"
                                         for name, found in rates.items()))
    clock = Clock(mean_seconds, PARTS * device.free, tidy)
    try:
        for each in _tasks(arguments, peers, device.free, failed):
            say(f"{each.name}: {len(each.contestants)} contestants, {arguments.rounds} rounds")
            found, note = _attempted(each, arguments, clock, rates["float64"], failed)
            results += found
            notes |= {each.name: note} if note else {}
            if not arguments.json:
                show("\n".join([f"\n{each.name}", *map(shown, found), *filter(None, [note])]))
    finally:
        finish(arguments, "bench-cupy.json", show, device=asdict(device),
               operations_per_second=rates, notes=notes,
               timings=[{**asdict(timing), "share": share} for timing, share in results])
    return 1 if failed else 0


def _tasks(arguments, peers, free, failed):
    """The tasks of every problem; a problem that cannot be posed is a Task with a note."""
    for problem in arguments.problems:
        try:
            yield from device_bench.tasks(np.random.default_rng(0), peers, [problem],
                                          arguments.quantities, free)
        except Exception as failure:              # noqa: BLE001 - the others go on
            failed.append(problem)
            yield device_bench.Task(problem, {}, note=told(failure))


def _attempted(each, arguments, clock, rate, failed):
    """([(Timing, share), ...], note) of a Task; without its peers, if it fails with them."""
    try:
        return timed(each, arguments, clock, rate), each.note
    except Exception as failure:                  # noqa: BLE001 - the others go on
        failed.append(each.name)
        ours = {name: run for name, run in each.contestants.items() if ": " not in name}
        if len(ours) == len(each.contestants):
            return [], told(failure)
        found, note = _attempted(replace(each, contestants=ours), arguments, clock, rate, failed)
        return found, "; ".join(filter(None, [told(failure), note]))


def told(failure):
    """An exception as a line."""
    return f"{type(failure).__name__}: {failure}"


def timed(each, arguments, clock, rate):
    """[(Timing, share of the matrix product's rate or None), ...] of a Task."""
    if not each.contestants:
        return []
    budget = arguments.budget if each.budget is None else each.budget
    clock.tidy()
    timings = _beside_gradients(race(each.name, each.contestants, arguments.rounds, budget, clock))
    first = each.least and each.least / timings[0].seconds / rate
    return list(zip(timings, [first] + [None] * (len(timings) - 1)))


def shown(found):
    """A line of the table, with the share."""
    timing, share = found
    return line(timing) + ("" if share is None else f"  {share:.0%} of a matrix product's rate")


def _beside_gradients(timings):
    """The same, the first with its time over that of two gradients, where there is one."""
    for one in timings[1:]:
        if one.contestant == device_bench.GRADIENTS:
            times = timings[0].seconds / one.seconds
            return [replace(timings[0], note=f"{times:.2f} times two gradients"), *timings[1:]]
    return timings
