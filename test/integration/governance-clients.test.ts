import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, type TestContext, test } from "node:test";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { freePort } from "../fakes/ports.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { requirement } from "../require.ts";

/** Both clients as an agent has them: each in a process of its own, told line by line what to call. */
const root = join(import.meta.dirname, "../..");
const python = requirement("python3", spawnSync("python3", ["--version"]).status === 0, "no python3");

const NODE = `
import { createInterface } from "node:readline";
const { ActionRefused, Governance } = await import(${JSON.stringify(join(root, "clients/typescript/sluice-governance.ts"))});
for await (const line of createInterface({ input: process.stdin })) {
  const { url, timeout, call, args } = JSON.parse(line);
  const governance = new Governance({ url, timeout });
  let value;
  if (call === "guarded") {
    let ran = false;
    try {
      value = { ran: true, value: await governance.guarded(args[0], (d) => { ran = true; if (args[1]) throw new Error("it broke"); return d.rule; }) };
    } catch (error) {
      value = { ran, error: error.message, decision: error instanceof ActionRefused ? error.decision : null };
    }
  } else if (call === "circular") {
    const action = { kind: "tool" };
    action.arguments = action;
    value = await governance.evaluate(action);
  } else value = await governance[call](...args);
  console.log(JSON.stringify(value));
}`;

const PYTHON = `
import dataclasses, json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(join(root, "clients/python"))})
from sluice_governance import ActionRefused, Governance
names = {"evaluateAll": "evaluate_all"}
def plain(value):
    if isinstance(value, list): return [plain(one) for one in value]
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value
for line in sys.stdin:
    asked = json.loads(line)
    governance = Governance(asked["url"], asked["timeout"] / 1000)
    call, args = asked["call"], asked["args"]
    if call == "guarded":
        ran = []
        @governance.guard(lambda fails: args[0])
        def act(fails):
            ran.append(True)
            if fails: raise RuntimeError("it broke")
            return "done"
        try:
            value = {"ran": True, "value": act(args[1])}
        except ActionRefused as refused:
            value = {"ran": bool(ran), "error": str(refused), "decision": plain(refused.decision)}
        except RuntimeError as error:
            value = {"ran": bool(ran), "error": str(error), "decision": None}
    elif call == "circular":
        action = {"kind": "tool"}
        action["arguments"] = action
        value = plain(governance.evaluate(action))
    else:
        value = plain(getattr(governance, names.get(call, call))(*args))
    print(json.dumps(value), flush=True)
`;

interface Driver {
  call(url: string, name: string, args: readonly unknown[], timeout?: number): Promise<Record<string, unknown>>;
  end(): Promise<void>;
}

