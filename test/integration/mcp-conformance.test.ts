import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { type McpEverything, mcpEverything } from "../fakes/mcp-everything.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { requirement } from "../require.ts";

/**
 * The suite of the Model Context Protocol's own project, against a server directly and through the router: each check of
 * both has the same outcome, and all that a revision requires of a server passes.
 */
function suite(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json");
    return join(dirname(manifest), "dist/index.js");
  } catch {
    return undefined;
  }
}
const program = suite();
const needs = requirement("mcp-conformance", program !== undefined, "npm package @modelcontextprotocol/conformance");

/** Run, and not scored: extensions that the server does not have. */
const NOT_OURS = /^(?:tasks-|sep-2640-)/;

let server: McpEverything;
let sidecar: Sidecar;
before(async () => {
  if (needs.skip !== false) return;
  server = await mcpEverything();
  sidecar = await startSidecar({
    allow: [],
    governance: [
      "rules:",
      "  - { id: all, effect: allow, actions: [tool], when: { server: { in: [every] } } }",
      "mcp:",
      `  - { id: every, url: "http://every.example:${server.port}/mcp", addresses: ["127.0.0.1:${server.port}"] }`,
    ],
    hosts: { "every.example": ["127.0.0.1"] },
    settings: ["limits: { drain: 200ms }"],
  });
});
after(async () => {
  if (needs.skip !== false) return;
  await sidecar[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** The checks of one run: `scenario/check` with its name, and how it came out. */
async function run(url: string, revision: string): Promise<ReadonlyMap<string, string>> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-mcp-"));
  try {
    const child = spawn(
      process.execPath,
      [program ?? "", "server", "--url", url, "--requirements", revision, "--output-dir", directory],
      { stdio: "ignore" },
    );
    await new Promise((resolve) => child.once("exit", resolve));
    return checksIn(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Check {
  readonly id: string;
  readonly name: string;
  readonly status: string;
}

function checksIn(directory: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith("checks.json"),
  );
  for (const path of files.toSorted()) {
    // The directory's name is the scenario's, with the time behind it.
    const scenario = (dirname(path).split("/").at(-1) ?? "")
      .replace(/^server-(?=[a-z])/, "")
      .replace(/-\d{4}-\d\d-\d\dT.*$/, "");
    for (const [index, { id, name, status }] of (
      JSON.parse(readFileSync(join(directory, path), "utf8")) as Check[]
    ).entries()) {
      found.set(`${scenario}/${index}/${id}/${name}`, status);
    }
  }
  return found;
}

const revisions: readonly (readonly [revision: string, checks: number])[] = [
  ["2025-11-25", 70],
  ["2026-07-28", 150],
];
for (const [revision, least] of revisions) {
  test(
    `the conformance suite of ${revision} says the same through the router as it says of the server`,
    needs,
    async () => {
      const [direct, routed] = [
        await run(`http://127.0.0.1:${server.port}/mcp`, revision),
        await run(`http://127.0.0.1:${sidecar.agentPort}/mcp/every`, revision),
      ];
      assert.ok(direct.size >= least, `${direct.size} checks`);
      assert.deepEqual([...routed], [...direct]);
      const failed = [...routed].filter(([check, status]) => status === "FAILURE" && !NOT_OURS.test(check));
      assert.deepEqual(failed, []);
    },
  );
}
