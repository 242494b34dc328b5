import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Json } from "../../../../router/core/json/json.ts";
import { ACTION_KINDS } from "../../../../router/core/governance/action-kind.ts";
import { readAction } from "../../../../router/core/governance/read-action.ts";

const NOTHING = {
  inference: { model: undefined, provider: undefined, api: undefined, stream: undefined, bytes: undefined },
  egress: { host: undefined, port: undefined, protocol: undefined, method: undefined, path: undefined },
  exec: { program: undefined, argv: undefined, directory: undefined },
  spawn: { agent: undefined, image: undefined, depth: undefined },
  tool: { server: undefined, tool: undefined, arguments: { state: "missing" }, model: undefined },
  "mesh.send": { peer: undefined, topic: undefined, bytes: undefined },
  admin: { operation: undefined, target: undefined },
} as const;

for (const kind of ACTION_KINDS) {
  test(`of ${kind} everything may be missing, and is`, () =>
    assert.deepEqual(readAction({ kind }), { ok: true, value: { kind, ...NOTHING[kind] } }));
}

const read: readonly (readonly [what: string, given: { readonly [name: string]: Json }, expected?: object])[] = [
  ["a call of a model", { kind: "inference", model: "m", provider: "p", api: "chat", stream: false, bytes: 0 }],
  ["a program", { kind: "exec", program: "/usr/bin/git", argv: ["", "a b", "é"], directory: "/" }],
  ["no arguments are a list", { kind: "exec", program: "/bin/ls", argv: [] }, { directory: undefined }],
  ["another agent", { kind: "spawn", agent: "a", image: "r/i@sha256:x", depth: 2 ** 53 - 1 }],
  ["a message", { kind: "mesh.send", peer: "p", topic: "t", bytes: 1 }],
  ["an operation", { kind: "admin", operation: "o", target: "t" }],
  [
    "a host in its one spelling",
    { kind: "egress", host: "API.Example.COM.", port: 443, protocol: "tls" },
    { host: { kind: "name", text: "api.example.com" }, method: undefined, path: undefined },
  ],
  [
    "an address in its one spelling",
    { kind: "egress", host: "[2001:DB8:0::1]", port: 1 },
    { host: { kind: "address", text: "2001:db8::1" }, protocol: undefined, method: undefined, path: undefined },
  ],
  [
    "a tool's arguments are any value",
    { kind: "tool", server: "s", tool: "t", arguments: null },
    { arguments: { state: "known", value: null }, model: undefined },
  ],
  [
    "a text of the longest length",
    { kind: "exec", program: "x".repeat(4_096) },
    { argv: undefined, directory: undefined },
  ],
];
for (const [what, given, expected = {}] of read) {
  test(`read: ${what}`, () => assert.deepEqual(readAction(given), { ok: true, value: { ...given, ...expected } }));
}

const only = (kind: string, members: string): string =>
  `An action of kind ${kind} has only the members kind, ${members}.`;
const KINDS = `The kind of an action is one of ${ACTION_KINDS.join(", ")}.`;
const EXEC = only("exec", "program, argv, directory");
const ARGV = "argv is a list of at most 1024 texts of 65536 characters together.";

