"""The process: device, precision, threads, memory, random numbers, log, and several processes.

- ``accelerator.py``: the kinds of GPU that PyTorch knows, and how they differ
- ``device.py``: where tensors live: the CPU or a GPU
- ``precision.py``: fp32, TF32 or bfloat16
- ``forks.py``: children that a program forks
- ``threads.py``: work shared out over the CPU's cores
- ``free_memory.py``: how much memory is free
- ``allocator.py``: how memory is got, and given back
- ``rng.py``: random streams
- ``ranks.py``: which of several processes this one is
- ``distributed.py``: several processes that train together
- ``log.py``: log lines as glog writes them
- ``timer.py``: caffe.Timer
- ``lazy.py``: modules imported at first use
- ``user_modules.py``: modules that register the user's layers
"""
