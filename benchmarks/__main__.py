"""Run every benchmark: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks import (
    event_log,
    graph,
    history,
    layers,
    learning_rate,
    looking,
    playground,
    tensorboard_server,
    training,
)


def main() -> None:
    """Run them one after the other."""
    for benchmark in (
        playground,
        training,
        history,
        event_log,
        layers,
        looking,
        tensorboard_server,
        learning_rate,
        graph,
    ):
        benchmark.main()
        print()


if __name__ == "__main__":
    main()
