import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ACTION_KINDS } from "../../../../router/core/governance/action-kind.ts";
import type { Action } from "../../../../router/core/governance/action.ts";
import { actionTarget } from "../../../../router/core/governance/action-target.ts";
import { readAction } from "../../../../router/core/governance/read-action.ts";
import type { Json } from "../../../../router/core/json/json.ts";

function action(given: { readonly [name: string]: Json }): Action {
  const read = readAction(given);
  if (!read.ok) throw new Error(read.problem);
  return read.value;
}

const rows: readonly (readonly [given: { readonly [name: string]: Json }, target: string])[] = [
  [{ kind: "inference", model: "gpt-5", provider: "openai" }, "gpt-5"],
  [{ kind: "inference" }, "?"],
  [{ kind: "egress", host: "API.Example.", port: 443 }, "api.example:443"],
  [{ kind: "egress", host: "[2001:DB8::1]", port: 53 }, "[2001:db8::1]:53"],
  [{ kind: "egress", host: "10.0.0.1" }, "10.0.0.1:?"],
  [{ kind: "egress", port: 443 }, "?"],
  [{ kind: "exec", program: "/usr/bin/git", argv: ["push"] }, "/usr/bin/git"],
  [{ kind: "exec", argv: ["push"] }, "?"],
  [{ kind: "spawn", agent: "worker", image: "i" }, "worker"],
  [{ kind: "tool", server: "github", tool: "create_issue" }, "github/create_issue"],
  [{ kind: "tool", tool: "search" }, "?/search"],
  [{ kind: "tool", server: "github" }, "github/?"],
  [{ kind: "mesh.send", peer: "planner", topic: "t" }, "planner"],
  [{ kind: "admin", operation: "restart", target: "db" }, "restart"],
  [{ kind: "admin", target: "db" }, "?"],
  [{ kind: "exec", program: "/bin/a\nb" }, "/bin/a\\u000ab"],
  [{ kind: "exec", program: "/bin/\u202egit" }, "/bin/\\u202egit"],
  [{ kind: "exec", program: `/${"x".repeat(300)}` }, `/${"x".repeat(254)}…`],
];
for (const [given, target] of rows) {
  test(`the target of ${JSON.stringify(given).slice(0, 60)}`, () => assert.equal(actionTarget(action(given)), target));
}

test("property: whatever an agent names, a target is one line, bounded and safe to print", () => {
  const text = fc.string({ unit: "binary", minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.constantFrom(...ACTION_KINDS), text, (kind, name) => {
      const members = ["model", "program", "agent", "tool", "peer", "operation"];
      for (const member of members) {
        const read = readAction({ kind, [member]: name });
        if (!read.ok) continue;
        const target = actionTarget(read.value);
        assert.ok(target.length > 0 && target.length <= 256);
        assert.doesNotMatch(target, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }
    }),
  );
});
