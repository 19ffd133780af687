"""Runs a server in one process, or in several that share its port."""

from contextlib import ExitStack, closing

from largesse.cli.chosen import Chosen
from largesse.cli.greeting import Greeting
from largesse.cli.listening import bind


def run_server(chosen: Chosen, *, json: bool) -> None:
    """Serve until a signal. Raises `LargesseError` where that cannot begin."""
    settings = chosen.load().settings
    if settings.server.workers > 1:
        from largesse.cli.supervising import supervise  # noqa: PLC0415 — as below

        supervise(chosen, settings, json=json)
        return
    import uvloop  # noqa: PLC0415 — who only looks after others must not load what they do

    from largesse.cli.serving import Bound, log_to_standard_error, serve_on  # noqa: PLC0415 — the same

    log_to_standard_error(settings)
    server, rpc = settings.server, settings.rpc
    with ExitStack() as stack:
        main = stack.enter_context(closing(bind(server.host, server.port)))
        older = None
        if rpc.compat_port is not None:
            bound = bind(rpc.compat_host, rpc.compat_port, "--compat-port")
            older = stack.enter_context(closing(bound))

        def said(greeting: Greeting, host: str, port: int) -> None:
            greeting.say(host, port, json=json)

        uvloop.run(serve_on(Bound(main, older), settings, said))
