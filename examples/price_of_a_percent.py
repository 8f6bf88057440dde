"""What does the next percent of accuracy cost on digits?

Searches EfficientNets for a few minutes, then walks up the front and prints, step by step, by how much the price grows
for each percentage point of test accuracy. Takes about two minutes on a laptop::

    python examples/price_of_a_percent.py
"""

from __future__ import annotations

import itertools

import automl

study = automl.search("efficientnet", objective="green", trials=12, home="runs", study="price-of-a-percent")

print(f"Searching took {study.bill['wall_s'].value:.0f} s and {study.bill['flops'].value:.3g} FLOPs.")
rows = list(study.front.itertuples())
for cheaper, dearer in itertools.pairwise(rows):
    gain = 100 * (dearer.test_accuracy - cheaper.test_accuracy)
    factor = dearer.lifetime_flops / cheaper.lifetime_flops
    print(
        f"trial {cheaper.trial:>2} -> {dearer.trial:>2}: {factor:4.1f} times the lifetime price "
        f"for {gain:+.1f} points of test accuracy ({100 * dearer.test_accuracy:.1f}%)"
    )
