"""What a thread has run: counts and times, by command.

Threading: one thread adds to a tally; any may read it.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List


class Tally:
    """The counts of one thread. Nothing is locked: it alone writes."""

    def __init__(self) -> None:
        # calls, failed, ns in all, ns of the longest
        self.counts: Dict[str, List[int]] = {}

    def add(self, command: str, elapsed: int, failed: bool) -> None:
        """One call is over."""
        counts = self.counts.get(command)
        if counts is None:
            counts = self.counts[command] = [0, 0, 0, 0]
        counts[0] += 1
        counts[1] += failed
        counts[2] += elapsed
        if elapsed > counts[3]:
            counts[3] = elapsed

    @staticmethod
    def total(tallies: Iterable[Tally]) -> Dict[str, Dict[str, Any]]:
        """What several threads have run together."""
        sums: Dict[str, List[int]] = {}
        for tally in tallies:
            for name, counts in list(tally.counts.items()):
                sum = sums.setdefault(name, [0, 0, 0, 0])
                for index in range(3):
                    sum[index] += counts[index]
                sum[3] = max(sum[3], counts[3])
        return {
            name: {
                "calls": calls,
                "failed": failed,
                "mean_ms": elapsed / calls / 1e6,
                "longest_ms": longest / 1e6,
            }
            for name, (calls, failed, elapsed, longest) in sums.items()
        }
