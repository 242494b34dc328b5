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

const skipped = new Set<string>();

/** Resolves to the exit code of node's test runner. */
async function run(group: readonly string[], concurrency: number): Promise<number> {
  if (group.length === 0) return 0;
  const options = [`--test-concurrency=${concurrency}`, "--test-timeout=600000", "--test-reporter=spec"];
  const child = spawn(process.execPath, ["--test", ...options, "--test-reporter-destination=stdout", ...group], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let rest = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    process.stdout.write(text);
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const match = /(?:﹣|-) (.*) # (SKIPPED, .*)$/u.exec(line);
      if (match !== null) skipped.add(`${match[1]}: ${match[2]}`);
    }
  });
  return new Promise((resolve) => {
    child.on("close", (code) => resolve(code ?? 1));
  });
}

// Whole processes under attack have deadlines to keep: they run one after the other, when nothing else does.
const alone = (file: string): boolean => /^test\/(?:integration|cluster|oci)\//.test(file);
const together = await run(
  files.filter((file) => !alone(file)),
  Math.max(2, availableParallelism()),
);
const oneByOne = await run(files.filter(alone), 1);

if (skipped.size > 0) {
  console.log(
    `\n=== ${skipped.size} TESTS WERE SKIPPED on this machine (SLUICE_TEST_REQUIRE makes each a failure) ===`,
  );
  for (const line of skipped) console.log(`  ${line}`);
}
process.exitCode = together === 0 && oneByOne === 0 ? 0 : 1;
