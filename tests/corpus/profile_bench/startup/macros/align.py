macro_ran = True


def align_macro(detectors=[det], motor=m1):
    """Comes from a file that another one executes."""
    yield from scan(detectors, motor, -1, 1, 3)
