"""`maskrec rescue`: an existing recogniser made mask-proof, as a file that takes the place of its own."""

from maskrec.rescue.run import run_rescue

__all__ = ["run_rescue"]
