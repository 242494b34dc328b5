import assert from "node:assert/strict";
import { test } from "node:test";
import { guard } from "../../../cli/guard.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";

async function run(...argv: readonly string[]) {
  const said = { stdout: "", stderr: "" };
  const code = await guard(argv, {
    stdout: (text) => (said.stdout += text),
    stderr: (text) => (said.stderr += text),
    cwd: "/",
    now: () => epochMillis(0),
  });
  return { code, ...said };
}

for (const [argv, says] of [
  [[], /which verb\?/],
  [["open"], /no such verb: open/],
  [["print", "--family", "ipx"], /--family is ipv4 or ipv6, not ipx/],
  [["install", "--backend", "ebtables"], /--backend is nft or legacy, not ebtables/],
  [["install", "--uid", "0"], /Unknown option '--uid'/],
  [["remove", "--proof", "x"], /Unknown option '--proof'/],
  [["verify", "--no-redirect=yes"], /does not take an argument/],
  [["print", "more"], /Unexpected argument 'more'/],
  [["install", "--proof"], /argument missing/],
  [["toString"], /no such verb: toString/],
] as const) {
  test(`usage: sluice guard ${argv.join(" ")}`, async () => {
    const { code, stdout, stderr } = await run(...argv);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, says);
    assert.match(stderr, /usage: sluice guard/);
  });
}

test("print needs no privilege, and shows both families with the reason of every rule", async () => {
  const { code, stdout, stderr } = await run("print");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^# ipv6: ip6tables-nft-restore --noflush\n\*filter\n/);
  assert.match(stdout, /\n# ipv4: iptables-nft-restore --noflush\n/);
  const lines = stdout.split("\n");
  for (const [index, line] of lines.entries()) {
    if (/^-[AI] /.test(line)) assert.match(lines[index - 1] ?? "", /^# [a-z0-9-]+: \w/, line);
  }
});

test("print --json is the plan", async () => {
  const { stdout } = await run("print", "--json", "--family", "ipv4", "--no-redirect");
  const plans = JSON.parse(stdout) as { family: string; tables: { table: string }[] }[];
  assert.deepEqual(
    plans.map(({ family, tables }) => [family, tables.map(({ table }) => table)]),
    [["ipv4", ["filter"]]],
  );
});
