"""`python -m bench [names]`: run the benchmarks and print what they measure."""

import sys

from bench import (
    allocator,
    balanced,
    dcr,
    evaluation,
    faces,
    iamgan,
    index,
    lpd,
    man,
    masked_training,
    masks,
    masks_on_device,
    moco,
    training_step,
)

MODULES = (
    faces,
    masks,
    masks_on_device,
    masked_training,
    index,
    training_step,
    dcr,
    lpd,
    balanced,
    moco,
    iamgan,
    man,
    evaluation,
    allocator,
)
BENCHMARKS = {module.__name__.rpartition(".")[2]: module for module in MODULES}

unknown = [name for name in sys.argv[1:] if name not in BENCHMARKS]
if unknown:
    sys.stderr.write(f"error: no benchmark is called '{unknown[0]}'; there are: {', '.join(BENCHMARKS)}\n")
    sys.exit(2)
for name in sys.argv[1:] or BENCHMARKS:
    print(f"== {name}")
    BENCHMARKS[name].main()
