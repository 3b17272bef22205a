"""The tests, and the programs they start."""

import gc

# What they load is much and stays: by the default it is looked through all the time.
gc.set_threshold(50_000, 20, 50)
