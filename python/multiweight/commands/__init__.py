"""The steps, one module each: its flags, and one call into a room above. ``multiweight STEP`` runs it.

A step is ``parser()`` and ``main(argv)``, which returns an exit status; the first line of its docstring is its help.
"""
