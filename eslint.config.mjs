import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  globalIgnores(["**/node_modules/", "build/", "dl_lab/", ".venv/", ".cache/", "test-results/"]),
  js.configs.recommended,
  {
    files: ["js/**/*.ts", "vitest.config.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Numbers in template strings are what a drawing program writes all day.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // What came as JSON is read as data["key"].
      "@typescript-eslint/dot-notation": ["error", { allowIndexSignaturePropertyAccess: true }],
      // `for` with an index walks several typed arrays at once.
      "@typescript-eslint/prefer-for-of": "off",
      // A handler may be `() => emit(...)` whatever emit returns.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // `#index` into a typed array that the loop bounds is certain; noUncheckedIndexedAccess asks for it.
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  {
    files: ["ui-tests/**/*.ts"],
    extends: [tseslint.configs.strict, tseslint.configs.stylistic],
    rules: {
      // A Playwright fixture that needs no other takes `{}`, by its rules.
      "no-empty-pattern": "off",
      "@typescript-eslint/no-empty-object-type": "off",
    },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly" } },
  },
);
