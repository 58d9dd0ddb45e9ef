"""``convsweep reproduce``: which programs can't the tutorial's numbers, or those of any log, rule out?

Reading order for a log: ``log_text``, ``log_lines``, ``log_numbers``, ``log_tables``, ``log_reader`` and ``logs`` (what
it says), ``log_description`` (the same in words), ``programs`` (what may have printed it), ``courses`` and
``trainings`` (their seeds), ``places`` and ``printing`` (what they print where the log does), ``likeness`` (the tests),
``which_program`` (all of it together: ``reproduce(log, protocol)``), and ``which_report``, ``which_tables``,
``which_charts``, ``which_replications``.

The tutorial is a case of that: ``reported`` (what it prints), ``protocol`` (its three experiments, trained as all
programs are), ``statistics`` and ``verdicts`` (ours against the reported, number by number), ``reproduction`` (all of
it together), ``charts``, ``report`` and ``tables`` (what people read), ``replications`` (what MLflow shows).
"""
