"""The results as a page: a table per task, and the papers' claims; no number is set by hand."""

import os
from itertools import groupby

from ..problems.tasks import FILES
from .measured import after_epochs, after_seconds, pace, shown, spread, start, trained
from .paper_claims import NOT_TESTABLE, findings


def lines(jobs, found, missing, pictures=None):
    """Lines of Markdown.

    Parameters
    ----------
    jobs : list of Job
    found : dict
        Of measured.gathered.
    missing : dict
        Task -> why its files are not there.
    pictures : str, optional
        Their folder as seen from the page.
    """
    yield from _circumstances(jobs, found)
    if missing:
        names = ", ".join(f"`{task}` (`{FILES[task]}`)" for task in missing)
        yield from ("", f"Not run, since their files are not there: {names}.")
    yield from ("", "## The claims", "", *claim_lines(found, missing))
    for task, by_optimizer in found.items():
        yield from ("", f"## {task}", "", *task_lines(task, by_optimizer, pictures))


def _circumstances(jobs, found):
    """How it was measured; one sentence for each machine."""
    first = jobs[0]
    seeds = sorted({job.seed for job in jobs})
    yield (f"Size \"{first.size}\", {first.dtype}, seeds {seeds[0]} to {seeds[-1]}, S = "
           f"{first.seconds:g} s of the processor, E = {first.epochs} epochs, one thread.")
    ends = [run.end for runs in found.values() for each in runs.values() for run in each]
    for machine in sorted({tuple(end["machine"].items()) for end in ends}):
        told = dict(machine)
        yield (f"Measured on {told.pop('processor')}, "
               + ", ".join(f"{name} {value}" for name, value in told.items()) + ".")


# ---- a task ----

def task_lines(task, by_optimizer, pictures):
    """What the task is, its picture, the table, and who is not in it."""
    shown_runs = {name: runs for name, runs in by_optimizer.items() if trained(runs)}
    sizes = next((run.end for runs in shown_runs.values() for run in runs
                  if "parameters" in run.end), None)
    if sizes:
        yield (f"{sizes['parameters']} parameters, {sizes['examples']} examples; training loss at "
               f"the start {start(by_optimizer)}.")
    if pictures is not None and shown_runs:
        yield from ("", f"![{task}: training loss against epochs and seconds, and test loss "
                    f"against seconds, of {len(shown_runs)} optimisers]({pictures}/{task}.png)")
    if shown_runs:
        yield from ("", *_table(shown_runs))
    left = [*_left_out(by_optimizer, shown_runs), *_divergences(shown_runs)]
    yield from ["", *left] if left else []


def _table(by_optimizer):
    job = next(iter(by_optimizer.values()))[0].job
    when = f"{job.seconds:g} s", "1 epoch" if job.epochs == 1 else f"{job.epochs} epochs"
    yield ("| optimiser | " + " | ".join(f"{what}, {at}" for what in ("training", "test")
                                         for at in when)
           + " | epochs | s per epoch | diverged | hyper-parameters |")
    yield "|---" * 9 + "|"
    ranked = sorted(by_optimizer.items(), key=lambda item: _rank(item[1]))
    for name, runs in ranked:
        cells = [str(spread([number(run, what) for run in runs]))
                 for what in ("training", "test") for number in (after_seconds, after_epochs)]
        counts = sorted(run.epochs for run in runs)
        paces = [pace(run) for run in runs if run.epochs]
        cells += [str(counts[len(counts) // 2]), shown(spread(paces).median) if paces else "–",
                  f"{sum(run.diverged for run in runs)} of {len(runs)}", runs[0].end["source"]]
        yield "| " + " | ".join([f"`{name}`", *cells]) + " |"


def _rank(runs):
    median = spread([after_seconds(run, "training") for run in runs]).median
    return (median != median, median)


def _left_out(by_optimizer, shown_runs):
    for name, runs in by_optimizer.items():
        if name not in shown_runs:
            end = runs[0].end
            yield f"- `{name}` {end['status']}: {_first(end['message'])}"


def _divergences(by_optimizer):
    for name, runs in by_optimizer.items():
        yield from (f"- `{name}`, seed {run.job.seed} {run.end['status']}: "
                    f"{_first(run.end['message'])}" for run in runs
                    if run.end["status"] in ("diverged", "stopped"))


def _first(message):
    """The first statement of a message, with a full stop."""
    return message.partition("; ")[0].rstrip(".") + "."


# ---- claims ----

def claim_lines(found, missing):
    """Rows of each claim: where both were run, and one of where it is not testable, and why."""
    yield "| source | claim | task, measure | measured | verdict |"
    yield "|---|---|---|---|---|"
    for claim, each in groupby(findings(found, missing), key=lambda finding: finding.claim):
        words = f"[{claim.source}]", claim.text
        for cells in _rows(claim, list(each)):
            yield "| " + " | ".join([*words, *cells]) + " |"
            words = "", ""


def _rows(claim, each):
    """[where, what was measured, verdict], ..."""
    untestable = {}
    for finding in each:
        if finding.verdict != NOT_TESTABLE:
            yield [f"{finding.task}, {_measure(claim)}", f"`{claim.optimizer}` {finding.told}",
                   finding.verdict]
        elif finding.task:
            untestable.setdefault(finding.told, {})[finding.task] = None
        else:
            yield ["", finding.told, NOT_TESTABLE]
    for why, tasks in untestable.items():
        yield [", ".join(tasks), why, NOT_TESTABLE]


def _measure(claim):
    if claim.how == "seconds per epoch":
        return claim.how
    return f"{claim.what} loss, equal {claim.how}"


def seen_from(page, pictures):
    """The folder of the pictures, relative to the page's."""
    return os.path.relpath(pictures, page.parent).replace(os.sep, "/")
