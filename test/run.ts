import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * `npm test`: every `*.test.ts`, from source. Arguments choose: `npm test -- unit/core` runs the files whose path
 * holds one of them. What this machine lacks is skipped and listed at the end; `SLUICE_TEST_REQUIRE` makes it fail.
 */
const wanted = process.argv.slice(2);
const files = globSync("test/**/*.test.ts")
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(" ")}`);
  process.exit(2);
}

const skipped: string[] = [];
const run = spawn(
  process.execPath,
  [
    "--test",
    `--test-concurrency=${Math.max(2, availableParallelism())}`,
    "--test-timeout=600000",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    ...files,
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
let rest = "";
run.stdout.setEncoding("utf8");
run.stdout.on("data", (text: string) => {
  process.stdout.write(text);
  const lines = (rest + text).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const match = /(?:﹣|-) (.*) # (SKIPPED, .*)$/u.exec(line);
    if (match !== null) skipped.push(`${match[1]}: ${match[2]}`);
  }
});
run.on("close", (code) => {
  if (skipped.length > 0) {
    console.log(
      `\n=== ${skipped.length} TESTS WERE SKIPPED on this machine (SLUICE_TEST_REQUIRE makes each a failure) ===`,
    );
    for (const line of new Set(skipped)) console.log(`  ${line}`);
  }
  process.exitCode = code ?? 1;
});
