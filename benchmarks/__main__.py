"""Run every benchmark: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks import playground


def main() -> None:
    """Run them one after the other."""
    for benchmark in (playground,):
        benchmark.main()
        print()


if __name__ == "__main__":
    main()
