"""`python -m bench [names]`: run the benchmarks and print what they measure."""

import sys

from bench import allocator, index, training_step

BENCHMARKS = {"index": index.main, "training_step": training_step.main, "allocator": allocator.main}

for name in sys.argv[1:] or BENCHMARKS:
    print(f"== {name}")
    BENCHMARKS[name]()
