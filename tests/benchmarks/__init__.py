"""Measures the product beside a floor and a plain script: `python -m tests.benchmarks`, from the project's folder.

    exports     deterministic exports of any size
    sink        a bare HTTP server on 127.0.0.1 that accepts everything, in a process of its own
    floor       contestant: the least that any program must do with this library and these bytes
    plain       contestant: the script that one would write in an afternoon
    dlt_sync singer_sync   contestants: other tools, in an environment of their own that `peers` makes
    cases       who is measured at what; a new contestant is a new entry there
    measuring   runs one process: wall time, CPU time, peak memory
    results     the figures with their ratios, as JSON, as a table for people and for the README
    plot        the same as a drawing

Every figure is of a whole process, from its start to its exit, one process at a time.
"""
