"""convsweep: a NumPy convolutional network, swept by Hydra, recorded by MLflow.

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

Reading order: ``patches``, ``layers``, ``network``, ``training`` (the mathematics, NumPy only);
``config``, ``data`` (what goes in); ``journal``, ``tracking`` (what is kept); ``recording``,
``runner`` (where they meet); ``sweeping``, ``pool`` (many runs at once); ``statistics``, ``reproduce``,
``studies`` (what is made of them); ``cli``.
"""