const refused: readonly (readonly [what: string, given: Json, problem: string])[] = [
  ["nothing", null, "An action is an object."],
  ["a text", "exec", "An action is an object."],
  ["a list", [{ kind: "exec" }], "An action is an object."],
  ["no kind", {}, KINDS],
  ["another kind", { kind: "fetch" }, KINDS],
  ["a kind in capitals", { kind: "EXEC" }, KINDS],
  ["a kind with a blank", { kind: "exec " }, KINDS],
  ["a kind of another type", { kind: ["exec"] }, KINDS],
  ["a kind that every object has", { kind: "constructor" }, KINDS],
  ["trap 1.4: an agent's id in the body", { kind: "exec", agent_id: "other" }, EXEC],
  [
    "trap 1.4: an identity in the body",
    { kind: "spawn", agent: "a", identity: {} },
    only("spawn", "agent, image, depth"),
  ],
  [
    "trap 1.4: a tier of the agent's own",
    { kind: "mesh.send", peer: "p", tier: "sovereign" },
    only("mesh.send", "peer, topic, bytes"),
  ],
  ["labels of the agent's own", { kind: "exec", labels: { team: "root" } }, EXEC],
  ["a time of the agent's own", { kind: "exec", time: "12:00" }, EXEC],
  ["another kind's member", { kind: "exec", host: "a" }, EXEC],
  ["a member in capitals", { kind: "exec", Program: "/bin/ls" }, EXEC],
  ["a prototype", JSON.parse('{"kind":"exec","__proto__":{"program":"/bin/ls"}}') as Json, EXEC],
  ["what every object has", { kind: "exec", constructor: "x" }, EXEC],
  ["null is not missing", { kind: "exec", program: null }, "program is a text of 1 to 4096 characters."],
  ["an empty text", { kind: "exec", program: "" }, "program is a text of 1 to 4096 characters."],
  ["a longer text", { kind: "exec", program: "x".repeat(4_097) }, "program is a text of 1 to 4096 characters."],
  ["a longer name", { kind: "tool", tool: "x".repeat(257) }, "tool is a text of 1 to 256 characters."],
  ["half a pair", { kind: "exec", program: "/bin/\ud800" }, "program is a text of 1 to 4096 characters."],
  ["a list for a text", { kind: "exec", program: ["/bin/ls"] }, "program is a text of 1 to 4096 characters."],
  ["trap 1.3: a command line", { kind: "exec", argv: "rm -rf /" }, ARGV],
  ["argv with a number", { kind: "exec", argv: ["a", 1] }, ARGV],
  ["argv with half a pair", { kind: "exec", argv: ["\udc00"] }, ARGV],
  ["argv with a list", { kind: "exec", argv: [["a"]] }, ARGV],
  ["1025 arguments", { kind: "exec", argv: Array<string>(1_025).fill("") }, ARGV],
  ["65537 characters of arguments", { kind: "exec", argv: ["x".repeat(65_536), "y"] }, ARGV],
  ["a port of a text", { kind: "egress", port: "443" }, "port is a number from 1 to 65535."],
  ["port 0", { kind: "egress", port: 0 }, "port is a number from 1 to 65535."],
  ["port 65536", { kind: "egress", port: 65_536 }, "port is a number from 1 to 65535."],
  ["half a port", { kind: "egress", port: 443.5 }, "port is a number from 1 to 65535."],
  ["a port beyond all", { kind: "egress", port: Infinity }, "port is a number from 1 to 65535."],
  ["another protocol", { kind: "egress", protocol: "udp" }, "protocol is tls, http or tcp."],
  ["a URL for a host", { kind: "egress", host: "https://a.example/" }, "host is malformed."],
  ["a userinfo", { kind: "egress", host: "good.example@evil.example" }, "host is malformed."],
  ["a port in the host", { kind: "egress", host: "a.example:443" }, "host is malformed."],
  ["an address in hex", { kind: "egress", host: "0x7f.1" }, "host is malformed."],
  ["an address as one number", { kind: "egress", host: "2130706433" }, "host is malformed."],
  ["a zone", { kind: "egress", host: "[fe80::1%25eth0]" }, "host is malformed."],
  ["a NUL in a host", { kind: "egress", host: "a\0.example" }, "host is malformed."],
  ["a count below 0", { kind: "spawn", depth: -1 }, "depth is a whole number, 0 or more."],
  ["half a count", { kind: "spawn", depth: 0.5 }, "depth is a whole number, 0 or more."],
  ["a count beyond 2^53", { kind: "inference", bytes: 2 ** 53 }, "bytes is a whole number, 0 or more."],
  ["a count of a text", { kind: "inference", bytes: "1" }, "bytes is a whole number, 0 or more."],
  ["a flag of a number", { kind: "inference", stream: 1 }, "stream is true or false."],
];
for (const [what, given, problem] of refused) {
  test(`refused: ${what}`, () => {
    const result = readAction(given);
    assert.ok(!result.ok);
    assert.ok(result.problem.startsWith(problem), result.problem);
  });
}

test("of several problems the first is told", () =>
  assert.deepEqual(readAction({ kind: "admin", target: 1, operation: 2 }), {
    ok: false,
    problem: "operation is a text of 1 to 256 characters.",
  }));

const texts = fc.string({
  unit: fc.oneof(fc.constantFrom("\ud800", "\0", "/", ".", "é", "\u{1f600}"), fc.string({ maxLength: 1 })),
});
const names = fc.constantFrom(
  ..."kind model provider api stream bytes host port protocol method path program argv directory".split(" "),
  ..."agent image depth server tool arguments peer topic operation target agent_id __proto__ constructor".split(" "),
);
const values = fc.oneof(
  texts,
  fc.double(),
  fc.maxSafeNat(),
  fc.boolean(),
  fc.constant(null),
  fc.array(texts, { maxLength: 3 }),
  fc.jsonValue({ maxDepth: 2 }).map((value) => value as Json),
  fc.constantFrom("a.example", "tls", "/bin/ls", "127.0.0.1"),
);
const actions = fc
  .tuple(fc.constantFrom(...ACTION_KINDS), fc.array(fc.tuple(names, values), { maxLength: 5 }))
  .map(([kind, members]) => Object.fromEntries([...members, ["kind", kind as Json] as const]));

test("property: it never throws, tells nothing of the agent's own text, and reads only what was given", () => {
  fc.assert(
    fc.property(actions, (given) => {
      const result = readAction(given);
      if (!result.ok) {
        assert.match(result.problem, /^[A-Za-z][^\n]{0,250}[.]$/);
        return;
      }
      assert.equal(result.value.kind, given["kind"]);
      for (const [name, fact] of Object.entries(result.value)) {
        if (name === "kind" || fact === undefined) continue;
        if (name === "arguments") {
          assert.equal(Object.hasOwn(given, name), (fact as { state: string }).state === "known");
        } else assert.ok(Object.hasOwn(given, name), name);
      }
      for (const name of Object.keys(given)) assert.ok(Object.hasOwn(result.value, name), `${name} was passed over`);
    }),
    { numRuns: 500 },
  );
});

test("property: it says the same of any JSON value twice, and never throws", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) =>
      assert.deepEqual(readAction(value as Json), readAction(structuredClone(value) as Json)),
    ),
    { numRuns: 300 },
  );
});
