"""Side by side with other engines; see README.md."""

import os

for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # NumPy beside one thread of ours; it reads this once
