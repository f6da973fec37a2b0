"""The mean and the spread of durations of one kind."""

import math

#: With more durations than this, older ones have less weight.
_MOST = 30


class Sample:
    """Number, mean and spread of durations, without the durations themselves.

    Attributes
    ----------
    number
        Number of durations, at most `_MOST`.
    squares
        Sum of the squared differences from the mean.
    """

    __slots__ = ("mean", "number", "squares")

    def __init__(self, number: float = 0, mean: float = 0.0, squares: float = 0.0) -> None:
        self.number = number
        self.mean = mean
        self.squares = squares

    def add(self, value: float) -> None:
        """Add a duration."""
        self.merge(Sample(1, value))

    def merge(self, other: "Sample") -> None:
        """Add the durations of another, newer sample."""
        if not other.number:
            return
        number = self.number + other.number
        difference = other.mean - self.mean
        self.squares += other.squares + difference**2 * self.number * other.number / number
        self.mean += difference * other.number / number
        self.number = number
        if number > _MOST:
            self.squares *= _MOST / number
            self.number = _MOST

    @property
    def variance(self) -> float:
        """The variance of the durations; 0 if there is only one."""
        return self.squares / (self.number - 1) if self.number > 1 else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation of the durations."""
        return math.sqrt(max(self.variance, 0.0))

    def to_json(self) -> list[float]:
        """Return the sample as a list for JSON."""
        return [self.number, self.mean, self.squares]
