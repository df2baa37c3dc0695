#!/bin/sh
# All that needs a GPU, into one folder (docs/16-gpu.md):
#
#     REFERENCE_DATA=D sh examples/studies/all_on_a_gpu.sh OUT [PART ...]     D/mnist holds MNIST
#
# From the top of the repository; PYTHON names the interpreter (python3), WORKERS the processes of
# the tests.  Parts are tests, check, bench, kbfgs and peers; all of them in this order, which is
# from what is right, and compiles the kernels, to what is timed, one after the other.  Exit status
# 1 if anything failed or was cut, 2 without a device.

OUT=${1:?name a folder for what is found}
shift
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
    tail -n 4 "$OUT/$name.txt"
    return $status
}

race() {                                   # name, seconds at most, folder, options
    name=$1 limit=$2 folder=$3
    shift 3
    step "$name" "$limit" "$PYTHON" -m reference bench --backend cupy --rounds 3 --out "$folder" "$@"
}

part() {
    case $1 in
    tests) step tests 270 "$PYTHON" -m pytest -q -n "${WORKERS:-8}" -W default -m gpu --tb short \
        tests/device tests/arrays tests/oracle/test_device_check.py \
        tests/oracle/test_device_bench.py ;;
    check) step check 200 "$PYTHON" -m reference check --backend cupy ;;
    bench) race bench 200 "$OUT" --peers none \
        --problems chain,chain196,autoencoder,autoencoder32,largest,steps ;;
    kbfgs)
        if [ -z "$REFERENCE_DATA" ]; then
            echo "kbfgs: left out, since REFERENCE_DATA is not set" | tee -a "$OUT/summary.txt"
            return 0
        fi
        step kbfgs 240 "$PYTHON" examples/studies/kbfgs_on_a_gpu.py "$REFERENCE_DATA/mnist" "$RUNS"
        status=$?
        cp "$RUNS/record.csv" "$RUNS/kbfgs.png" "$OUT" 2> /dev/null
        return $status ;;
    peers) race peers 270 "$OUT/peers" --budget 1 --problems autoencoder32,chain,largest \
        --quantities gradient,hvp,ggnvp,hessian ;;
    *) echo "no part $1; choose among tests, check, bench, kbfgs, peers"; return 1 ;;
    esac
}

for each in ${@:-tests check bench kbfgs peers}; do
    part "$each" || failed=1
done
exit $failed
