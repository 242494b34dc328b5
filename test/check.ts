import { spawnSync } from "node:child_process";
import { runCanaries } from "./canaries/run.ts";

/** `npm run check`: everything that must hold before a commit lands, in the order in which it fails fastest. */
const steps: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "types", command: ["tsc", "-b"] },
  { name: "lint", command: ["oxlint", "--type-aware"] },
  { name: "unused", command: ["knip"] },
  {
    name: "tests of the core, with coverage",
    command: [
      "node",
      "--test",
      "--experimental-test-coverage",
      "--test-coverage-include=router/core/**",
      "--test-coverage-lines=97",
      "--test-coverage-branches=93",
      "--test-coverage-functions=97",
      "--test-reporter=dot",
      "test/unit/core/**/*.test.ts",
      "test/property/**/*.test.ts",
    ],
  },
];

for (const step of steps) {
  const began = performance.now();
  const [program = "", ...rest] = step.command;
  const run = spawnSync(`node_modules/.bin/${program}`, rest, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  if (run.status !== 0) {
    process.stdout.write(`${run.stdout}${run.stderr}`);
    console.error(`check: ${step.name} FAILED (${step.command.join(" ")}), ${seconds} s`);
    process.exit(1);
  }
  console.log(`check: ${step.name} ok, ${seconds} s`);
}
process.exitCode = runCanaries() ? 0 : 1;
