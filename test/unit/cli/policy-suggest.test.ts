import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { policyCheck } from "../../../cli/policy-check.ts";
import { policySuggest } from "../../../cli/policy-suggest.ts";
import type { AuditEvent } from "../../../router/core/audit/audit-event.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { LearnedBook } from "../../../router/core/learning/learned-book.ts";
import { learnedText } from "../../../router/core/learning/learned-text.ts";
import type { Observation } from "../../../router/core/learning/seen.ts";
import { EVENTS, WrittenLog } from "../../fakes/written-log.ts";
import { refused, seen } from "../core/learning/learning-fixture.ts";
import { INFERENCE_POLICY } from "../policies/inference-policy-document.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-policy-suggest-"));
after(() => rmSync(root, { recursive: true }));

let count = 0;
function directory(files: Readonly<Record<string, string>>): string {
  count += 1;
  const name = `d${count}`;
  mkdirSync(join(root, name));
  for (const [file, content] of Object.entries(files)) writeFileSync(join(root, name, file), content);
  return name;
}

function log(...events: readonly AuditEvent[]): string {
  const name = directory({});
  const written = new WrittenLog(join(root, name));
  for (const event of events) written.append(event);
  return name;
}

function learned(...observations: readonly Observation[]): string {
  const book = new LearnedBook(4096);
  for (const observation of observations) book.observe(observation);
  const about = { policy: "research-agent", version: 7, namespace: "research", agent: "researcher" };
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  const text = learnedText({ about, entries: book.entries(), overflow: book.overflow }, digest);
  return `${directory({ "learned.json": text })}/learned.json`;
}

