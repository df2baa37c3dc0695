"""K-BFGS on the MNIST autoencoder, 100 epochs in float32, beside what the authors' code prints.

    python examples/studies/kbfgs_on_a_gpu.py                  a small one on the processor, seconds
    python examples/studies/kbfgs_on_a_gpu.py D/mnist OUT      as published, on the GPU: the record
                                                               and the picture in OUT; resumes there
    python examples/studies/kbfgs_on_a_gpu.py D/mnist OUT numpy    the same on the processor, hours

Length and damping 0.3, weight decay 1e-5 and batches of 1000 are of [GRB20]'s code; the safeguard
is ours (docs/10-optimisers.md), since from some starts the method as published diverges.
"""

import sys
from dataclasses import replace

import reference as ref
from reference.arrays.cuda import NoDevice, device
from reference.training import Interrupted
from tqdm import tqdm

EPOCHS = 1, 2, 3, 4, 5, 10, 20, 30, 50, 70, 100
ITS_TRAIN = 169.02, 109.64, 85.18, 73.75, 68.03, 59.81, 56.30, 54.99, 53.82, 53.22, 52.66
ITS_TEST = 167.85, 108.67, 84.54, 73.58, 68.23, 60.98, 58.47, 57.79, 57.61, 57.74, 58.05
full, backend, folder = len(sys.argv) > 2, "numpy", None
task, epochs = ref.problems.task("mnist-autoencoder", "tiny", dtype="float32"), 25
optimizer = ref.KBFGS(1.0, 0.1, safeguard=0.0)
if full:
    folder, backend = sys.argv[2], (sys.argv + ["cupy"])[3]
    try:
        print(device() if backend == "cupy" else "on the processor", flush=True)
    except NoDevice as error:
        sys.exit(f"{error} Or pass numpy as a last argument.")
    task = ref.problems.task("mnist-autoencoder", "paper", sys.argv[1], "float32")
    optimizer, epochs = ref.KBFGS(0.3, 0.3, safeguard=0.0), 100
task = replace(task, train=replace(task.train, l2=1e-5), test=replace(task.test, l2=1e-5))
task = task.to(backend)

with tqdm(total=epochs * (task.train.N // task.batch), unit="step", disable=None) as bar:
    def progress(at, per_epoch, row):
        bar.set_postfix_str(f"loss {row[0]:.4g}", refresh=False)
        bar.update(at.steps - bar.n)
    try:
        _, log = ref.train(task, optimizer, folder, epochs, resume=full, progress=progress)
    except (Interrupted, ArithmeticError) as error:
        sys.exit(str(error))

rows = {int(row[0]): row[2:5] for row in log.epochs}            # epoch: seconds, training, test
print("epoch   seconds  training      test" + "   the authors' code" * full)
for epoch, train, test in zip(EPOCHS, ITS_TRAIN, ITS_TEST):
    if epoch in rows:
        its = f"{train:12.2f}{test:9.2f}" if full else ""
        print("{:5d}{:10.1f}{:10.2f}{:10.2f}".format(epoch, *rows[epoch]) + its)
first, last = rows[0], rows[epochs]
print(f"from {first[1]:.2f} to {last[1]:.2f}, on test images to {last[2]:.2f}")
assert last[1] < first[1] / 2, "it did not train"

if full:
    from pathlib import Path

    import matplotlib
    from matplotlib.figure import Figure
    from reference import plotting
    matplotlib.rcParams.update(plotting.STYLE)
    axes = (figure := Figure(plotting.size(2), layout="constrained")).subplots(1, 2, sharey=True)
    drawn = sorted(set(rows) - {0})
    for each, x in zip(axes, (drawn, [rows[epoch][0] for epoch in drawn])):
        for k, label, style in ((1, "training", "C0-"), (2, "test", "C1--")):
            each.plot(x, [rows[epoch][k] for epoch in drawn], style, marker="",
                      label=f"ours, {label}")
        each.set(ylabel="loss [nats per image]", yscale="log", yticks=(50, 60, 80, 100, 150),
                 yticklabels=("50", "60", "80", "100", "150"))
        each.minorticks_off()
    for its, label, style in ((ITS_TRAIN, "training", "C0s"), (ITS_TEST, "test", "C1^")):
        axes[0].plot(EPOCHS, its, style, mfc="none", label=f"the authors' code, {label}")
    axes[0].legend()
    axes[0].set(xlabel="epochs")
    axes[1].set(xlabel="seconds of steps")
    plotting.caption(figure, f"K-BFGS on the MNIST autoencoder of its paper, float32, {backend}: "
                     "length and damping 0.3, weight decay 1e-5, one seed, our safeguard.")
    figure.savefig(Path(folder) / "kbfgs.png", dpi=90)
