"""Makes the results on CIFAR-10 that ship: what was trained, and how it fares under errors."""
