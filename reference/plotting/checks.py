"""What no picture can be made of."""


def require_some(name, x):
    """ValueError if there is nothing to draw."""
    if len(x) == 0:
        raise ValueError(f"{name} is empty; pass at least one.")
