import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { machineClock } from "../../router/edge/ledger/machine-clock.ts";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import { budget, policyOf } from "../unit/core/budget/budget-fixture.ts";
import { open, scratchDirectory } from "../unit/edge/ledger/ledger-fixture.ts";
import { sameDay } from "../fakes/same-day.ts";

before(() => sameDay());

const WRITER = fileURLToPath(new URL("ledger-writer.ts", import.meta.url));
/** More of them: `SLUICE_LEDGER_KILLS=200 npm test -- ledger-kill`. */
const KILLS = Number(process.env["SLUICE_LEDGER_KILLS"] ?? "8");
const LIMIT = 100_000_000;

/** Runs a writer on the directory and kills it; returns what it said. */
async function killed(directory: string): Promise<readonly string[]> {
  const writer = spawn(process.execPath, [WRITER, directory, `${LIMIT}`], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  writer.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  // In mid-work, however slow the machine: a kill before the first call would show nothing.
  while (said.split("\n").length < 100) await once(writer.stdout, "data");
  // Whole milliseconds would hit the same places again and again.
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
  for (let spin = Math.random() * 200_000; spin > 0; spin -= 1);
  writer.kill("SIGKILL");
  await once(writer, "close");
  // A line that the kill cut was not said.
  return said.split("\n").slice(0, -1);
}

test(`INV-BUDGET-KILL: kill -9, ${KILLS} times: each call that was dispatched is charged, what it used or all that it might have`, async (t) => {
  const directory = scratchDirectory(t);
  const clock = machineClock({ now: () => epochMillis(Date.now()), monotonic: () => millis(performance.now()) });
  const policy = policyOf([budget({ limit: LIMIT, window: { kind: "month" } })]);
  let [charged, calls, mostUnsaid] = [0, 0, 0];
  for (let round = 0; round < KILLS; round += 1) {
    const said = await killed(directory);
    assert.equal(said[0], "started");
    const dispatched = new Map<string, number>();
    for (const line of said.slice(1)) {
      const [verb, id = "", tokens] = line.split(" ");
      // An id is settled after it was dispatched: what it used then stands.
      assert.ok(verb === "d" ? !dispatched.has(id) : verb === "s" && dispatched.has(id), line);
      dispatched.set(id, Number(tokens));
    }
    const least = [...dispatched.values()].reduce((sum, tokens) => sum + tokens, 0);
    calls += dispatched.size;
    const { ledger, events } = await open(directory, { clock }, policy);
    const [view] = ledger.view();
    const [event] = events;
    assert.ok(view !== undefined && event?.kind === "recovered");
    assert.equal(view.reserved, 0);
    // The last step may be done and not said: one call more, or one settled with less than was reserved for it.
    const unsaid = view.used - charged - least;
    assert.ok(unsaid >= -44 && unsaid <= 44, `${unsaid} tokens more than was said`);
    mostUnsaid = Math.max(mostUnsaid, Math.abs(unsaid));
    charged = view.used;
    await ledger.close();
  }
  assert.ok(calls > KILLS * 50, `${calls} calls`);
  t.diagnostic(`${calls} calls, ${charged} tokens, at most ${mostUnsaid} by a step that was not said any more`);
});

test("killed again and again, a budget is used up once, and is not overrun", async (t) => {
  const directory = scratchDirectory(t);
  const limit = 20_000;
  let used = 0;
  for (let round = 0; round < 4; round += 1) {
    const writer = spawn(process.execPath, [WRITER, directory, `${limit}`], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    writer.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    await once(writer.stdout, "data");
    if (round < 2) writer.kill("SIGKILL");
    await once(writer, "close");
    const open = new Map<string, number>();
    for (const line of said.split("\n").slice(1, -1)) {
      const [verb, id = "", tokens] = line.split(" ");
      if (verb !== "refused") open.set(id, Number(tokens));
    }
    for (const tokens of open.values()) used += tokens;
    // Of each life that was killed, one call may have been settled with less than it was said to be dispatched with.
    assert.ok(used <= limit + 44 * Math.min(round + 1, 2), `${used} used`);
    if (round >= 2) assert.ok(said.endsWith("refused\n"));
  }
  assert.ok(used > limit / 2, `${used} used`);
});
