"""`python -m bench [names]`: run the benchmarks and print what they measure."""

import sys

from bench import allocator, faces, index, masks, training_step

BENCHMARKS = {module.__name__.rpartition(".")[2]: module for module in (faces, masks, index, training_step, allocator)}

for name in sys.argv[1:] or BENCHMARKS:
    print(f"== {name}")
    BENCHMARKS[name].main()
