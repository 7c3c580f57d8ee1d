"""Embedding on the CPU with freed memory kept, against the C library's default; each in a process of its own."""

import subprocess
import sys

CODE = """
import sys, time, torch
from maskrec import create_backbone
from maskrec.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
net = create_backbone("mobilefacenet", 128).eval()
image = torch.rand(64, 3, 112, 112).contiguous(memory_format=torch.channels_last)
with torch.inference_mode():
    net(image)
    start = time.perf_counter()
    for _ in range(4):
        net(image)
print(time.perf_counter() - start)
"""


def seconds(kind: str) -> float:
    return float(subprocess.run([sys.executable, "-c", CODE, kind], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    ratios = sorted(seconds("default") / seconds("kept") for _ in range(3))
    print(f"MobileFaceNet, batch 64: default / kept: median {ratios[1]:.2f}, from {ratios[0]:.2f} to {ratios[-1]:.2f}")
