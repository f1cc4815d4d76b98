"""Run every benchmark: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks import (
    data_flow,
    event_log,
    graph,
    graph_live,
    history,
    layers,
    learning_rate,
    looking,
    playground,
    tensorboard_server,
    theory,
    training,
)


def main() -> None:
    """Run them one after the other."""
    for benchmark in (
        playground,
        training,
        data_flow,
        history,
        event_log,
        layers,
        looking,
        graph_live,
        tensorboard_server,
        learning_rate,
        theory,
        graph,
    ):
        benchmark.main()
        print()


if __name__ == "__main__":
    main()
