import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { actionSummary, MOST_SUMMARY } from "../../../../router/core/approval/action-summary.ts";
import { manifestText } from "../../../../router/core/approval/manifest-text.ts";
import { approvedDigest } from "../../../../router/core/approval/approved-digest.ts";
import { actionForm } from "../../../../router/core/approval/action-form.ts";
import { parseEgressApproval } from "../../../../router/core/approval/parse-egress-approval.ts";
import { yamlLine } from "../../../../router/core/approval/yaml-text.ts";
import { readAction } from "../../../../router/core/governance/read-action.ts";
import type { Action } from "../../../../router/core/governance/action.ts";
import type { Json } from "../../../../router/core/json/json.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const identity = { namespace: "n", agent: "a", pod: "p" };

function actionOf(value: Json): Action {
  const read = readAction(value);
  assert.ok(read.ok, JSON.stringify(read));
  return read.value;
}

const web = { kind: "egress", host: "web.example", port: 80, protocol: "http" };
const call = { kind: "tool", server: "files", tool: "delete", arguments: { path: "/", token: "s3cret" } };
const hidden = `sha256:${sha256('"s3cret"')}`;
const summaries: readonly (readonly [name: string, action: Json, redact: readonly string[], summary: string])[] = [
  [
    "a program and what it is given",
    { kind: "exec", program: "/usr/bin/git", argv: ["push", "--force"], directory: "/src" },
    [],
    'exec /usr/bin/git ["push","--force"] in /src',
  ],
  [
    "an operation and its target",
    { kind: "admin", operation: "delete", target: "prod-db" },
    [],
    "admin delete on prod-db",
  ],
  ["an image", { kind: "spawn", agent: "h", image: "evil/image", depth: 2 }, [], "spawn h image evil/image depth 2"],
  ["a request", { ...web, method: "POST", path: "/x" }, [], "egress POST http://web.example:80/x"],
  ["a message", { kind: "mesh.send", peer: "b", topic: "t" }, [], "mesh.send b topic t"],
  ["arguments", call, [], 'tool files/delete {"path":"/","token":"s3cret"}'],
  ["a secret", call, ["/token"], `tool files/delete {"path":"/","token":"${hidden}"}`],
  [
    "a name that looks like more",
    { kind: "admin", operation: "status on web", target: 'a"b' },
    [],
    String.raw`admin "status on web" on "a\"b"`,
  ],
  [
    "what steers a terminal",
    { kind: "exec", program: "/x", argv: ["\u001b[2J\u202e"] },
    [],
    String.raw`exec /x ["\u001b[2J\u202e"]`,
  ],
];
for (const [name, action, redact, summary] of summaries) {
  test(`INV-GOV-REQUEST-SHOWN: an approver sees ${name}`, () => {
    assert.equal(actionSummary(actionOf(action), { redact, sha256 }), summary);
  });
}

test("INV-GOV-REQUEST-SHOWN: what is cut says so, and is bounded with every escape", () => {
  for (const text of ["x".repeat(9_000), "\u202e".repeat(900), '"'.repeat(3_000)]) {
    const summary = actionSummary(actionOf({ kind: "exec", program: "/x", argv: [text] }));
    assert.ok(summary.length <= MOST_SUMMARY);
    assert.match(summary, /… \[CUT: not all of [0-9]+ characters\]$/);
  }
});

test("where nobody may see the arguments, they are left out", () => {
  assert.equal(actionSummary(actionOf(call)), "tool files/delete");
});

function manifest(value: Json, redact: readonly string[] = [], reason = "Because."): string | undefined {
  const action = actionOf(value);
  const digest = sha256(actionForm(action, sha256) ?? "");
  const text = manifestText({ digest, action, redact, reason }, identity, sha256, 8_192);
  if (text === undefined) return undefined;
  const parsed = parseEgressApproval("f", text);
  assert.ok(parsed.ok, text);
  assert.equal(approvedDigest(parsed.value, sha256), digest, "bound to the very action");
  assert.equal(parsed.value.answer, undefined);
  assert.equal(parsed.value.reason, reason);
  return text;
}

test("INV-GOV-REQUEST-SHOWN: a manifest holds the whole of the arguments, or says loudly that it does not", () => {
  const full = manifest(call) ?? "";
  assert.match(full, /arguments:\n {4,}path: "\/"\n {4,}token: "?s3cret/);
  assert.doesNotMatch(full, /ATTENTION/);
  const secret = manifest(call, ["/token"]) ?? "s3cret";
  assert.doesNotMatch(secret, /s3cret/);
  assert.match(secret, /^# ATTENTION: not all of the arguments/);
  assert.ok(secret.includes(hidden));
  const long = manifest({ ...call, arguments: { path: "y".repeat(9_000), "\u0085a\nstatus:": "\u2028" } }) ?? "";
  assert.match(long, /^# ATTENTION: [^\n]*\n# They are too long\. They begin: [^\n]*yyy/);
  assert.equal(manifest({ kind: "exec", program: "/x", argv: ["z".repeat(9_000)] }), undefined);
});

test("INV-GOV-REQUEST-SHOWN: the reason is marked as the agent's own, and stays in its place", () => {
  const text = manifest({ kind: "admin", operation: "x" }, [], 'ok" # approved\\u000a') ?? "";
  assert.match(text, /^# The reason is the agent's own words: nobody has checked it/);
  assert.match(text, /^ {2}reason: "ok\\" # approved\\\\u000a"$/m);
});

for (const word of ["e1", "E5", "y", "N", "inf", "NaN", "nan", "Infinity", "1_0", ".inf", "0x1f", "12:30", "no", "~"]) {
  test(`what a YAML of version 1.1 may take for no text is quoted: ${word}`, () => {
    assert.equal(yamlLine(word), JSON.stringify(word));
  });
}
