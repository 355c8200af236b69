"""What the scripts here say of how far measurements lie apart."""


def quantile(ordered, share):
    """Of sorted values, interpolated between two neighbours: share 0 is the first, 1 the last."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
