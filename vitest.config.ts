import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "jsdom",
    include: ["js/**/*.test.ts"],
    restoreMocks: true,
    // Only a hang reaches it, on a busy machine too.
    testTimeout: 60_000,
  },
});
