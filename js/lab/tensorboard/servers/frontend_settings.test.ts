import { beforeEach, expect, test } from "vitest";
import { presetFrontend } from "./frontend_settings";

const KEY = "_tb_global_settings";
const CLOSED = { timeSeriesSettingsPaneOpened: false };

function theirs(): unknown {
  return JSON.parse(localStorage.getItem(KEY) ?? "null");
}

beforeEach(() => localStorage.clear());

test("writes beside what TensorBoard keeps", () => {
  localStorage.setItem(KEY, '{"scalarSmoothing":0.9,"theme":"light"}');
  expect(presetFrontend(localStorage, { autoReload: true, theme: "dark" })).toBe(true);
  expect(theirs()).toEqual({ scalarSmoothing: 0.9, theme: "dark", autoReload: true, ...CLOSED });
  expect(presetFrontend(localStorage, { autoReload: true, theme: "dark" })).toBe(false);
});

test("what was switched off in TensorBoard stays off until Lab's setting changes", () => {
  presetFrontend(localStorage, { autoReload: true, theme: null });
  const theirOwn = { autoReload: false, timeSeriesSettingsPaneOpened: true };
  localStorage.setItem(KEY, JSON.stringify(theirOwn));
  expect(presetFrontend(localStorage, { autoReload: true, theme: null })).toBe(false);
  expect(theirs()).toEqual(theirOwn);

  presetFrontend(localStorage, { autoReload: false, theme: null });
  expect(presetFrontend(localStorage, { autoReload: true, theme: null })).toBe(true);
  expect(theirs()).toEqual({ ...theirOwn, autoReload: true });
});

test.each(["not JSON", "[1]", "null", '"text"'])("begins anew where there is %s", (rubbish) => {
  localStorage.setItem(KEY, rubbish);
  presetFrontend(localStorage, { autoReload: false, theme: "light" });
  expect(theirs()).toEqual({ autoReload: false, theme: "light", ...CLOSED });
});
