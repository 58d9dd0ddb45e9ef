"""What all studies share: ``python -m experiments.harness NAME`` measures one again and writes its page.

A study is a folder ``experiments/NN_name`` that holds a ``study.py``, which asks one question and says how it is
answered, beside the answer: the table it measured (``results.csv``), its pictures and its page (``README.md``).
Everything that a page says of the outcome is computed from that table.

To add a study, add such a folder; its ``study.py`` defines ``STUDY``, a ``Study`` of ``study``. If it measures by
a sweep, ``conf/experiment/NN_name.yaml`` says what runs. Nothing else has to be told of it: ``discovery`` finds it.

All of this runs from the root of a checkout, and is no part of the installed package.
"""
