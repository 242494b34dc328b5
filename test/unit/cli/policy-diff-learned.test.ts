import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { policyDiff } from "../../../cli/policy-diff.ts";
import type { AuditEvent } from "../../../router/core/audit/audit-event.ts";
import type { Port } from "../../../router/core/base/quantity.ts";
import type { Host } from "../../../router/core/wire/host.ts";
import { asRecorded } from "../../../cli/policy-diff-path.ts";
import type { PolicySet } from "../../../cli/policy-set.ts";
import type { ShownRecord } from "../../../cli/shown-record.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";
import { EVENTS, WrittenLog } from "../../fakes/written-log.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-diff-learned-"));
after(() => rmSync(root, { recursive: true }));

let count = 0;
function directory(): string {
  count += 1;
  mkdirSync(join(root, `d${count}`));
  return `d${count}`;
}

function policy(mode: "learn" | "enforce", rules: readonly string[], deny: readonly string[] = []): string {
  const name = directory();
  const text = [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: EgressPolicy",
    "metadata: { name: p }",
    "spec:",
    "  version: 1",
    '  issuedAt: "2026-11-20T00:00:00Z"',
    '  expiresAt: "2027-02-20T00:00:00Z"',
    '  audience: { namespaces: ["*"], agents: ["*"] }',
    `  mode: ${mode}`,
    rules.length === 0 ? "  allow: []" : "  allow:",
    ...rules.map((rule) => `    - ${rule}`),
    ...(deny.length === 0 ? [] : ["  deny:", ...deny.map((rule) => `    - ${rule}`)]),
    "",
  ].join("\n");
  writeFileSync(join(root, name, "p.yaml"), text);
  return name;
}

function log(...events: readonly AuditEvent[]): string {
  const name = directory();
  const written = new WrittenLog(join(root, name));
  for (const event of events) written.append(event);
  return name;
}

async function diff(...argv: readonly string[]) {
  let stdout = "";
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stdout += text),
    cwd: root,
    now: () => epochMillis(0),
  };
  const exit = await policyDiff(argv, io);
  return {
    exit,
    lines: stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/; first .*/, "")),
  };
}

const request = (method: string, target: string, path: string, secure = false): AuditEvent =>
  EVENTS.allowed("r", {
    action: `http.${method}`,
    target,
    rule: null,
    detail: { path, ...(secure ? { secure } : {}) },
  });

const WEB =
  '{ id: web, hosts: [www.example], ports: [80], protocol: http, http: { methods: [GET], paths: ["/v1/*", "/v2/list"] } }';
const INSPECTED =
  '{ id: in, hosts: [in.example], ports: [443], inspect: true, http: { methods: [GET], paths: ["/v1/**"] } }';

const rows: readonly (readonly [name: string, event: AuditEvent, expected: string])[] = [
  [
    "a tunnel",
    EVENTS.allowed("r", { target: "new.example:443", rule: null, detail: {} }),
    "CHANGES       1  connect new.example:443: allow -> deny (host_not_allowed)",
  ],
  ["a path that is listed", request("GET", "www.example:80", "/v2/list"), ""],
  ["a shape that is listed", request("GET", "www.example:80", "/v1/*"), ""],
  [
    "a path that is not",
    request("GET", "www.example:80", "/v2/other"),
    "CHANGES       1  http.GET www.example:80/v2/other: allow -> deny (path_not_allowed, rule web)",
  ],
  [
    "a shape that is not",
    request("GET", "www.example:80", "/v3/*"),
    "CHANGES       1  http.GET www.example:80/v3/*: allow -> deny (path_not_allowed, rule web)",
  ],
  [
    "a shape of which some is",
    request("GET", "www.example:80", "/v2/*"),
    "UNKNOWN       1  http.GET www.example:80/v2/*: depends on what is not recorded -> depends on what is not recorded",
  ],
  [
    "a method that is not",
    request("POST", "www.example:80", "/v1/*"),
    "CHANGES       1  http.POST www.example:80/v1/*: allow -> deny (method_not_allowed, rule web)",
  ],
  ["a request inside TLS that is listed", request("GET", "in.example:443", "/v1/a/b", true), ""],
  [
    "one that is not",
    request("GET", "in.example:443", "/v2/*", true),
    "CHANGES       1  http.GET in.example:443/v2/*: allow -> deny (path_not_allowed, rule in)",
  ],
  [
    "what is no shape",
    request("GET", "www.example:80", "/v1/12345"),
    "UNKNOWN       1  http.GET www.example:80: depends on what is not recorded -> depends on what is not recorded",
  ],
];
for (const [name, event, expected] of rows) {
  test(`what enforcing would deny: ${name}`, async () => {
    const { exit, lines } = await diff(policy("learn", []), policy("enforce", [WEB, INSPECTED]), "--audit", log(event));
    const told = lines.filter((line) => /^(?:CHANGES|UNKNOWN)/.test(line)).join("\n");
    // Where the old policy has no paths of its own, its word is known.
    assert.equal(
      told.replace(": depends on what is not recorded ->", ": allow ->"),
      expected.replace(": depends on what is not recorded ->", ": allow ->"),
    );
    assert.equal(exit, expected === "" ? 0 : 1);
  });
}

test("a deny rule about paths is held against shapes", async () => {
  const [before, next] = [
    policy("learn", []),
    policy("learn", [], ['{ id: no, hosts: [www.example], http: { paths: ["/admin/**"] } }']),
  ];
  const { lines } = await diff(
    before,
    next,
    "--audit",
    log(
      request("GET", "www.example:80", "/v1/*"),
      request("GET", "www.example:80", "/admin/*"),
      request("GET", "www.example:80", "/*/list"),
    ),
  );
  assert.deepEqual(lines.slice(0, 3), [
    "CHANGES       1  http.GET www.example:80/admin/*: allow -> deny (denied_by_rule, rule no)",
    "UNKNOWN       1  http.GET www.example:80/*/list: allow -> depends on what is not recorded",
    "3 decisions: 1 stay, 1 change, 1 unknown",
  ]);
});

test("where a governance policy reads paths, a shape is not taken for one", () => {
  const record = { kind: "egress.decision", action: "http.GET", detail: { path: "/v1/*" } } as unknown as ShownRecord;
  const host = { kind: "name", text: "www.example" } as unknown as Host;
  const request = { via: "http", host, port: 80 as Port, method: "GET", path: "/" } as const;
  const question = { about: "egress", request, addresses: undefined, hidden: new Set(["path"] as const) } as const;
  const none = { egress: undefined, inference: undefined, governance: undefined };
  const pathOf = (set: PolicySet): string | undefined => {
    const asked = asRecorded(question, record, [set]);
    assert.ok(typeof asked === "object" && asked.about === "egress" && asked.request.via === "http");
    return asked.hidden.has("path") ? undefined : asked.request.path;
  };
  assert.equal(pathOf(none), "/v1/0any0segment0");
  assert.equal(pathOf({ ...none, governance: {} as never }), undefined);
});