function driver(program: string, args: readonly string[]): Driver {
  // A proxy of the environment must not be asked: here it would refuse the connection.
  const proxies = { HTTP_PROXY: "http://127.0.0.1:9", http_proxy: "http://127.0.0.1:9", NO_PROXY: "", no_proxy: "" };
  const child: ChildProcess = spawn(program, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...proxies },
  });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("no pipes");
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    async call(url, name, given, timeout = 5_000) {
      stdin.write(`${JSON.stringify({ url, timeout, call: name, args: given })}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error("the client ended");
      return JSON.parse(line.value) as Record<string, unknown>;
    },
    async end() {
      stdin.end();
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

/** A server that answers each connection with the same octets, or does as it is told. */
async function answering(t: TestContext, answer: string | ((socket: Socket) => void)): Promise<string> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    let seen = "";
    const read = (chunk: Buffer): void => {
      seen += chunk.toString("latin1");
      // A GET has no body.
      if (!/^GET[^]*\r\n\r\n|\r\n\r\n[^]/.test(seen)) return;
      socket.off("data", read);
      socket.resume();
      if (typeof answer === "string") socket.end(answer);
      else answer(socket);
    };
    socket.on("data", read);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function http(status: number, body: unknown, more: readonly string[] = [], type = "application/json"): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const head = [`HTTP/1.1 ${status} X`, `Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(text)}`, ...more];
  return `${[...head, "Connection: close"].join("\r\n")}\r\n\r\n${text}`;
}

const obligations = { redact: [], limit: null, log: "digest" };
const allow = { id: "a-1", decision: "allow", rule: "r", policy: null, obligations };
const denial = {
  decision: "deny",
  error: {
    type: "governance_denied",
    code: "audit_unavailable",
    message: "No.",
    request_id: "r-1",
    rule: null,
    policy: null,
  },
};
const LS = { kind: "exec", program: "/bin/ls", argv: [] };

const BAD = "client/bad_answer";
const STATUS = "client/bad_status";
const AWAY = "client/unreachable";
const hostile: readonly (readonly [what: string, answer: string | ((socket: Socket) => void), reason: string])[] = [
  ["text that says allow", http(200, "allow", [], "text/plain"), BAD],
  ["trap 1.4: no JSON, called JSON", http(200, "allow"), BAD],
  ["trap 1.4: a page of HTML", http(200, "<html>allow</html>", [], "text/html"), BAD],
  ["a whole allow of another type", http(200, allow, [], "text/html"), BAD],
  ["a whole allow of no type", http(200, allow).replace("Content-Type: application/json\r\n", ""), BAD],
  ["nothing", http(200, ""), BAD],
  ["true", http(200, true), BAD],
  ["null", http(200, null), BAD],
  ["a list", http(200, [allow]), BAD],
  ["a text", http(200, '"allow"'), BAD],
  ["allow and nothing else", http(200, { decision: "allow" }), BAD],
  ["another word", http(200, { ...allow, decision: "Allow" }), BAD],
  ["a word to come", http(200, { ...allow, decision: "allow_once" }), BAD],
  ["another API's word", http(200, { allowed: true, ok: true }), BAD],
  ["no id", http(200, { ...allow, id: undefined }), BAD],
  ["an id of another form", http(200, { ...allow, id: "../x" }), BAD],
  ["no obligations", http(200, { ...allow, obligations: undefined }), BAD],
  ["obligations that are not understood", http(200, { ...allow, obligations: { ...obligations, log: "none" } }), BAD],
  ["a limit that is not understood", http(200, { ...allow, obligations: { ...obligations, limit: 5 } }), BAD],
  ["redactions that are not understood", http(200, { ...allow, obligations: { ...obligations, redact: "/a" } }), BAD],
  ["no rule", http(200, { ...allow, rule: undefined }), BAD],
  ["allow beside an error", http(200, { ...allow, error: denial.error }), "audit_unavailable"],
  ["a whole allow with 500", http(500, allow), STATUS],
  ["a whole allow with 202", http(202, allow), STATUS],
  ["a whole allow with 403", http(403, allow), STATUS],
  ["a page of a proxy", http(502, "<html>", [], "text/html"), STATUS],
  ["the router's refusal", http(503, denial), "audit_unavailable"],
  ["a body that is cut", http(200, allow).slice(0, -3), AWAY],
  [
    "a body that is cut, chunked",
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dec',
    AWAY,
  ],
  ["no HTTP", "allow\r\n\r\n", AWAY],
  ["an end without a word", "", AWAY],
  ["a reset", (socket) => socket.resetAndDestroy(), AWAY],
  ["silence", () => undefined, "client/timeout"],
  [
    "an answer that drips",
    (socket) => {
      let at = 0;
      const text = http(200, allow);
      const timer = setInterval(() => socket.write(text[at++] ?? " "), 30);
      socket.once("close", () => clearInterval(timer));
    },
    "client/timeout",
  ],
  [
    "a body that never ends",
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
      const timer = setInterval(() => socket.write(" "), 30);
      socket.once("close", () => clearInterval(timer));
    },
    "client/timeout",
  ],
];

const rules = [
  "delegate: [inference]",
  "rules:",
  "  - { id: git, effect: allow, actions: [exec], when: { program: { in: [/usr/bin/git] } } }",
  "  - { id: search, effect: allow, actions: [tool], when: { tool: { in: [search] } }, obligations: { redact: [/token], resultBytes: 1Ki, log: full } }",
  "  - { id: no-push, effect: deny, actions: [exec], when: { argv: { some: { in: [push] } } }, message: Ask a person to push. }",
  "  - { id: one, effect: rate_limit, actions: [spawn], limit: { per: all, concurrent: 1 } }",
  "  - { id: careful, effect: require_approval, actions: [admin] }",
];
const git = (...argv: readonly string[]) => ({ kind: "exec", program: "/usr/bin/git", argv });

let sidecar: Sidecar;
let url = "";
before(async () => {
  sidecar = await startSidecar({ allow: [], governance: rules, settings: ["limits: { drain: 200ms }"] });
  url = `http://127.0.0.1:${sidecar.agentPort}`;
});
after(async () => {
  await sidecar[Symbol.asyncDispose]();
});

