/** Why something with TensorBoard did not work, in the language of the page. */

import type { Translate } from "../../../shared/i18n";
import type { Params } from "../../../shared/kernel/rpc";

/** As the server tells it: `key` has a sentence in `tensorboardProblem`, `message` is English. */
export interface Problem {
  readonly key: string;
  readonly params: Params;
  readonly message: string;
}

/** A request that came to nothing. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

export function problemOf(key: string, params: Params = {}): Problem {
  return { key, params, message: key };
}

/** What a response that is not "ok" says, whatever stands between the page and dl-lab. */
export function problemOfResponse(status: number, body: unknown): Problem {
  if (isProblem(body)) return body;
  if (status === 401 || status === 403) return problemOf("signed_out");
  if (status === 404) return problemOf("no_extension");
  return problemOf("http", { status });
}

/** What a failed promise says. */
export function problemOfReason(reason: unknown): Problem {
  if (reason instanceof Refusal) return reason.problem;
  return { key: "", params: {}, message: String(reason) };
}

export function problemSentence(t: Translate, problem: Problem): string {
  const key = `tensorboardProblem.${problem.key}`;
  const sentence = t(key, problem.params);
  return sentence === key ? problem.message : sentence;
}

/** TensorBoard's own last words, where there are any. */
export function lastWords(problem: Problem): string {
  const { output } = problem.params;
  return typeof output === "string" ? output.trim() : "";
}

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === "object" &&
    body !== null &&
    "key" in body &&
    typeof body.key === "string" &&
    "params" in body &&
    typeof body.params === "object" &&
    body.params !== null &&
    "message" in body &&
    typeof body.message === "string"
  );
}
