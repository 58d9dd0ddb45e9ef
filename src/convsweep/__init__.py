"""convsweep: a NumPy convolutional network, swept by Hydra, recorded on disk, shown in MLflow.

The letters below name array axes everywhere in the package; a comment such as ``# [R, F, 4, B]``
stands where an array is made.

====== =======================================================================
letter axis
====== =======================================================================
R      members of a stack: models that train side by side on the same images
N      images
F      filters
H, W   rows and columns of an image or a feature map
B      2x2 pooling blocks of a feature map, row by row (13 * 13 = 169 on MNIST)
C      classes (10)
D      inputs of the dense layer: F * B
====== =======================================================================

Reading order: ``nn`` (the mathematics, NumPy only); ``config``, ``data`` (what goes in); ``records`` (what is on
disk); ``runs`` (from configurations to records); ``tracking`` (MLflow, a view of the records); ``compare``,
``reproduce`` (what is made of them); ``hydra_app``, ``commands`` (how it is started).
"""
