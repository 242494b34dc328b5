import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { status } from "../../../cli/status.ts";
import type { Viewer } from "../../../cli/viewer.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const at = (offset: number): string => new Date(NOW + offset).toISOString();
const HOUR = 3_600_000;

const budget = (given: object): object => ({
  id: "day",
  unit: "tokens",
  window: "day",
  scope: "pod",
  model: null,
  limit: 10_000,
  used: 18,
  reserved: 0,
  remaining: 9_982,
  resetAt: at(12 * HOUR),
  ...given,
});

/** What a sidecar says: router/app/router.ts. */
const standing = (name: string, given: object = {}): object => ({
  state: "loaded",
  name,
  version: 7,
  digest: `sha256:${"ab".repeat(32)}`,
  issuedAt: at(-48 * HOUR),
  expiresAt: at(24 * HOUR),
  loadedAt: at(-HOUR),
  condition: { state: "loaded", phase: "fresh" },
  ...given,
});

const good = (given: object = {}, inference: object = {}): object => ({
  version: "0.1.0",
  identity: { namespace: "research", pod: "pod-1", agent: "agent-1" },
  policy: standing("egress-policy", { mode: "enforce" }),
  inference: { policy: standing("models"), calls: 1, bodies: 2_048, budgets: { budgets: [budget({})] }, ...inference },
  conditions: [
    { name: "policy", state: "ok", reason: "" },
    { name: "guard", state: "degraded", reason: "not expected here" },
  ],
  tunnels: 2,
  connections: 3,
  audit: {
    writable: true,
    records: 1_234,
    bytes: 4_096,
    origin: "sluice.dev/audit/research/pod-1/0123",
    checkpoint: { size: 1_230, root: "00", note: "...", at: at(-2_000) },
    witnesses: [{ witness: "witness.example", cosignedSize: 1_200 }],
    exports: [],
  },
  ...given,
});

let answer: { status: number; body: string | Uint8Array } = { status: 200, body: "" };
const server = createServer((request, response) => {
  response.writeHead(request.url === "/status" ? answer.status : 404).end(answer.body);
});
let address = "";
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

const PIPE: Viewer = { columns: undefined, colors: false, gone: new AbortController().signal };

async function say(argv: readonly string[], viewer: Partial<Viewer> = {}) {
  let [out, err] = ["", ""];
  const io = {
    stdout: (text: string) => void (out += text),
    stderr: (text: string) => void (err += text),
    cwd: "/",
    now: () => epochMillis(NOW),
  };
  const exit = await status(argv, io, { ...PIPE, ...viewer });
  return { exit, out, err };
}

async function told(body: object | string | Uint8Array, more: readonly string[] = [], viewer: Partial<Viewer> = {}) {
  const isText = typeof body === "string" || body instanceof Uint8Array;
  answer = { status: 200, body: isText ? body : JSON.stringify(body) };
  return say(["--address", address, ...more], viewer);
}

test("a sidecar that is ready: exit 0, in aligned lines, what needs a look first", async () => {
  const { exit, out, err } = await told(good());
  assert.equal(err, "");
  assert.equal(exit, 0);
  assert.equal(
    out,
    `READY  sluice 0.1.0, pod research/pod-1, agent agent-1

  degraded  guard   not expected here
  ok        policy

  egress     egress-policy v7, enforce
             issued 2d00h ago, loaded 1h00m ago, expires in 1d00h
             sha256:${"ab".repeat(32)}
  inference  models v7
             issued 2d00h ago, loaded 1h00m ago, expires in 1d00h
             sha256:${"ab".repeat(32)}

  budget  each  used      of  unit                             left  resets in
  day     day     18  10,000  tokens  [#...................]  9,982  12h00m

  open       2 tunnels, 3 connections, 1 call (bodies: 2.0K)
  audit      1,234 records, 4.0K octets; signed head over 1230, 2.0s ago
             sluice.dev/audit/research/pod-1/0123
             cosigned over 1200 by witness.example
`,
  );
});

test("a failed condition: exit 1, and that comes first", async () => {
  const failed = { name: "audit", state: "failed", reason: "the disk is full" };
  const { exit, out } = await told(good({ conditions: [{ name: "policy", state: "ok", reason: "" }, failed] }));
  assert.equal(exit, 1);
  assert.match(out, /^NOT READY .*\n\n {2}failed {4}audit {3}the disk is full\n {2}ok/);
});

