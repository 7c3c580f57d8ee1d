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

for name in sys.argv[1:] or BENCHMARKS:
    print(f"== {name}")
    BENCHMARKS[name].main()