async function suggest(...argv: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: root,
    now: () => epochMillis(Date.UTC(2026, 11, 1)),
  };
  const exit = await policySuggest(argv, io);
  let problems = "";
  if (exit === 0 && !argv.includes("--json")) {
    const file = join(directory({ "suggested.yaml": stdout }), "suggested.yaml");
    const tell = (text: string): void => void (problems += text);
    assert.equal(await policyCheck([file], { ...io, stdout: tell, stderr: tell }), 0, `${problems}\n${stdout}`);
  }
  const body = stdout.split("\n").filter((line) => !/^\s*#/.test(line));
  return {
    exit,
    stdout,
    stderr,
    problems,
    body: body.join("\n"),
    comments: stdout.split("\n").filter((line) => /^\s*#/.test(line)),
  };
}

const tunnel = (id: string, target: string, changes: Partial<AuditEvent> = {}): AuditEvent =>
  EVENTS.allowed(id, {
    target,
    rule: null,
    detail: { addresses: [], protocol: "tls", unlisted: "host_not_allowed" },
    ...changes,
  });
const request = (id: string, method: string, target: string, path: string | null, detail = {}): AuditEvent =>
  EVENTS.allowed(id, {
    action: `http.${method}`,
    target,
    rule: null,
    detail: { addresses: [], protocol: "http", path, unlisted: "host_not_allowed", ...detail },
  });
const end = (id: string, bytesOut: number, bytesIn: number, changes: Partial<AuditEvent> = {}): AuditEvent =>
  EVENTS.ended(id, { rule: null, detail: { outcome: "completed", bytesOut, bytesIn, millis: 1 }, ...changes });

const HEAD = [
  "apiVersion: sluice.dev/v1alpha1",
  "kind: EgressPolicy",
  'metadata: { name: "research-agent" }',
  "spec:",
  "  version: 8",
  '  issuedAt: "2026-12-01T00:00:00.000Z"',
  '  expiresAt: "2027-03-01T00:00:00.000Z"',
  '  audience: {"namespaces":["research"],"agents":["researcher"]}',
  "  mode: enforce",
];

test("a log becomes a policy, with a note at each entry", async () => {
  const { exit, stdout, stderr, problems } = await suggest(
    "--audit",
    log(
      tunnel("1", "api.example.com:443"),
      end("1", 5_000_000, 1_000),
      tunnel("2", "api.example.com:443"),
      end("2", 10, 20),
      request("3", "GET", "www.example.com:80", "/v1/users/*"),
      end("3", 5, 6),
      tunnel("4", "198.51.100.7:5432", { detail: { addresses: [], protocol: "tcp", unlisted: "host_not_allowed" } }),
    ),
  );
  assert.deepEqual([exit, stderr], [0, ""]);
  assert.deepEqual(stdout.split("\n"), [
    "# A suggestion of `sluice policy suggest`, from what was seen. Nothing of it is in force: read every rule, take out",
    "# what the agent has no business with, then sign it.",
    ...HEAD,
    "  allow:",
    "    # 198.51.100.7:5432 tcp: once, 2026-11-20T03:00:07.000Z, 0 out, 0 in; enforcing refused it: host_not_allowed",
    "    # ! an address, not a name: whoever has it tomorrow is reached too",
    "    # ! raw TCP: nothing of what flows is checked; if it is TLS, say protocol: tls",
    '    - id: "198.51.100.7-5432-tcp"',
    '      addresses: ["198.51.100.7:5432"]',
    "      protocol: tcp",
    "    # api.example.com:443 tls: 2 times, 2026-11-20T03:00:02.000Z to 2026-11-20T03:00:04.000Z, 4.8M out, 1.0K in; enforcing refused it: host_not_allowed",
    "    # ! far more goes out than comes in",
    "    - id: api.example.com",
    "      hosts: [api.example.com]",
    "      ports: [443]",
    "      protocol: tls",
    "    # www.example.com:80 http GET /v1/users/*: once, 2026-11-20T03:00:06.000Z, 5 out, 6 in; enforcing refused it: host_not_allowed",
    "    # ! in clear: whoever is on the way can read and change it",
    "    - id: www.example.com-http",
    "      hosts: [www.example.com]",
    "      ports: [80]",
    "      protocol: http",
    '      http: { methods: [GET], paths: ["/v1/users/*"] }',
    "",
  ]);
  assert.match(problems, /version 8: good/);
});

test("a file of what was learnt becomes the same policy", async () => {
  const fromFile = await suggest(
    "--learned",
    learned(seen("tls api.example.com:443"), seen("https-inspected GET in.example.com:443/v1/list")),
  );
  const fromLog = await suggest(
    "--audit",
    log(
      tunnel("1", "api.example.com:443"),
      tunnel("2", "in.example.com:443", { detail: { addresses: [], protocol: "tls", inspect: true } }),
      request("3", "GET", "in.example.com:443", "/v1/list", { secure: true, protocol: "tls" }),
    ),
  );
  assert.equal(fromFile.exit, 0);
  assert.equal(fromFile.body, fromLog.body);
  assert.match(fromFile.body, /inspect: true\n {6}http: \{ methods: \[GET\], paths: \["\/v1\/list"\] \}/);
});

test("a request in full that a rule let through unread asks for that rule, not for an inspected one", async () => {
  const full = (id: string, target: string, more = {}): AuditEvent =>
    EVENTS.allowed(id, {
      action: "http.GET",
      target,
      detail: { addresses: [], protocol: "tls", path: "/v1/list", secure: true, ...more },
    });
  const { exit, body } = await suggest(
    "--audit",
    log(full("1", "api.example.com:443"), full("2", "in.example.com:443", { inspect: true })),
  );
  assert.equal(exit, 0);
  assert.equal(body.match(/inspect: true/g)?.length, 1);
  assert.match(body, /hosts: \[api\.example\.com\]\n {6}ports: \[443\]\n {6}protocol: tls\n {4}- id: in\./);
});

test("the same log twice gives the same text, in whatever order its segments are named", async () => {
  const one = log(tunnel("1", "b.example.com:443"), tunnel("2", "a.example.com:443"));
  const two = log(tunnel("1", "c.example.com:443"));
  const [first, second] = [
    await suggest("--audit", one, "--audit", two),
    await suggest("--audit", two, "--audit", one),
  ];
  assert.equal(first.body, second.body);
  assert.match(first.body, /hosts: \[a\.example\.com, b\.example\.com, c\.example\.com\]/);
});

const nothing: readonly (readonly [name: string, argv: () => readonly string[]])[] = [
  ["a log without traffic", () => ["--audit", log()]],
  ["a log of refusals", () => ["--audit", log(EVENTS.denied("1"), EVENTS.denied("2", { reason: "host_not_allowed" }))]],
  [
    "a tunnel that was refused after it was admitted",
    () => ["--audit", log(tunnel("1", "a.example:443"), end("1", 0, 0, { decision: "deny", reason: "sni_mismatch" }))],
  ],
  ["a file with nothing in it", () => ["--learned", learned()]],
  ["a file of refusals", () => ["--learned", learned(refused("tls a.example:443", "blocklisted"))]],
];
for (const [name, argv] of nothing) {
  test(`nothing to suggest: ${name}`, async () => {
    const { exit, stdout, stderr } = await suggest(...argv());
    assert.deepEqual([exit, stdout], [1, ""]);
    assert.match(stderr, /no traffic was allowed in what was read, so there is nothing to suggest/);
  });
}

const unreadable: readonly (readonly [name: string, argv: () => readonly string[], says: RegExp])[] = [
  ["neither", () => [], /one of --audit and --learned is needed/],
  ["both", () => ["--audit", log(), "--learned", learned()], /one of --audit and --learned is needed/],
  ["a word too many", () => ["--learned", learned(), "more"], /more/],
  ["a directory that is not there", () => ["--audit", "missing"], /missing/],
  ["a directory without a log", () => ["--audit", directory({})], /no audit segment/],
  ["a file that is not there", () => ["--learned", "missing.json"], /missing\.json: The file does not exist/],
  ["a file of something else", () => ["--learned", `${directory({ "x.json": "{}" })}/x.json`], /format is not/],
  [
    "a name that is none",
    () => ["--learned", learned(seen("tls a.example:443")), "--name", 'x" }\nspec: {'],
    /control_character/,
  ],
  [
    "a policy that is none",
    () => ["--learned", learned(seen("tls a.example:443")), "--policy", directory({ "a.yaml": "kind: EgressPolicy" })],
    /missing_key/,
  ],
];
for (const [name, argv, says] of unreadable) {
  test(`unreadable: ${name}`, async () => {
    const { exit, stdout, stderr } = await suggest(...argv());
    assert.deepEqual([exit, stdout], [2, ""]);
    assert.match(stderr, says);
  });
}

test("INV-LEARN-SUGGEST: what was refused for good is left out, and told", async () => {
  const { exit, body, comments } = await suggest(
    "--audit",
    log(
      tunnel("1", "gist.github.com:443"),
      EVENTS.denied("2"),
      tunnel("3", "ok.example.com:443"),
      tunnel("4", "listed.example.com:443"),
      EVENTS.denied("5", { target: "listed.example.com:80", reason: "blocklisted", rule: "blocklist/feed" }),
      tunnel("6", "models.example.com:443"),
      EVENTS.denied("7", { target: "models.example.com:443", reason: "inference_only", rule: null }),
      tunnel("8", "cut.example.com:443"),
      end("8", 1, 1, { reason: "blocklisted" }),
    ),
  );
  assert.equal(exit, 0);
  assert.match(body, /ok\.example\.com/);
  assert.doesNotMatch(body, /gist|listed|models|cut/);
  assert.match(
    comments.join("\n"),
    /listed.*blocklisted[^]*models.*inference_only[^]*gist\.github\.com:443.*denied_by_rule/,
  );
});

const POLICY = `apiVersion: sluice.dev/v1alpha1
kind: EgressPolicy
metadata: { name: research-agent }
spec:
  version: 41
  issuedAt: "2026-11-01T00:00:00Z"
  expiresAt: "2026-12-20T00:00:00Z"
  audience: { namespaces: [research], agents: ["*"] }
  mode: learn
  blocklist: { except: ["cdn.example"] }
  allow:
    - id: api
      hosts: [api.example.com]
      ports: [443]
      limits: { bytesOut: 10Mi, lifetime: 1h }
    - { id: unused, hosts: ["*.cdn.example"], ports: [443], inspect: true, inject: [{ header: authorization, secret: t, prefix: "Bearer " }] }
  deny:
    - { id: no-gists, hosts: [gist.github.com] }
`;

test("with --policy its rules stay as they are, and what they lack is added", async () => {
  const { exit, body, comments, stderr } = await suggest(
    "--policy",
    directory({ "egress.yaml": POLICY, "models.yaml": INFERENCE_POLICY }),
    "--audit",
    log(
      tunnel("1", "api.example.com:443", { rule: "api", detail: { addresses: [], protocol: "tls" } }),
      tunnel("2", "new.example.com:443"),
      tunnel("3", "gist.github.com:443"),
      tunnel("4", "api.openai.com:443"),
    ),
  );
  assert.equal(exit, 0, stderr);
  assert.deepEqual(body.split("\n").slice(4), [
    "  version: 42",
    '  issuedAt: "2026-12-01T00:00:00.000Z"',
    '  expiresAt: "2027-03-01T00:00:00.000Z"',
    '  audience: {"namespaces":["research"],"agents":["*"]}',
    "  mode: enforce",
    '  blocklist: {"except":["cdn.example"]}',
    "  allow:",
    '    - {"id":"api","hosts":["api.example.com"],"ports":[443],"limits":{"bytesOut":"10Mi","lifetime":"1h"}}',
    '    - {"id":"unused","hosts":["*.cdn.example"],"ports":[443],"inspect":true,"inject":[{"header":"authorization","secret":"t","prefix":"Bearer "}]}',
    "    - id: new.example.com",
    "      hosts: [new.example.com]",
    "      ports: [443]",
    "      protocol: tls",
    "  deny:",
    '    - {"id":"no-gists","hosts":["gist.github.com"]}',
    "",
  ]);
  const told = comments.join("\n");
  assert.match(told, /api\.example\.com:443 tls: once.*allowed by api\n.*nothing that was seen needed it/);
  assert.match(told, /gist\.github\.com:443.*denied_by_rule[^]*api\.openai\.com:443.*inference_only/);
});

test("the version is above the log's, where that is the higher one", async () => {
  const policy = directory({ "egress.yaml": POLICY.replace("version: 41", "version: 2") });
  const { body } = await suggest("--policy", policy, "--audit", log(tunnel("1", "new.example.com:443")));
  assert.match(body, /^ {2}version: 8$/m);
});

const hostile = [
  "$(reboot)",
  "`id`",
  "'; rm -rf ~ #",
  "\u001b[2J\u001b]0;x\u0007",
  "x\n  mode: learn\n",
  "\u202egnp",
  "- id: x",
  "é".repeat(300),
];

test("INV-LEARN-TEXT: whatever stands in methods, paths, rules and targets, the text is one policy, and steers no terminal", async () => {
  const events = hostile.flatMap((text, at) => [
    request(`m${at}`, text, "a.example.com:80", "/list"),
    request(`p${at}`, "GET", "b.example.com:80", `/${text}`),
    tunnel(`r${at}`, `c${at}.example.com:443`, {
      rule: text,
      detail: { addresses: [], protocol: text, unlisted: text },
    }),
    tunnel(`t${at}`, `${text}:443`),
    tunnel(`n${at}`, "d.example.com:443", { policy: { name: text, version: at, digest: "sha256:0" } }),
  ]);
  for (const more of [[], ["--name", "mine"]]) {
    const { exit, stdout, stderr } = await suggest(
      "--audit",
      log(...events, tunnel("z", "z.example.com:443")),
      ...more,
    );
    assert.equal(exit, 0, stderr);
    assert.doesNotMatch(stdout, /[^\n\x20-\x7e…é]/u);
    assert.doesNotMatch(stderr, /[^\n\x20-\x7e…é]/u);
    assert.doesNotMatch(stdout, /^ *mode: learn/m);
    assert.match(stdout, /^# Not suggested/m);
  }
});

test("what has not ended was seen, too, and what is damaged is told", async () => {
  const name = log(tunnel("1", "a.example.com:443"));
  appendFileSync(join(root, name, "segment-000001-aaaaaaaa.jsonl"), "");
  const other = log(tunnel("1", "b.example.com:443"), tunnel("2", "hmac-sha256:00"));
  const { exit, stderr, stdout } = await suggest("--audit", name, "--audit", other);
  assert.equal(exit, 0);
  assert.match(stderr, /1 decisions do not say what they were about/);
  assert.match(stdout, /# ! 1 decisions do not say/);
});

test("the version is above every one that is on record, whatever happened under it", async () => {
  const policy = { name: "research-agent", version: 40, digest: `sha256:${"d".repeat(64)}` };
  const loaded = (kind: string, version: number): AuditEvent =>
    EVENTS.allowed("l", {
      kind: "policy.load",
      action: "policy.load",
      target: "research-agent",
      policy: { ...policy, version },
      detail: { kind },
    });
  const { body } = await suggest(
    "--audit",
    log(tunnel("1", "a.example.com:443"), loaded("EgressPolicy", 40), loaded("InferencePolicy", 99)),
  );
  assert.match(body, /^ {2}version: 41$/m);
});

test("a log that does not say which paths gets all, loudly", async () => {
  const old = EVENTS.allowed("1", { action: "http.GET", target: "www.example.com:80", rule: null });
  const { body, comments } = await suggest("--audit", log(old));
  assert.match(body, /methods: \[GET\], paths: \["\/\*\*"\]/);
  assert.match(comments.join("\n"), /without their paths[^]*the pattern is wide/);
});

test("five siblings are proposed as a wildcard in a comment, and listed by their names", async () => {
  const names = ["a", "b", "c", "d", "e"].map((label) => seen(`tls ${label}.svc.example.com:443`));
  const { body, comments } = await suggest("--learned", learned(...names));
  assert.doesNotMatch(body, /\*/);
  assert.match(comments.join("\n"), /proposal, only if .* hosts: \["\*\.svc\.example\.com"\], for 5 hosts/);
});

test("--json holds the document and what each rule is for", async () => {
  const { exit, stdout } = await suggest(
    "--json",
    "--learned",
    learned(seen("http GET a.example.com:80/u/1"), seen("http get a.example.com:80/")),
  );
  assert.equal(exit, 0);
  const form = JSON.parse(stdout) as {
    document: string;
    rules: { id: string; entries: unknown[] }[];
    leftOut: unknown[];
    unkept: number;
  };
  assert.match(form.document, /^apiVersion: /m);
  assert.deepEqual(
    [form.rules.map(({ id }) => id), form.rules[0]?.entries.length, form.leftOut.length, form.unkept],
    [["a.example.com-http"], 1, 1, 0],
  );
});