const POLICIES: readonly (readonly [name: string, policy: object, expected: RegExp])[] = [
  ["none yet", { state: "missing", condition: { state: "missing", problems: [] } }, /^ {2}egress {5}none in force$/m],
  ["signed", standing("p", { signers: ["release", "pipeline"] }), /p v7, signed by release and pipeline$/m],
  ["unsigned", standing("p", { signers: [] }), /p v7, unsigned$/m],
  ["expired", standing("p", { expiresAt: at(-HOUR) }), /, EXPIRED 1h00m ago$/m],
  ["a clock behind", standing("p", { issuedAt: at(HOUR) }), /issued in 1h00m, loaded 1h00m ago/],
  [
    "a newer one refused, and why",
    standing("p", {
      state: "degraded",
      condition: {
        state: "degraded",
        problems: [{ file: "egress.yaml", line: 3, column: 5, code: "bad_port", message: "No." }],
      },
    }),
    /p v7, a newer one is refused\n.*\n.*\n {13}egress\.yaml:3:5: bad_port: No\.$/m,
  ],
  [
    "many problems",
    {
      state: "missing",
      condition: {
        problems: Array.from({ length: 7 }, () => ({ file: "f", line: 0, column: 0, code: "c", message: "m" })),
      },
    },
    /(?: {13}f:0:0: c: m\n){5} {13}and 2 more$/m,
  ],
];

for (const [name, policy, expected] of POLICIES) {
  test(`policy: ${name}`, async () => assert.match((await told(good({ policy }))).out, expected));
}

const BUDGETS: readonly (readonly [name: string, budget: object, expected: string])[] = [
  [
    "unused",
    { used: 0, remaining: 10_000 },
    "day     day      0  10,000  tokens  [....................]  10,000  12h00m",
  ],
  [
    "all but one",
    { used: 9_999, remaining: 1 },
    "day     day   9,999  10,000  tokens  [###################.]     1  12h00m",
  ],
  [
    "used up",
    { used: 10_000, remaining: 0 },
    "day     day   10,000  10,000  tokens  [####################]     0  12h00m",
  ],
  [
    "over it, by what was not known before",
    { used: 12_000, remaining: 0 },
    "day     day   12,000  10,000  tokens  [####################]     0  12h00m",
  ],
  [
    "half of it held",
    { used: 2_500, reserved: 5_000, remaining: 2_500 },
    "day     day   2,500  10,000  tokens  [#####++++++++++.....]  2,500  12h00m",
  ],
  [
    "dollars",
    { unit: "usd", limit: "5", used: "0.000123", reserved: "0", remaining: "4.999877" },
    "day     day   0.000123   5  usd   [#...................]  4.999877  12h00m",
  ],
  [
    "rolling, of a model",
    { window: "21600s", model: "gpt-5", scope: "model", resetAt: at(60_000) },
    "day/gpt-5  6h00m    18  10,000  tokens  [#...................]  9,982  1m00s",
  ],
  ["of each call", { window: "request", resetAt: null }, "day     request        10,000  tokens"],
  ["reset a moment ago", { resetAt: at(-5) }, "day     day     18  10,000  tokens  [#...................]  9,982  0ms"],
  ["a limit of nothing", { limit: 0, used: 0, remaining: 0 }, "day day 0 0 tokens [####################] 0 12h00m"],
];

const squeezed = (text: string): string => text.replaceAll(/ +/g, " ").trim();

for (const [name, given, expected] of BUDGETS) {
  test(`budget: ${name}`, async () => {
    const { out } = await told(good({}, { budgets: { budgets: [budget(given)] } }));
    const line = out.split("\n").find((one) => one.startsWith("  day"));
    assert.equal(squeezed(line ?? ""), squeezed(expected));
  });
}

test("what a terminal would obey is shown, in columns and in JSON", async () => {
  const evil = "a\u001B]0;x\u0007\u009B31m\u202Eb\nREADY";
  const said = good(
    {
      version: evil,
      identity: { namespace: evil, pod: evil, agent: evil },
      policy: standing(evil, { mode: evil, digest: evil, signers: [evil] }),
      conditions: [{ name: evil, state: "degraded", reason: evil }],
      audit: {
        writable: false,
        records: 0,
        bytes: 0,
        origin: evil,
        checkpoint: {},
        witnesses: [{ witness: evil, cosignedSize: 0 }],
      },
      more: { [evil]: evil },
    },
    { budgets: { budgets: [budget({ id: evil, model: evil, window: evil })] } },
  );
  for (const more of [[], ["--json"]]) {
    const { exit, out } = await told(said, more);
    assert.equal(exit, 0);
    assert.doesNotMatch(out.replaceAll("\n", ""), /[^ -~…]/);
    assert.equal(out.match(/^READY/gm)?.length, more.length === 0 ? 1 : undefined);
    if (more.length > 0) assert.deepEqual(JSON.parse(out), { ...said, ready: true });
  }
});

