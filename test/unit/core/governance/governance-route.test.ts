import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { governanceRoute } from "../../../../router/core/governance/governance-route.ts";

const POST = { kind: "method", allow: "POST" };
const GET = { kind: "method", allow: "GET" };
const ONE = { kind: "method", allow: "GET, DELETE" };
const MANY = { kind: "method", allow: "GET, POST" };
const ID = "kq2f7d0x3mzt5c8wvb1n";

const rows: readonly (readonly [request: string, expected: unknown])[] = [
  ["POST /governance/v1/evaluate", { kind: "evaluate" }],
  ["GET /governance/v1/evaluate", POST],
  ["post /governance/v1/evaluate", POST],
  ["OPTIONS /governance/v1/evaluate", POST],
  ["POST /governance/v1/evaluate/", undefined],
  ["POST /governance/v1/evaluate/x", undefined],
  ["POST //governance/v1/evaluate", undefined],
  ["POST /Governance/v1/evaluate", undefined],
  ["POST /governance/V1/evaluate", undefined],
  ["POST /governance/v2/evaluate", undefined],
  ["POST /governance/v1/evaluat%65", undefined],
  ["POST /egress/v1/evaluate", undefined],
  ["POST /governance/v1", undefined],
  ["POST /governance", undefined],
  ["POST /", undefined],
  ["POST ", undefined],
  ["POST /governance/v1/report", { kind: "report" }],
  ["PUT /governance/v1/report", POST],
  ["POST /egress/v1/report", undefined],
  ["POST /governance/v1/requests", { kind: "ask", scope: "governance" }],
  ["POST /egress/v1/requests", { kind: "ask", scope: "egress" }],
  ["GET /governance/v1/requests", { kind: "asked" }],
  ["GET /egress/v1/requests", { kind: "asked" }],
  ["DELETE /egress/v1/requests", MANY],
  [`GET /governance/v1/requests/${ID}`, { kind: "answer", id: ID }],
  [`GET /egress/v1/requests/${ID}`, { kind: "answer", id: ID }],
  [`DELETE /governance/v1/requests/${ID}`, { kind: "withdraw", id: ID }],
  [`POST /governance/v1/requests/${ID}`, ONE],
  [`GET /governance/v1/requests/${ID}/`, undefined],
  [`GET /governance/v1/requests/${ID}/approve`, undefined],
  ["GET /governance/v1/requests/", undefined],
  ["GET /governance/v1/requests/.", undefined],
  ["GET /governance/v1/requests/..", undefined],
  ["GET /governance/v1/requests/a%2fb", undefined],
  ["GET /governance/v1/requests/a b", undefined],
  [`GET /governance/v1/requests/${"a".repeat(63)}`, { kind: "answer", id: "a".repeat(63) }],
  [`GET /governance/v1/requests/${"a".repeat(64)}`, undefined],
  ["POST /mcp/github", { kind: "mcp", server: "github", method: "POST" }],
  ["GET /mcp/github", { kind: "mcp", server: "github", method: "GET" }],
  ["DELETE /mcp/github", { kind: "mcp", server: "github", method: "DELETE" }],
  ["PUT /mcp/github", { kind: "method", allow: "GET, POST, DELETE" }],
  ["POST /mcp", undefined],
  ["POST /mcp/", undefined],
  ["POST /mcp/../github", undefined],
  ["POST /mcp/..", undefined],
  ["POST /mcp/github/x", undefined],
  ["POST /mcp/git%68ub", undefined],
  ["GET /.well-known/agent-card.json", { kind: "card" }],
  ["POST /.well-known/agent-card.json", GET],
  ["GET /.well-known/agent-card.json/", undefined],
  ["POST /v1/chat/completions", undefined],
];
for (const [request, expected] of rows) {
  const space = request.indexOf(" ");
  test(request, () => assert.deepEqual(governanceRoute(request.slice(0, space), request.slice(space + 1)), expected));
}

test("property: no path makes it throw, and what it names is plain", () => {
  const segment = fc.oneof(
    fc.constantFrom("governance", "egress", "v1", "requests", "evaluate", "report", "mcp", "", ".", "..", "%2e", "a"),
    fc.string({ maxLength: 70 }),
  );
  fc.assert(
    fc.property(fc.constantFrom("GET", "POST", "DELETE", "x"), fc.array(segment, { maxLength: 6 }), (method, parts) => {
      const route = governanceRoute(method, `/${parts.join("/")}`);
      if (route === undefined) return;
      const name = route.kind === "mcp" ? route.server : "id" in route ? route.id : "a";
      assert.match(name, /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
    }),
    { numRuns: 500 },
  );
});
