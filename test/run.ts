import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * `npm test`: every `*.test.ts`, from source. Arguments choose: `npm test -- unit/core` runs the files whose path
 * holds one of them. What this machine lacks is skipped and listed at the end; `SLUICE_TEST_REQUIRE` makes it fail.
 * `SLUICE_TEST_AGAIN=1`: files with a failure are run once more, alone, and named at the end whatever comes of it: on a
 * shared machine a deadline may pass for want of a processor. What fails twice fails. Nothing hangs: a test has ten
 * minutes, a file ends with its last test whatever it left open, and a runner that is silent for longer is ended.
 */
const wanted = process.argv.slice(2);
const runsAgain = process.env["SLUICE_TEST_AGAIN"] === "1";
// A sidecar that a test starts takes every variable of this prefix for a setting of its own.
delete process.env["SLUICE_TEST_AGAIN"];
const files = globSync("test/**/*.test.ts")
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(" ")}`);
  process.exit(2);
}

const testMillis = 600_000;
const skipped = new Set<string>();
const failed = new Set<string>();
let isSilent = false;

/** Resolves to the exit code of node's test runner. */
async function run(group: readonly string[], concurrency: number): Promise<number> {
  if (group.length === 0) return 0;
  const options = [
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${testMillis}`,
    "--test-force-exit",
    "--test-reporter=spec",
  ];
  const child = spawn(process.execPath, ["--test", ...options, "--test-reporter-destination=stdout", ...group], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let rest = "";
  child.stdout.setEncoding("utf8");
  const silence = setTimeout(() => {
    isSilent = true;
    console.log(`\n=== NOTHING WAS SAID FOR ${(2 * testMillis) / 60_000} MINUTES: the runner is ended`);
    child.kill("SIGTERM");
  }, 2 * testMillis);
  child.stdout.on("data", (text: string) => {
    silence.refresh();
    process.stdout.write(text);
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const match = /^\s*﹣ (.*) # (.*)$/u.exec(line);
      if (match !== null) skipped.add(`${match[1]}: ${match[2]}`);
      const place = /^test at (test\/\S+\.test\.ts):\d+:\d+$/u.exec(line);
      if (place?.[1] !== undefined) failed.add(place[1]);
    }
  });
  return new Promise((resolve) => {
    child.on("close", (code) => {
      clearTimeout(silence);
      resolve(code ?? 1);
    });
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
    `\n=== ${skipped.size} TESTS WERE SKIPPED on this machine (SLUICE_TEST_REQUIRE makes a missing part a failure) ===`,
  );
  for (const line of skipped) console.log(`  ${line}`);
}
const passed = together === 0 && oneByOne === 0;
// Where nothing that failed is named, or the runner was ended, to run a file again would say nothing of the others.
const again = !passed && !isSilent && failed.size > 0 && runsAgain ? [...failed].toSorted() : [];
for (const file of again) console.log(`\n=== ONCE MORE, ALONE: ${file}`);
const isMended = again.length > 0 && (await run(again, 1)) === 0;
if (isMended) console.log(`\n=== FAILED ONCE, PASSED ALONE: ${again.join(", ")} (look at the first failure above)`);
process.exitCode = passed || isMended ? 0 : 1;
