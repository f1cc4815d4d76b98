"""A real kernel and the front end's end of its wires, held by a test."""

from __future__ import annotations

import contextlib
import queue
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from dl_lab.protocol import VERSION

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.manager import KernelManager

# Only a hang takes as long.
PATIENCE = 300


class Kernel:
    """Runs cells and sends widgets' messages; keeps all that the kernel publishes."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client
        self.published: list[dict[str, Any]] = []
        self.subshell: str | None = None

    def start(self, code: str, cell: str | None = None) -> str:
        """Start a cell, under its name as JupyterLab does; return the id of its request."""
        if cell is None:
            return str(self.client.execute(code))
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        metadata = {"cellId": cell}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def run(self, code: str, cell: str | None = None) -> str:
        """Run a cell to its end and return what it printed."""
        return self.finish(self.start(code, cell))

    def finish(self, request: str) -> str:
        """Wait until a cell has ended, which it must have without an error; return its text."""
        self.wait(lambda: self.of(request, "status", execution_state="idle"))
        assert not self.of(request, "error"), self.of(request, "error")
        return self.printed(request)

    def printed(self, request: str) -> str:
        return "".join(content["text"] for content in self.of(request, "stream"))

    def use_subshell(self) -> None:
        """Send comms over a subshell from now on, as JupyterLab does where it can."""
        message = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(message)
        reply = self.client.get_control_msg(timeout=PATIENCE)
        self.subshell = reply["content"]["subshell_id"]

    def shell(self, kind: str, content: dict[str, Any]) -> str:
        message = self.client.session.msg(kind, content)
        if self.subshell is not None:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def request(self, comm: str, kind: str, **meta: object) -> dict[str, Any]:
        """Send a widget's request as its view does, and return the meta of the reply."""
        identifier = uuid.uuid4().hex
        body = {"v": VERSION, "kind": kind, "id": identifier, "meta": meta, "arrays": []}
        self.shell("comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": body}})

        def replies() -> list[dict[str, Any]]:
            return [body for body in self.custom(comm) if body.get("id") == identifier]

        self.wait(replies)
        meta_back: dict[str, Any] = replies()[0]["meta"]
        return meta_back

    def notify(self, comm: str, kind: str, **meta: object) -> None:
        """Send what needs no answer, as a view does."""
        body = {"v": VERSION, "kind": kind, "meta": meta, "arrays": []}
        self.shell("comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": body}})

    def custom(self, comm: str) -> list[dict[str, Any]]:
        """Return the widget's own messages that have come."""
        return [
            content["data"]["content"]
            for content in self.all("comm_msg")
            if content["comm_id"] == comm and content["data"].get("method") == "custom"
        ]

    def widget(self, module: str) -> str:
        """Return the comm of the newest widget of a module, once it is there."""

        def found() -> list[str]:
            return [
                content["comm_id"]
                for content in self.all("comm_open")
                if str(content["data"]["state"].get("_anywidget_id", "")).startswith(module)
            ]

        self.wait(found)
        return found()[-1]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [message["content"] for message in self.published if message["msg_type"] == kind]

    def of(self, request: str, kind: str, **wanted: object) -> list[dict[str, Any]]:
        return [
            message["content"]
            for message in self.published
            if message["parent_header"].get("msg_id") == request
            and message["msg_type"] == kind
            and wanted.items() <= message["content"].items()
        ]

    def wait(self, condition: Callable[[], object]) -> None:
        """Take in what the kernel publishes until the condition holds."""
        end = monotonic() + PATIENCE
        while not condition():
            assert monotonic() < end, "The kernel did not do in time what the test waits for."
            self.published.append(self.client.get_iopub_msg(timeout=PATIENCE))

    def listen(self, seconds: float) -> None:
        """Take in the next thing that the kernel publishes, if one comes in that time."""
        with contextlib.suppress(queue.Empty):
            self.published.append(self.client.get_iopub_msg(timeout=seconds))


@contextmanager
def kernel(manager: KernelManager) -> Iterator[Kernel]:
    """Start a kernel, such as one of `warm_kernels`, and end it."""
    manager.start_kernel()
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=PATIENCE)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
