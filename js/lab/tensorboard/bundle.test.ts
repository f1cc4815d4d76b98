import { describe, expect, test } from "vitest";
import { MIME_TYPE, bundleOf, bundleOfMessage } from "./bundle";

const OPEN = { logdir: "/home/runs", action: "open" };

function message(change: { type?: string; session?: string; bundle?: unknown } = {}) {
  const { type = "display_data", session = "ours", bundle = OPEN } = change;
  return {
    header: { msg_type: type },
    parent_header: { session },
    content: { data: { [MIME_TYPE]: bundle }, metadata: {} },
  };
}

describe("a message", () => {
  test("that answers this page says what to do", () => {
    expect(bundleOfMessage(message(), "ours")).toEqual(OPEN);
    expect(bundleOfMessage(message({ type: "execute_result" }), "ours")).toEqual(OPEN);
  });

  test("that answers another page says nothing", () => {
    expect(bundleOfMessage(message({ session: "theirs" }), "ours")).toBeNull();
    expect(bundleOfMessage({ ...message(), parent_header: {} }, "ours")).toBeNull();
  });

  test("of another kind says nothing", () => {
    expect(bundleOfMessage(message({ type: "stream" }), "ours")).toBeNull();
    expect(bundleOfMessage(message({ type: "update_display_data" }), "ours")).toBeNull();
  });
});

test.each([
  null,
  "runs",
  {},
  { logdir: 1, action: "open" },
  { logdir: "runs" },
  { logdir: "runs", action: "delete" },
])("%j is not a bundle", (bundle) => {
  expect(bundleOf({ [MIME_TYPE]: bundle })).toBeNull();
});
