"""The results as a command: its options, its runs and their progress."""

from pathlib import Path

from tqdm import tqdm

from ..options import finite_seconds, positive
from ..problems.tasks import DTYPES, TASKS
from ..problems.training import SIZES
from . import grid, results_page
from .defaults import OPTIMIZERS
from .job import outcome
from .measured import gathered, trained

EPILOG = """examples:
  python -m reference results --size tiny --seconds 1 --epochs 5 --tasks digits,chaotic-series
  python -m reference results --workers 2 --into docs/11-results.md \\
      --pictures docs/pictures/results

Ctrl-C loses the runs under way; the same command goes on with those that are missing."""


def add_options(command):
    """The options of the command, on an argparse parser."""
    command.add_argument("--size", choices=SIZES, default="small", help="default small")
    command.add_argument("--seconds", type=finite_seconds, default=10.0, metavar="S",
                         help="of the processor, of training, for each run (default 10)")
    command.add_argument("--epochs", type=positive, default=10, metavar="E",
                         help="that each run has too, if 3 S suffice (default 10)")
    command.add_argument("--seeds", type=positive, default=3, metavar="N",
                         help="starts 0, ..., N - 1 (default 3)")
    command.add_argument("--tasks", metavar="NAMES", default=",".join(TASKS),
                         help="comma-separated (default all)")
    command.add_argument("--optimizers", metavar="NAMES", default=",".join(OPTIMIZERS),
                         help="comma-separated (default all)")
    command.add_argument("--dtype", choices=DTYPES, default="float32", help="default float32")
    command.add_argument("--workers", type=positive, default=1, metavar="N",
                         help="processes, of one thread each (default 1)")
    command.add_argument("--out", type=Path, default=Path("runs/results"), metavar="DIR",
                         help="where the runs are (default runs/results)")
    command.add_argument("--into", type=Path, metavar="FILE",
                         help="put tables and claims between the markers of a page")
    command.add_argument("--pictures", type=Path, metavar="DIR", help="draw a picture per task")


def chosen(text, known, what):
    """The names of a list with commas.

    Raises
    ------
    ValueError
        For an unknown one, listing the choices.
    """
    names = list(dict.fromkeys(text.split(",")))
    for unknown in [name for name in names if name not in known]:
        raise ValueError(f"no {what} {unknown!r}; choose of {', '.join(known)}.")
    return names


def ran(arguments):
    """(jobs, {absent task: why}): every job is run when this returns.

    Raises
    ------
    ValueError
        For an unknown task or optimizer.
    """
    tasks = chosen(arguments.tasks, TASKS, "task")
    optimizers = chosen(arguments.optimizers, OPTIMIZERS, "optimizer")
    missing = grid.absent(tasks, arguments.size)
    jobs = grid.jobs_of([task for task in tasks if task not in missing], optimizers,
                        arguments.seeds, seconds=arguments.seconds, epochs=arguments.epochs,
                        size=arguments.size, dtype=arguments.dtype)
    with tqdm(total=len(jobs), unit="run", disable=None) as bar:
        def done(job):
            bar.set_postfix_str(f"{job.task}, {job.optimizer}", refresh=False)
            bar.update()
        grid.run_all(jobs, arguments.out, arguments.workers, done)
    return jobs, missing


def summary(jobs, missing, out):
    """Lines: how many runs ended how, and which failed or are absent."""
    ends = [outcome(job, grid.place(out, job)) for job in jobs]
    counts = {}
    for end in ends:
        counts[end["status"]] = counts.get(end["status"], 0) + 1
    yield ", ".join(f"{count} {status}" for status, count in counts.items()) or "no runs"
    yield from (f"{job.task}, {job.optimizer}: {end['message']}"
                for job, end in zip(jobs, ends) if end["status"] == "failed" and job.seed == 0)
    yield from (f"{task} is absent: {why}" for task, why in missing.items())


# ---- the page ----

def page(arguments, jobs, missing):
    """Lines for the page that --into names."""
    pictures = arguments.pictures and results_page.seen_from(arguments.into, arguments.pictures)
    return list(results_page.lines(jobs, gathered(jobs, arguments.out), missing, pictures))


def drawn(arguments, jobs):
    """(task, {optimizer: [(columns, diverged) of each seed]}) of tasks with something to draw."""
    for task, by_optimizer in gathered(jobs, arguments.out).items():
        runs = {name: [(run.columns, run.diverged) for run in each]
                for name, each in by_optimizer.items() if trained(each)}
        if runs:
            yield task, runs
