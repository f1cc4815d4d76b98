/** What a kernel says about TensorBoard: which folder, and what is to be done with it. */

export const MIME_TYPE = "application/vnd.dl-lab.tensorboard.v1+json";

export interface Bundle {
  readonly logdir: string;
  readonly action: "open" | "stop";
}

/** The bundle in an output's data; anything may stand there. */
export function bundleOf(data: unknown): Bundle | null {
  const value = isRecord(data) ? data[MIME_TYPE] : undefined;
  if (!isRecord(value)) return null;
  const { logdir, action } = value;
  if (typeof logdir !== "string" || (action !== "open" && action !== "stop")) return null;
  return { logdir, action };
}

interface Message {
  readonly header: { readonly msg_type: string };
  readonly parent_header: object;
  readonly content: unknown;
}

/**
 * The bundle of a message that answers what the connection with this id had executed.
 *
 * A notebook may be open in other pages, too, and others may use its kernel: what answers them is
 * none of this page's business.
 */
export function bundleOfMessage(message: Message, clientId: string): Bundle | null {
  const { msg_type: type } = message.header;
  if (type !== "display_data" && type !== "execute_result") return null;
  const parent = message.parent_header;
  if (!("session" in parent) || parent.session !== clientId) return null;
  return isRecord(message.content) ? bundleOf(message.content["data"]) : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
