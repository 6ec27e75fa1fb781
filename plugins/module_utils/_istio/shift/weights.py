# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rule of the weights of a canary release, for the filter next_weights and the module traffic_shift."""

from __future__ import annotations


def shrunk(weights: list[int], rest: int) -> list[int]:
    """The weights in proportion, with this sum, which is not above theirs (by the method of the largest remainder)."""
    total = sum(weights)
    if not total:
        return weights
    shares = [weight * rest // total for weight in weights]
    # Those that lost most by rounding down get one back; the earlier one of equals.
    order = sorted(range(len(weights)), key=lambda index: -(weights[index] * rest % total))
    for index in order[: rest - sum(shares)]:
        shares[index] += 1
    return shares
