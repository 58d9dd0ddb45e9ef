"""``convsweep reproduce``: which program do the tutorial's reported numbers come from?

Reading order: ``reported`` (what the tutorial prints), ``printing`` (how it comes to print that),
``study`` (its three experiments for a stack of seeds), ``parallel`` (all seeds under all gradient rules),
``verdicts`` (ours against the reported), ``charts``, ``report`` (what people read).
"""
