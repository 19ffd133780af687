"""What the lane relies on in uvicorn and httptools; run this first after an upgrade of either."""

import asyncio
import inspect

import httptools
import pytest
import uvicorn
from lane_stage import StageDesk, stage
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

CALLED_OR_OVERRIDDEN = {
    "connection_made": ["self", "transport"],
    "connection_lost": ["self", "exc"],
    "data_received": ["self", "data"],
    "handle_websocket_upgrade": ["self"],
    "send_400_response": ["self", "msg"],
    "on_message_begin": ["self"],
    "on_url": ["self", "url"],
    "on_header": ["self", "name", "value"],
    "on_headers_complete": ["self"],
    "on_body": ["self", "body"],
    "on_message_complete": ["self"],
    "on_response_complete": ["self"],
    "_start_asgi_task": ["self", "cycle", "app"],
    "_should_upgrade": ["self"],
    "shutdown": ["self"],
    "pause_writing": ["self"],
    "resume_writing": ["self"],
}
"""Methods of the protocol, and their arguments."""

NEVER_ARMED = {"timeout_keep_alive_task"}
"""Timers that the sweep replaces."""


@pytest.mark.parametrize("name", CALLED_OR_OVERRIDDEN)
def test_the_protocol_has_the_methods_we_override(name: str) -> None:
    """A method that was renamed would leave our override uncalled, in silence."""
    method = getattr(HttpToolsProtocol, name, None)
    assert method is not None, f"uvicorn {uvicorn.__version__} has no HttpToolsProtocol.{name}"
    assert list(inspect.signature(method).parameters) == CALLED_OR_OVERRIDDEN[name]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("startup", ["self", "sockets"]),
        ("capture_signals", ["self"]),
        ("handle_exit", ["self", "sig", "frame"]),
    ],
)
def test_the_server_has_the_methods_we_override(name: str, arguments: list[str]) -> None:
    """The runner tells its address in one, and ends with status 0 by the others."""
    method = getattr(uvicorn.Server, name, None)
    assert method is not None, f"uvicorn {uvicorn.__version__} has no Server.{name}"
    assert list(inspect.signature(method).parameters) == arguments


def test_the_parser_answers_what_we_ask() -> None:
    """Questions asked of the parser between its callbacks."""
    names = ("feed_data", "get_method", "get_http_version", "should_keep_alive", "should_upgrade")
    missing = [name for name in names if not hasattr(httptools.HttpRequestParser, name)]
    assert not missing, f"httptools {httptools.__version__} lacks {missing}"


async def test_the_protocol_has_the_attributes_we_read() -> None:
    """Attributes of a connection, its cycle, its flow control and the server's state."""
    state = ServerState()
    config = uvicorn.Config(lambda: None, log_config=None)
    protocol = HttpToolsProtocol(config=config, server_state=state, app_state={}, _loop=None)
    missing = [
        name
        for name in (
            "parser", "transport", "flow", "cycle", "pipeline", "app", "headers", "connections",
            "loop", "server_state", *NEVER_ARMED,
        )
        if not hasattr(protocol, name)
    ]  # fmt: skip
    flow = FlowControl(asyncio.Transport())
    missing += [
        f"FlowControl.{name}"
        for name in ("pause_reading", "resume_reading", "read_paused", "write_paused")
        if not hasattr(flow, name)
    ]
    missing += [
        f"ServerState.{name}"
        for name in ("total_requests", "default_headers", "connections", "tasks")
        if not hasattr(state, name)
    ]
    cycle = inspect.getsource(RequestResponseCycle.__init__)
    missing += [
        f"RequestResponseCycle.{name}"
        for name in ("keep_alive", "disconnected", "message_event", "response_started",
                     "response_complete")
        if f"self.{name} =" not in cycle
    ]  # fmt: skip
    assert not missing, f"uvicorn {uvicorn.__version__} lacks {missing}"


def test_the_parser_reports_a_fault_of_ours_with_its_cause() -> None:
    """`__context__` of a callback error tells a bug from a bad client."""

    class Fault:
        def on_message_begin(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(httptools.HttpParserCallbackError) as caught:
        httptools.HttpRequestParser(Fault()).feed_data(b"GET / HTTP/1.1\r\n\r\n")
    assert isinstance(caught.value.__context__, ZeroDivisionError)


async def test_the_server_tells_its_address_and_keeps_the_default_headers() -> None:
    """The runner reads `servers`, the sweep `default_headers`."""
    async with stage() as served:
        assert served.server.servers[0].sockets[0].getsockname()[1] == served.port
        names = [name for name, _ in served.server.server_state.default_headers]
        assert names == [b"date"]
        assert isinstance(served.desk, StageDesk)
