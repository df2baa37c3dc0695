#!/bin/sh
# All that needs a GPU, into one folder, in ten minutes at most (docs/16-gpu.md):
#
#     REFERENCE_DATA=D sh examples/studies/all_on_a_gpu.sh OUT          D/mnist holds MNIST
#
# From the top of the repository; PYTHON names the interpreter (python3).  What is timed runs alone;
# the tests and the check come last, side by side.  Exit status 1 if anything failed or was cut,
# 2 without a device.

OUT=${1:?name a folder for what is found}
PYTHON=${PYTHON:-python3}
RUNS=${RUNS:-$(mktemp -d)}                 # checkpoints of the run, too large to carry about
export PYTHONPATH=.${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
mkdir -p "$OUT" "$RUNS"
failed=0

# without a device every test would be skipped, and that looks like success
"$PYTHON" -c "from reference.arrays.cuda import device; print(device())" \
    > "$OUT/summary.txt" 2>&1 || { tail -n 1 "$OUT/summary.txt"; exit 2; }
cat "$OUT/summary.txt"

step() {                                   # name, seconds at most, command
    name=$1 limit=$2 start=$(date +%s)
    shift 2
    timeout -s INT -k 10 "$limit" "$@" > "$OUT/$name.txt" 2>&1
    status=$?
    echo "$name: exit status $status after $(($(date +%s) - start)) s" | tee -a "$OUT/summary.txt"
    return $status
}

step bench 220 "$PYTHON" -m reference bench --backend cupy --rounds 3 --budget 1 --out "$OUT" \
    --problems chain,chain196,steps,autoencoder32,largest || failed=1
if [ -n "$REFERENCE_DATA" ]; then
    step kbfgs 180 "$PYTHON" examples/studies/kbfgs_on_a_gpu.py "$REFERENCE_DATA/mnist" "$RUNS" \
        || failed=1
    cp "$RUNS/record.csv" "$RUNS/kbfgs.png" "$OUT" 2> /dev/null
else
    echo "kbfgs: left out, since REFERENCE_DATA is not set" | tee -a "$OUT/summary.txt"
fi
step check 170 "$PYTHON" -m reference check --backend cupy &
check=$!
step tests 170 "$PYTHON" -m pytest -q -m gpu || failed=1
wait $check || failed=1
exit $failed
