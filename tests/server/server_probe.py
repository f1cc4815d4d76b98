"""A server extension for the tests: what the server process has loaded, and what it answers to."""

import os
import sys

from jupyter_server.base.handlers import APIHandler
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import RequestHandler, authenticated

from dl_lab.server import rendezvous


class ModulesHandler(APIHandler):
    @authenticated
    def get(self):
        self.finish({"modules": sorted(sys.modules)})


class RoutesHandler(APIHandler):
    """The patterns of all routes that the application holds, also within hosts' rules."""

    @authenticated
    def get(self):
        found = []

        def walk(rules: list[Rule]) -> None:
            for rule in rules:
                if isinstance(rule.matcher, PathMatches):
                    target = rule.target
                    methods = [
                        method
                        for method in getattr(target, "SUPPORTED_METHODS", ())
                        if getattr(target, method.lower(), None)
                        not in (
                            getattr(APIHandler, method.lower(), None),
                            RequestHandler._unimplemented_method,
                        )
                    ]
                    found.append({"pattern": rule.matcher.regex.pattern, "methods": methods})
                elif isinstance(rule.matcher, Matcher) and hasattr(rule.target, "rules"):
                    walk(rule.target.rules)

        walk(self.application.default_router.rules)
        walk(self.application.wildcard_router.rules)
        self.finish({"routes": found})


def _jupyter_server_extension_points():
    return [{"module": "server_probe"}]


def _load_jupyter_server_extension(app):
    if os.environ.get("DL_LAB_PROBE_WITHOUT_UNIX_SOCKETS"):
        rendezvous.HAS_UNIX_SOCKETS = False
    base = app.web_app.settings["base_url"].rstrip("/")
    app.web_app.add_handlers(
        ".*$",
        [(f"{base}/probe/modules", ModulesHandler), (f"{base}/probe/routes", RoutesHandler)],
    )
