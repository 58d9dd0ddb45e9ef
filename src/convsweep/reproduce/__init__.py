"""``convsweep reproduce``: which program do the tutorial's reported numbers come from?

Reading order: ``reported`` (what the tutorial prints), ``printing`` (how it comes to print that),
``protocol`` (its three experiments for a stack of seeds), ``parallel`` (all seeds under all gradient rules),
``statistics`` and ``verdicts`` (ours against the reported), ``reproduction`` (all of it together), ``charts`` and
``report`` (what people read), ``replications`` (what MLflow shows).
"""
