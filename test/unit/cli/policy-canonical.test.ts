import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { policyCanonical } from "../../../cli/policy-canonical.ts";
import { canonicalDocument } from "../../../controller/policies/canonical-document.ts";
import { isPolicyKind, parsePolicy, type PolicyKind } from "../../../controller/policies/parse-policy.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-policy-canonical-"));
after(() => rmSync(root, { recursive: true }));

async function canonical(argv: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: (text: string) => void (stdout += text),
    stderr: (text: string) => void (stderr += text),
    cwd: root,
    now: () => epochMillis(Date.UTC(2026, 11, 1)),
  };
  return { code: await policyCanonical(argv, io), stdout, stderr };
}

/** What the parser made of it, but for the lines on which rules stand. */
function readAs(kind: PolicyKind, text: string): unknown {
  const parsed = parsePolicy(kind, "x", text);
  assert.ok(parsed.ok);
  return JSON.parse(
    JSON.stringify(parsed.value, (name, value) => {
      if (name === "line" || name === "at") return undefined;
      // All of a rule's conditions must hold: in which order they stand says nothing.
      if (Array.isArray(value) && value.some((item) => Object.hasOwn(Object(item), "test")))
        return value.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
      return value instanceof Map || value instanceof Set ? [...value] : value;
    }),
  );
}

const shipped = globSync("policies/{quickstart,governance,examples}/**/*.yaml")
  .filter((file) => /^kind: (?:Egress|Inference|Governance)Policy$/m.test(readFileSync(file, "utf8")))
  .toSorted();

test("the shipped policies: the canonical form reads as the same policy, and is a fixed point", async () => {
  assert.ok(shipped.length >= 5, `${shipped.length} policies`);
  for (const file of shipped) {
    const { code, stdout, stderr } = await canonical([join(process.cwd(), file)]);
    assert.equal(code, 0, `${file}: ${stderr}`);
    const { kind } = JSON.parse(stdout);
    assert.ok(isPolicyKind(kind));
    assert.deepEqual(readAs(kind, stdout), readAs(kind, readFileSync(file, "utf8")), file);
    writeFileSync(join(root, "again.json"), stdout);
    assert.equal((await canonical(["again.json"])).stdout, stdout);
  }
});

test("what the API server adds and reorders is no part of it", async () => {
  const { stdout } = await canonical([join(process.cwd(), "policies/quickstart/egress.yaml")]);
  const { spec, metadata, kind, apiVersion } = JSON.parse(stdout);
  const kept = {
    status: { digest: "sha256:x" },
    spec: Object.fromEntries(Object.entries(spec).toReversed()),
    metadata: { uid: "u", resourceVersion: "7", annotations: { a: "b" }, namespace: "n", ...metadata },
    kind,
    apiVersion,
  };
  assert.equal(canonicalDocument({ apiVersion, kind, name: kept.metadata.name, spec: kept.spec as never }), stdout);
});

const REFUSED: readonly (readonly [name: string, argv: readonly string[], text: string | undefined, code: number])[] = [
  ["no file", [], undefined, 2],
  ["an option", ["--json"], undefined, 2],
  ["two files", ["a", "b"], undefined, 2],
  ["a file that is not there", ["missing.yaml"], undefined, 2],
  ["no policy", ["given.yaml"], "kind: RouterConfig\n", 1],
  ["a policy with a problem", ["given.yaml"], "apiVersion: sluice.dev/v1alpha1\nkind: EgressPolicy\nspec: {}\n", 1],
  ["no YAML", ["given.yaml"], "{[", 1],
];
for (const [name, argv, text, expected] of REFUSED) {
  test(`policy canonical: ${name} is refused, and nothing is printed to sign`, async () => {
    if (text !== undefined) writeFileSync(join(root, "given.yaml"), text);
    const { code, stdout, stderr } = await canonical(argv);
    assert.deepEqual([code, stdout], [expected, ""]);
    assert.ok(stderr.length > 10, stderr);
  });
}