const clients: readonly (readonly [
  name: string,
  program: string,
  args: readonly string[],
  options: { readonly skip: string | false },
])[] = [
  ["TypeScript", process.execPath, ["--input-type=module", "-e", NODE], { skip: false }],
  ["Python", "python3", ["-c", PYTHON], python],
];
for (const [name, program, args, options] of clients) {
  describe(`the ${name} client`, options, () => {
    let client: Driver;
    before(() => {
      client = driver(program, args);
    });
    after(async () => {
      await client.end();
    });

    for (const [what, answer, reason] of hostile) {
      test(`denies: ${what}`, async (t) => {
        const there = await answering(t, answer);
        const began = performance.now();
        const decision = await client.call(there, "evaluate", [LS], 1_500);
        assert.deepEqual([decision["decision"], decision["reason"]], ["deny", reason]);
        assert.ok(performance.now() - began < 5_000);
      });
    }

    test("takes a whole allow for one", async (t) => {
      const there = await answering(t, http(200, allow, [], "application/json; charset=utf-8"));
      assert.equal((await client.call(there, "evaluate", [LS]))["decision"], "allow");
    });

    test("follows nobody to another answer", async (t) => {
      const other = await answering(t, http(200, allow));
      for (const status of [301, 302, 303, 307, 308]) {
        const there = await answering(t, http(status, "", [`Location: ${other}/governance/v1/evaluate`]));
        assert.equal((await client.call(there, "evaluate", [LS]))["decision"], "deny", String(status));
      }
    });

    test("trap 1.4: there is no grace: where nobody answers the first three are denied as all are", async () => {
      const there = `http://127.0.0.1:${await freePort()}`;
      for (let attempt = 0; attempt < 4; attempt += 1) {
        const decision = await client.call(there, "evaluate", [LS]);
        assert.deepEqual([decision["decision"], decision["reason"]], ["deny", AWAY]);
      }
      const { ran, decision } = await client.call(there, "guarded", [LS, false]);
      assert.deepEqual([ran, (decision as Record<string, unknown>)["reason"]], [false, AWAY]);
      assert.equal(await client.call(there, "report", ["a-1", "succeeded"]), false);
      assert.equal((await client.call(there, "ask", [LS, "why"]))["state"], "refused");
      assert.equal((await client.call(there, "wait", ["a-1", 0]))["state"], "refused");
    });

    const batches: readonly (readonly [string, string, readonly string[]])[] = [
      ["each has its own", http(200, { decisions: [allow, { ...allow, decision: "maybe" }] }), ["allow", "deny"]],
      ["one too few", http(200, { decisions: [allow] }), ["deny", "deny"]],
      ["one too many", http(200, { decisions: [allow, allow, allow] }), ["deny", "deny"]],
      ["one for all", http(200, allow), ["deny", "deny"]],
      ["no list", http(200, { decisions: { 0: allow, 1: allow, length: 2 } }), ["deny", "deny"]],
      ["another status", http(500, { decisions: [allow, allow] }), ["deny", "deny"]],
      ["a refusal of all", http(503, denial), ["deny", "deny"]],
    ];
    for (const [what, answer, expected] of batches) {
      test(`a batch: ${what}`, async (t) => {
        const there = await answering(t, answer);
        const decisions = (await client.call(there, "evaluateAll", [[LS, LS]])) as unknown as Record<string, unknown>[];
        assert.deepEqual(
          decisions.map(({ decision }) => decision),
          expected,
        );
      });
    }

    test("an action that is no JSON is denied", async () => {
      const decision = await client.call(url, "circular", []);
      assert.deepEqual([decision["decision"], decision["reason"]], ["deny", "client/bad_action"]);
    });

    test("the router: an allow with its obligations, which is reported once", async () => {
      const search = { kind: "tool", server: "local", tool: "search", arguments: { token: "t" } };
      const decision = await client.call(url, "evaluate", [search]);
      assert.deepEqual([decision["decision"], decision["rule"]], ["allow", "search"]);
      assert.deepEqual(decision["obligations"], { redact: ["/token"], limit: { result_bytes: 1_024 }, log: "full" });
      assert.equal(await client.call(url, "report", [decision["id"], "failed", 3]), true);
      assert.equal(await client.call(url, "report", [decision["id"], "failed", 3]), false);
      assert.equal(await client.call(url, "report", [decision["id"], "whatever"]), false);
    });

    const said: readonly (readonly [object, string, string, string | null, boolean])[] = [
      [git("push"), "deny", "governance_denied", "no-push", false],
      [LS, "deny", "governance_denied", null, true],
      [{ kind: "admin", operation: "restart" }, "require_approval", "approval_required", "careful", true],
      [{ kind: "exec", agent_id: "other" }, "deny", "malformed_request", null, false],
      [{ kind: "fetch" }, "deny", "malformed_request", null, false],
      [{}, "deny", "malformed_request", null, false],
    ];
    for (const [action, ...expected] of said) {
      test(`the router: ${JSON.stringify(action)}: ${expected[1]}`, async () => {
        const { decision, reason, rule, askable } = await client.call(url, "evaluate", [action]);
        assert.deepEqual([decision, reason, rule, askable], expected);
      });
    }

    test("the router: a batch, in order", async () => {
      const decisions = await client.call(url, "evaluateAll", [[git("status"), git("push"), LS]]);
      const shown = (decisions as unknown as Record<string, unknown>[]).map(({ decision }) => decision);
      assert.deepEqual(shown, ["allow", "deny", "deny"]);
      assert.deepEqual(await client.call(url, "evaluateAll", [[]]), []);
      const many = await client.call(url, "evaluateAll", [Array.from({ length: 101 }, () => git("status"))]);
      assert.ok((many as unknown as Record<string, unknown>[]).every(({ decision }) => decision === "deny"));
    });

    test("guarded: it runs only what is allowed, and reports how it ended", async () => {
      const seen = auditRecords(sidecar.auditDirectory).length;
      const spawned = { kind: "spawn", agent: `worker-${name}` };
      // Of which one may go on at a time: what is not reported would hold the place.
      assert.equal((await client.call(url, "guarded", [spawned, false]))["ran"], true);
      const broken = await client.call(url, "guarded", [spawned, true]);
      assert.deepEqual([broken["ran"], broken["error"], broken["decision"]], [true, "it broke", null]);
      for (const outcome of ["completed", "failed"]) {
        await auditRecord(
          sidecar.auditDirectory,
          ({ seq, kind, target, detail }) =>
            seq >= seen && kind === "governance.end" && target === spawned.agent && detail["outcome"] === outcome,
        );
      }
      const held = await client.call(url, "evaluate", [spawned]);
      assert.equal(held["decision"], "allow");
      const refused = await client.call(url, "guarded", [spawned, false]);
      const decision = refused["decision"] as Record<string, unknown>;
      assert.deepEqual([refused["ran"], decision["decision"], decision["rule"]], [false, "rate_limit", "one"]);
      assert.ok(Number(decision["retry_after_ms"]) > 0);
      assert.equal(await client.call(url, "report", [held["id"], "succeeded"]), true);
      const pushed = await client.call(url, "guarded", [git("push"), false]);
      assert.deepEqual([pushed["ran"], pushed["error"]], [false, "Ask a person to push."]);
    });

    test("access: it is asked for once, and waited for; what cannot be asked for is refused", async () => {
      const restart = { kind: "admin", operation: "restart", target: name };
      const asked = await client.call(url, "ask", [restart, "It hangs."]);
      assert.deepEqual([asked["state"], typeof asked["id"]], ["pending", "string"]);
      assert.equal((await client.call(url, "ask", [restart, "It still hangs."]))["id"], asked["id"]);
      assert.deepEqual(await client.call(url, "wait", [asked["id"], 0]), { ...asked });
      const began = performance.now();
      assert.equal((await client.call(url, "wait", [asked["id"], 1], 500))["state"], "pending");
      assert.ok(performance.now() - began > 900, "it waits");
      assert.equal((await client.call(url, "evaluate", [restart]))["decision"], "require_approval");
      assert.equal((await client.call(url, "ask", [git("push"), "Please."]))["state"], "refused");
      assert.equal((await client.call(url, "ask", [git("status"), "Please."]))["state"], "not_needed");
      assert.equal((await client.call(url, "ask", [{ kind: "admin" }, "Please."]))["state"], "refused");
      assert.equal((await client.call(url, "ask", [restart, ""]))["state"], "refused");
    });

    test("access: an id is not a path, and one that nobody knows is refused", async () => {
      assert.equal((await client.call(url, "wait", ["unknown-id", 0]))["state"], "refused");
      assert.equal((await client.call(url, "wait", ["../../v1/models", 0]))["message"], "client/bad_action");
    });

    const stands: readonly (readonly [string, string, string])[] = [
      ["approved with 500", http(500, { id: "a-1", state: "approved" }), "refused"],
      ["approved without an id", http(200, { state: "approved" }), "refused"],
      ["approved beside an error", http(200, { id: "a-1", state: "approved", error: denial.error }), "refused"],
      ["another word", http(200, { id: "a-1", state: "granted" }), "refused"],
      ["approved", http(200, { id: "a-1", state: "approved" }), "approved"],
    ];
    for (const [what, answer, state] of stands) {
      test(`access: ${what} is ${state}`, async (t) => {
        const there = await answering(t, answer);
        assert.equal((await client.call(there, "wait", ["a-1", 0]))["state"], state);
      });
    }
  });
}
