/** The server's TensorBoards over REST. */

import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import { Refusal, problemOf, problemOfResponse } from "./problems";
import type { Logdirs, Server, TensorBoard } from "./tensorboards";

/** What the page asks of dl-lab's server extension, with the user's own rights. */
export function serverOf(settings: ServerConnection.ISettings): Server {
  const root = URLExt.join(settings.baseUrl, "dl-lab", "api");

  async function request(method: string, path: string, content?: object): Promise<unknown> {
    let response: Response;
    let text: string;
    try {
      response = await ServerConnection.makeRequest(
        `${root}/${path}`,
        { method, ...(content && { body: JSON.stringify(content) }) },
        settings,
      );
      text = await response.text();
    } catch (reason) {
      if (reason instanceof ServerConnection.NetworkError || reason instanceof TypeError) {
        throw new Refusal(problemOf("unreachable"));
      }
      throw reason;
    }
    const body = parsed(text);
    if (!response.ok) throw new Refusal(problemOfResponse(response.status, body));
    return body;
  }

  return {
    // Polling is not a sign of life to a hub that ends idle servers.
    list: async () => {
      const body = await request("GET", "tensorboards?no_track_activity=1");
      return (body as { tensorboards: TensorBoard[] }).tensorboards;
    },
    start: async (logdir) => (await request("POST", "tensorboards", { logdir })) as TensorBoard,
    stop: async (id) => {
      await request("DELETE", `tensorboards/${encodeURIComponent(id)}`);
    },
    logdirs: async () => (await request("GET", "logdirs")) as Logdirs,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's own page of HTML, or nothing
  }
}