test("as JSON: all that it said, and whether that is ready", async () => {
  const said = good({ conditions: [{ name: "audit", state: "failed", reason: "x" }], newer: { thing: [1] } });
  const { exit, out } = await told(said, ["--json"]);
  assert.equal(exit, 1);
  assert.deepEqual(JSON.parse(out), { ...said, ready: false });
});

test("colours only for who sees them", async () => {
  const { out } = await told(good(), [], { colors: true });
  assert.match(out, /\u001B\[32mREADY\u001B\[39m/);
});

/** JSON.parse reads it, and JSON.stringify does not write it. */
const DEEP = JSON.stringify(good({ toJSON: "DEEP" })).replace('"DEEP"', "[".repeat(100_000) + "]".repeat(100_000));
const ANSWERS: readonly (readonly [name: string, body: object | string | Uint8Array, expected: RegExp])[] = [
  ["no JSON", "ok\n", /the answer is no JSON text$/],
  ["not UTF-8", Uint8Array.from([0x22, 0xff, 0x22]), /no JSON text$/],
  ["nested deeply", DEEP, /no JSON text$/],
  ["nested more deeply than anything is", `${"[".repeat(70)}${"]".repeat(70)}`, /no JSON text$/],
  ["something else", {}, /no status of a sidecar: see \.version$/],
  ["null", "null", /see all of it$/],
  ["a list", "[]", /see all of it$/],
  ["no condition: nothing that could fail", good({ conditions: [] }), /names no condition$/],
  ["an unknown state", good({ conditions: [{ name: "x", state: "fine", reason: "" }] }), /conditions\[0\]\.state$/],
  ["a policy without a version", good({ policy: standing("p", { version: undefined }) }), /see \.policy\.version$/],
  ["a negative count", good({ tunnels: -1 }), /see \.tunnels$/],
  ["a count as a text", good({ tunnels: "1" }), /see \.tunnels$/],
  ["an amount that is none", good({}, { budgets: { budgets: [budget({ used: "1e9" })] } }), /budgets\[0\]\.used$/],
  ["a time that is none", good({}, { budgets: { budgets: [budget({ resetAt: "soon" })] } }), /resetAt$/],
  ["members of the prototype", '{"__proto__":{"version":"1"}}', /see \.version$/],
];

for (const [name, body, expected] of ANSWERS) {
  test(`an answer that is no sidecar's, exit 2: ${name}`, async () => {
    const { exit, out, err } = await told(body);
    assert.deepEqual([exit, out], [2, ""]);
    assert.match(err.trimEnd(), expected);
  });
}

test("nobody answers, or not with 200: exit 69", async () => {
  answer = { status: 503, body: "" };
  const refused = await say(["--address", address]);
  assert.equal(refused.exit, 69);
  assert.match(refused.err, /answers with status 503\n$/);
  const nobody = await say(["--address", "127.0.0.1:1"]);
  assert.equal(nobody.exit, 69);
  assert.match(nobody.err, /^sluice status: 127\.0\.0\.1:1: The router cannot be asked: ECONNREFUSED\.\n$/);
});

test("an answer without an end: exit 69", async () => {
  const huge = await told("x".repeat(1024 * 1024 + 1));
  assert.equal(huge.exit, 69);
  assert.match(huge.err, /larger than/);
});

for (const argv of [
  ["--address", "127.0.0.1"],
  ["--address", "router.example:18090"],
  ["--address", "http://127.0.0.1:18090"],
  ["--address", "user@127.0.0.1:18090"],
  ["--address", "127.0.0.1:18090/x?:1"],
  ["--address", "127.0.0.1:99999"],
  ["--address", "::1:18090"],
  ["--address", "\u001B[2J:1"],
  ["--address"],
  ["--addres", "127.0.0.1:18090"],
  ["somewhere"],
]) {
  test(`usage, exit 2: ${JSON.stringify(argv.join(" "))}`, async () => {
    const { exit, out, err } = await say(argv);
    assert.deepEqual([exit, out], [2, ""]);
    assert.doesNotMatch(err, /\u001B/);
  });
}
