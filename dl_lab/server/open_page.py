"""A page that opens a TensorBoard in a browser tab of its own, where there is no panel for it."""

from __future__ import annotations

import json
from pathlib import Path

from jupyter_server.utils import url_path_join
from tornado.template import Template
from tornado.web import HTTPError, authenticated

from dl_lab import paths
from dl_lab.server.guarded import Guarded
from dl_lab.server.problems import Problem

WORDS = {
    "en": {
        "open": "Open TensorBoard",
        "starting": "TensorBoard starts …",
        "unreachable": "The Jupyter server did not answer. Reload this page to try again.",
    },
    "es": {
        "open": "Abrir TensorBoard",
        "starting": "TensorBoard se está iniciando …",
        "unreachable": "El servidor de Jupyter no respondió. Recarga esta página para reintentar.",
    },
}

_PAGE = Path(__file__).with_suffix(".html")
_PROBLEMS = Path(__file__).parents[1] / "static" / "problems.json"
"""What the server refuses, by language and key, as the build collected it."""


class OpenPageHandler(Guarded):
    """Shows the folder in the query ``?logdir=`` and a button that starts its TensorBoard.

    The page starts nothing by itself, so that a link on another site cannot.
    """

    @authenticated
    def get(self) -> None:
        """Answer with the page."""
        logdir = self.get_query_argument("logdir", "")
        if len(logdir) > paths.LONGEST:
            problem = Problem("logdir_long", length=len(logdir), most=paths.LONGEST)
            raise HTTPError(problem.status, str(problem))
        spanish = self.request.headers.get("Accept-Language", "").lower().startswith("es")
        language = "es" if spanish else "en"
        page = Template(_PAGE.read_text(encoding="utf-8")).generate(
            language=language,
            words=WORDS[language],
            problems=json.dumps(
                json.loads(_PROBLEMS.read_text(encoding="utf-8")).get(language, {})
            ),
            logdir=logdir,
            api=url_path_join(self.base_url, "dl-lab/api/tensorboards"),
        )
        self.xsrf_token  # noqa: B018  # to ask for it sets the cookie that the page sends back
        self.finish(page)
