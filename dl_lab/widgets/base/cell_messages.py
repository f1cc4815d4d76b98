"""Widgets that answer while a cell runs, where the kernel itself leaves them waiting.

A kernel reads the messages of widgets when no cell runs, unless the front end sends them over a
subshell (ipykernel 7 with JupyterLab 4.4 or later). Elsewhere, with ipykernel 6 or with another
front end, Pause would wait for the very loop that it is to pause. So a loop calls `answer_widgets`
now and then.

The package jupyter_ui_poll does this too, but it handles the messages in a second thread, puts a
handler of its own in the place of the kernel's, and shows and forgets the figures of the running
cell at each message.
"""

from __future__ import annotations

import inspect
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# What a page needs for its widgets, after a reload too. All else waits for the cell, in its order.
_ANSWERED = frozenset(
    {"comm_open", "comm_msg", "comm_close", "comm_info_request", "kernel_info_request"}
)


def answer_widgets() -> None:
    """Handle the messages of widgets that have come to the kernel since its cell began.

    Does nothing outside of an IPython kernel's main thread. Takes about 30 µs where nothing came.
    """
    kernel = _kernel()
    if kernel is None or threading.current_thread() is not threading.main_thread():
        return
    if getattr(kernel, "shell_channel_thread", None) is not None:
        messages = _from_channel_thread(kernel)
    elif hasattr(kernel, "msg_queue"):
        messages = _from_queue(kernel)
    else:
        return
    for frames in messages:
        _handle(kernel, frames)


def _kernel() -> Any:
    # Where IPython was not imported there is no kernel of its kind either.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def _from_queue(kernel: Any) -> list[Any]:
    """Take the messages of widgets from the one stream and the queue that ipykernel 6 has."""
    import zmq

    kernel.shell_stream.flush(zmq.POLLIN)
    waiting = [kernel.msg_queue.get_nowait() for _ in range(kernel.msg_queue.qsize())]
    taken = []
    for entry in waiting:
        _, dispatch, arguments = entry
        if dispatch == kernel.dispatch_shell and _is_answered(kernel, arguments[0]):
            taken.append(arguments[0])
        else:
            kernel.msg_queue.put_nowait(entry)
    return taken


def _from_channel_thread(kernel: Any) -> list[Any]:
    """Take them from the stream by which the thread of ipykernel 7 hands them to the main one."""
    import zmq

    stream = kernel.shell_channel_thread.manager.get_shell_channel_to_subshell_pair(None).to_stream
    come: list[Any] = []
    dispatch: Callable[[Any], Any] = stream._recv_callback  # noqa: SLF001  # it has no other name
    stream.on_recv(come.append, copy=False)
    try:
        stream.flush(zmq.POLLIN)
    finally:
        stream.on_recv(dispatch, copy=False)
    taken = []
    for frames in come:
        if _is_answered(kernel, frames):
            taken.append(frames)
        else:
            # Before any that the stream itself will hand on once the cell is done.
            kernel.io_loop.add_callback(dispatch, frames)
    return taken


def _is_answered(kernel: Any, frames: list[Any]) -> bool:
    try:
        _, parts = kernel.session.feed_identities(frames, copy=False)
        header = kernel.session.deserialize(parts, content=False, copy=False)["header"]
    except (ValueError, TypeError, KeyError):
        # A forged or broken message: the kernel has its own words for it.
        return False
    return header["msg_type"] in _ANSWERED


def _handle(kernel: Any, frames: list[Any]) -> None:
    """Do what the kernel does with a message, but leave the cell its outputs and its interrupt."""
    identity, parts = kernel.session.feed_identities(frames, copy=False)
    message = kernel.session.deserialize(parts, content=True, copy=False)
    stream = kernel.shell_stream
    if getattr(kernel, "shell_channel_thread", None) is not None:
        manager = kernel.shell_channel_thread.manager
        stream = manager.get_subshell_to_shell_channel_socket(None)
    kernel._publish_status("busy", "shell", parent=message)  # noqa: SLF001
    try:
        _finish(_handler(kernel, message)(stream, identity, message))
    except Exception:  # whatever a widget raises, as the kernel does
        kernel.log.exception("a widget's message could not be handled")
    finally:
        kernel._publish_status("idle", "shell", parent=message)  # noqa: SLF001
        # The page takes any "idle" for the kernel's: say that the cell goes on.
        kernel._publish_status("busy", "shell")  # noqa: SLF001
        if hasattr(stream, "flush"):
            import zmq

            stream.flush(zmq.POLLOUT)


def _handler(kernel: Any, message: Any) -> Callable[..., Any]:
    if message["header"]["msg_type"] == "comm_msg":
        comm = kernel.comm_manager.get_comm(message["content"]["comm_id"])
        callback = getattr(comm, "_msg_callback", None)
        if callback is not None:
            # Comm.handle_msg says besides that a cell is done, upon which matplotlib shows and
            # forgets the figures of the one that is not.
            return lambda _stream, _identity, message: callback(message)
    handler: Callable[..., Any] = kernel.shell_handlers[message["header"]["msg_type"]]
    return handler


def _finish(result: Any) -> None:
    """Run a coroutine to its end here: those of `_ANSWERED` wait for nothing."""
    if not inspect.iscoroutine(result):
        return
    try:
        result.send(None)
    except StopIteration:
        return
    result.close()
