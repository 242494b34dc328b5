import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { EVENTS, WrittenLog } from "../fakes/written-log.ts";
import { eventually, scratchDirectory } from "../unit/edge/audit/log-fixture.ts";

const CLI = fileURLToPath(new URL("../../cli/", import.meta.url));

/** The verb in a process of its own, with what the dispatcher gives it. */
function start(t: TestContext, verb: "tail" | "show", argv: readonly string[]) {
  const call = verb === "tail" ? "auditTail" : "auditShow";
  const program = `
    import { ${call} } from ${JSON.stringify(`${CLI}audit-${verb}.ts`)};
    const io = { stdout: (text) => process.stdout.write(text), stderr: (text) => process.stderr.write(text),
      cwd: process.cwd(), now: () => Date.now() };
    process.exitCode = await ${call}(process.argv.slice(1), io);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, "--", ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
  return { child, said };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`sluice audit tail -f ends with 0 on ${signal}, and on nothing before`, async (t) => {
    const log = new WrittenLog(scratchDirectory(t));
    log.append(EVENTS.allowed("x-1"));
    const { child, said } = start(t, "tail", [log.directory, "-f"]);
    await eventually("the last records are shown", () => said.out.includes("x-1"));
    log.rotate();
    log.append(EVENTS.denied("x-2"));
    await eventually("what came is shown", () => said.out.includes("x-2"));
    child.kill(signal);
    assert.deepEqual(await once(child, "close"), [0, null]);
    assert.equal(said.err, "");
  });
}

test("sluice audit show and tail end quietly once nobody reads what they print", async (t) => {
  const log = new WrittenLog(scratchDirectory(t));
  for (let index = 0; index < 3_000; index += 1) log.append(EVENTS.denied(`x-${index}`));
  for (const verb of ["show", "tail"] as const) {
    const { child, said } = start(t, verb, [log.directory, ...(verb === "tail" ? ["-f", "-n", "3000"] : [])]);
    await once(child.stdout, "data");
    child.stdout.destroy();
    if (verb === "tail")
      await eventually("a write fails", () => log.append(EVENTS.denied("x")) !== "" && child.exitCode !== null);
    assert.equal(child.exitCode ?? ((await once(child, "close")) as [number])[0], 0);
    assert.equal(said.err, "");
  }
});
