"""A server extension for the tests: what the server process has loaded, and what it answers to."""

import contextlib
import os
import resource
import sys
from typing import ClassVar

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import RequestHandler, authenticated

from dl_lab.server import proxy, rendezvous, tensorboard_process


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


PAGE = """<!doctype html><body><script>
const tasks = [];
for (const url of new URLSearchParams(location.search).getAll("url")) {
  for (const name of ["iframe", "object", "embed", "script", "img"]) {
    tasks.push(new Promise((done) => {
      const element = document.createElement(name);
      element[name === "object" ? "data" : "src"] = url;
      element.onload = element.onerror = done;
      setTimeout(done, 3000);
      document.body.append(element);
    }));
  }
  for (const type of ["image/svg+xml", "text/html"]) {
    for (const name of ["object", "embed"]) {
      const element = document.createElement(name);
      Object.assign(element, { type, [name === "object" ? "data" : "src"]: url });
      document.body.append(element);
    }
  }
  tasks.push(import(url).catch(() => {}));
}
Promise.all(tasks).then(() => document.body.append("all taken in"));
</script>"""


class EmbedHandler(JupyterHandler):
    """A page of this origin that takes in addresses in every way."""

    @authenticated
    def get(self):
        self.set_header("Content-Security-Policy", "frame-ancestors 'self'")
        self.finish(PAGE)


class ContentHandler(JupyterHandler):
    """Content of a type, both as asked for: what a server that trusts data does."""

    @authenticated
    def get(self):
        self.set_header("Content-Security-Policy", "frame-ancestors 'self'")
        self.set_header("Content-Type", self.get_argument("kind"))
        self.finish(self.get_argument("content"))


class PatienceHandler(APIHandler):
    """Sets for how many seconds a TensorBoard is waited for."""

    @authenticated
    def post(self):
        seconds = self.get_json_body()
        proxy._PATIENCE = seconds["patience"]
        tensorboard_process._SECONDS_TO_ANSWER = seconds["to_answer"]


class HandlesHandler(APIHandler):
    """Takes all of the process's file handles, and gives them back."""

    taken: ClassVar[list[int]] = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    @authenticated
    def post(self):
        self.taken.append(os.open(os.devnull, os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.taken[0] + 50, self.limits[1]))
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(os.open(os.devnull, os.O_RDONLY))

    @authenticated
    def delete(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, self.limits)
        while self.taken:
            os.close(self.taken.pop())


def _jupyter_server_extension_points():
    return [{"module": "server_probe"}]


def _load_jupyter_server_extension(app):
    if os.environ.get("DL_LAB_PROBE_WITHOUT_UNIX_SOCKETS"):
        rendezvous.HAS_UNIX_SOCKETS = False
    base = app.web_app.settings["base_url"].rstrip("/")
    app.web_app.add_handlers(
        ".*$",
        [
            (f"{base}/probe/modules", ModulesHandler),
            (f"{base}/probe/routes", RoutesHandler),
            (f"{base}/probe/embed", EmbedHandler),
            (f"{base}/probe/content", ContentHandler),
            (f"{base}/probe/patience", PatienceHandler),
            (f"{base}/probe/handles", HandlesHandler),
        ],
    )
