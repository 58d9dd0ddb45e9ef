"""``convsweep reproduce``: which program do reported numbers come from, the tutorial's or those of any log?

Reading order for the tutorial: ``reported`` (what the tutorial prints), ``printing`` (how it comes to print that),
``protocol`` (its three experiments for a stack of seeds), ``parallel`` (all seeds under all gradient rules),
``statistics`` and ``verdicts`` (ours against the reported), ``reproduction`` (all of it together), ``charts`` and
``report`` (what people read), ``replications`` (what MLflow shows).

For a log: ``log_lines`` and ``logs`` (what it says), ``programs`` (what may have printed it), ``courses`` and
``trainings`` (their seeds), ``places`` (what they print where the log does), ``likeness`` (the test),
``which_program`` (all of it together), and ``which_report``, ``which_tables``, ``which_charts``,
``which_replications``.
"""
