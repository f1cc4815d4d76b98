import { expect, test } from "vitest";
import { translator } from "../../../shared/i18n";
import { WORDS } from "../../words";
import {
  lastWords,
  problemOf,
  problemOfReason,
  problemOfResponse,
  problemSentence,
} from "./problems";

const t = translator("es-ES", WORDS);
const BODY = { key: "too_many", params: { most: "4" }, message: "4 TensorBoards run already." };

test("a refusal speaks the language of the page", () => {
  const problem = problemOfResponse(429, BODY);
  expect(problemSentence(t, problem)).toMatch(/^Ya hay 4 TensorBoard en marcha/);
});

test("a newer server's refusal is said in its own words", () => {
  const problem = problemOfResponse(400, { ...BODY, key: "unheard_of" });
  expect(problemSentence(t, problem)).toBe(BODY.message);
});

test.each([
  [401, null, "signed_out"],
  [403, "<html>", "signed_out"],
  [404, { message: "Not Found", reason: null }, "no_extension"],
  [502, null, "http"],
  [500, { key: "died" }, "http"],
])("%i with %j has a sentence of its own", (status, body, key) => {
  const problem = problemOfResponse(status, body);
  expect(problem.key).toBe(key);
  expect(problemSentence(t, problem)).not.toContain("{");
  expect(problemSentence(t, problem)).not.toContain(key);
});

test("anything else is said as it is", () => {
  expect(problemSentence(t, problemOfReason(new Error("boom")))).toBe("Error: boom");
});

test("last words, where there are any", () => {
  expect(lastWords(problemOf("died", { output: "\nSegmentation fault\n" }))).toBe(
    "Segmentation fault",
  );
  expect(lastWords(problemOf("died"))).toBe("");
});
