"""Event files as TensorBoard itself reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, list_session_groups
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.util.tensor_util import make_ndarray

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("compressedHistograms", "scalars", "images", "audio", "histograms", "tensors", "graph")


def read(folder: Path) -> EventAccumulator:
    """Read all files of a folder and keep every event."""
    return EventAccumulator(str(folder), size_guidance=dict.fromkeys(KINDS, 0)).Reload()


def shown(folder: Path, tag: str) -> list[tuple[int, Any]]:
    """Read steps and values as TensorBoard's server does, which has a reader of its own."""
    reader = plugin_event_accumulator.EventAccumulator(
        str(folder), tensor_size_guidance={"scalars": 0, "text": 0}
    )
    reader.Reload()
    if tag not in reader.Tags()["tensors"]:
        return []
    events = reader.Tensors(tag)
    return [(event.step, make_ndarray(event.tensor_proto).item()) for event in events]


def table_of_runs(logdir: Path) -> dict[str, tuple[str, dict[str, Any], dict[str, float]]]:
    """Return each run's status, settings and last values, as the HParams tab lists them."""
    multiplexer = EventMultiplexer(tensor_size_guidance={"hparams": 0, "scalars": 0})
    multiplexer.AddRunsFromDirectory(str(logdir)).Reload()
    provider = MultiplexerDataProvider(multiplexer, str(logdir))
    context, asked = Context(base_plugin.TBContext(data_provider=provider)), RequestContext()
    experiment = context.experiment_from_metadata(
        asked,
        "",
        include_metrics=True,
        hparams_run_to_tag_to_content=context.hparams_metadata(asked, ""),
        data_provider_hparams=None,
    )
    statuses = api_pb2.Status.values()
    request = api_pb2.ListSessionGroupsRequest(allowed_statuses=statuses, slice_size=100)
    request.col_params.extend(
        api_pb2.ColParams(metric=info.name, include_in_result=True)
        for info in experiment.metric_infos
    )
    request.col_params.extend(
        api_pb2.ColParams(hparam=info.name, include_in_result=True)
        for info in experiment.hparam_infos
    )
    handler = list_session_groups.Handler(asked, context, "", request)
    return {
        session.name: (
            api_pb2.Status.Name(session.status),
            {name: getattr(one, one.WhichOneof("kind")) for name, one in group.hparams.items()},
            {value.name.tag: value.value for value in session.metric_values},
        )
        for group in handler.run().session_groups
        for session in group.sessions
    }
