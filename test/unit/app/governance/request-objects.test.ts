import assert from "node:assert/strict";
import { test } from "node:test";
import { actionForm } from "../../../../router/core/approval/action-form.ts";
import type { EgressApproval } from "../../../../router/core/approval/approval.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../../../router/core/base/result.ts";
import { RequestObjects } from "../../../../router/app/governance/request-objects.ts";
import { sha256 } from "../../../../router/app/governance/sha256.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import type { KubeAnswer } from "../../../../router/edge/kubernetes/kube-client.ts";
import type { KubeProblem } from "../../../../router/edge/kubernetes/kube-problem.ts";
import { actionOf, approval } from "./approvals-fixture.ts";

const IDENTITY = { namespace: "test", agent: "agent", pod: "pod-0" };
const egress = (host: string) => actionOf({ kind: "egress", host, port: 443, protocol: "tls" });
const digestOf = (host: string): string => sha256(actionForm(egress(host), sha256) ?? "");
const nameOf = (host: string, series = ""): string =>
  `request-${sha256(`${IDENTITY.pod}${digestOf(host)}${series}`).slice(0, 16)}`;

type Reply = Result<KubeAnswer, KubeProblem>;
const replies = (status: number, message = "", reason = ""): Reply =>
  ok({ status, retryAfter: undefined, body: { kind: "Status", reason, message } });

/** An API server that answers what it is told to, and a watch that shows what a test puts there. */
class World {
  readonly posts: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly shown = new Map<string, EgressApproval | "unreadable">();
  steady = 1_000_000;
  isSynced = true;
  granted = new Set<string>();
  no = new Set<string>();
  pending = new Set<string>();
  askable = true;
  reply: () => Reply | Promise<Reply> = () => replies(201);
  body: unknown;
  readonly objects: RequestObjects;

  constructor(mode: "denied" | "asked" = "denied", redact: readonly string[] = []) {
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const world = this;
    this.objects = new RequestObjects({
      client: {
        request: async (_method, _path, { body } = {}) => {
          this.posts.push((body as { metadata: { name: string } }).metadata.name);
          this.body = body;
          return this.reply();
        },
      },
      clock: { now: () => systemClock.now(), monotonic: () => millis(this.steady) },
      random: () => 0.5,
      identity: IDENTITY,
      mode,
      watch: {
        get isSynced() {
          return world.isSynced;
        },
        find: (name) => this.shown.get(name),
        open: () =>
          [...this.shown].filter(([, one]) => one !== "unreadable" && one.answer === undefined).map(([name]) => name),
      },
      askable: (action) => (this.askable ? action : undefined),
      redact: () => redact,
      isGranted: (digest) => this.granted.has(digest),
      isDenied: (digest) => this.no.has(digest),
      isPending: (digest) => this.pending.has(digest),
      counted: (outcome) => (this.counts[outcome] = (this.counts[outcome] ?? 0) + 1),
      created: () => undefined,
    });
  }

  ask(host: string): void {
    this.pending.add(digestOf(host));
    const action = egress(host);
    this.objects.asked({ digest: digestOf(host), action, redact: [], reason: "r", summary: "s" });
  }

  async settled(): Promise<void> {
    for (let turn = 0; turn < 12; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  [Symbol.dispose](): void {
    this.objects.close();
  }
}

test("a denial is asked for once; what is shown already, or cannot be approved, never", async () => {
  using world = new World();
  for (let at = 0; at < 5; at += 1) world.objects.denied(egress("a.example"));
  await world.settled();
  world.objects.denied(egress("a.example"));
  world.shown.set(nameOf("b.example"), approval({ status: "none" }));
  world.objects.denied(egress("b.example"));
  world.no.add(digestOf("c.example"));
  world.objects.denied(egress("c.example"));
  await world.settled();
  world.askable = false;
  world.objects.denied(egress("d.example"));
  await world.settled();
  assert.deepEqual(world.posts, [nameOf("a.example")]);
  assert.deepEqual(world.counts, { created: 1 });
});

const shown: readonly (readonly [
  name: string,
  one: EgressApproval | "unreadable",
  isGranted: boolean,
  again: boolean,
])[] = [
  ["open", approval({ status: "none" }), false, false],
  ["denied", approval({ status: "False" }), false, false],
  ["revoked", approval({ revoked: true }), false, false],
  ["in force", approval(), true, false],
  ["used up or over", approval(), false, true],
  ["one that cannot be read", "unreadable", false, false],
];
for (const [name, one, isGranted, again] of shown) {
  test(`an object that is ${name}: ${again ? "another is made beside it" : "nothing is made"}`, async () => {
    using world = new World();
    world.shown.set(nameOf("a.example"), one);
    if (isGranted) world.granted.add(digestOf("a.example"));
    world.objects.denied(egress("a.example"));
    await world.settled();
    assert.deepEqual(world.posts, again ? [nameOf("a.example", "\n2")] : []);
  });
}

test("INV-KUBE-ASKED: a million invented hosts cost eight objects, then one each five seconds, 32 at most, and hold no memory", async () => {
  using world = new World();
  world.objects.denied(egress("warm.example"));
  await world.settled();
  const action = egress("x.example");
  if (action.kind !== "egress" || action.host?.kind !== "name") throw new Error("no name");
  const { host } = action;
  const before = process.memoryUsage().heapUsed;
  const began = performance.now();
  for (let at = 0; at < 1_000_000; at += 1) {
    world.objects.denied({ ...action, host: { ...host, text: `h${at}.example` as typeof host.text } });
    if (at % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await world.settled();
  const each = ((performance.now() - began) * 1_000) / 1_000_000;
  assert.ok(each < 5, `${each} us each`);
  assert.ok(process.memoryUsage().heapUsed - before < 30e6);
  assert.equal(world.posts.length, 8);
  for (let second = 0; second < 300; second += 1) {
    world.steady += 1_000;
    const last = world.posts.at(-1);
    if (last !== undefined && !world.shown.has(last)) world.shown.set(last, approval({ status: "none" }));
    for (const name of world.posts) world.shown.set(name, approval({ status: "none" }));
    world.objects.denied(egress(`later${second}.example`));
    await world.settled();
  }
  assert.equal(world.posts.length, 32, "so many are open");
  assert.ok((world.counts["dropped"] ?? 0) > 999_900);
});

test("what the agent asks for waits for room, and no longer than the agent does", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  using world = new World("asked");
  world.objects.denied(egress("denied.example"));
  world.isSynced = false;
  world.ask("a.example");
  world.ask("b.example");
  await world.settled();
  assert.deepEqual(world.posts, [], "without a list nobody knows what is there");
  world.isSynced = true;
  world.pending.delete(digestOf("b.example"));
  t.mock.timers.tick(1_000);
  await world.settled();
  assert.deepEqual(world.posts, [nameOf("a.example")]);
  t.mock.timers.tick(10_000);
  await world.settled();
  assert.equal(world.posts.length, 1);
});

const answers: readonly (readonly [name: string, reply: Reply, counts: string, quiet: number, again: boolean])[] = [
  ["201", replies(201), "created", 0, false],
  ["409 AlreadyExists", replies(409, "already exists", "AlreadyExists"), "exists", 0, false],
  ["409 Conflict of a quota", replies(409, "the object has been modified", "Conflict"), "failed", 700, true],
  ["409 without a reason", replies(409, "AlreadyExists"), "failed", 700, true],
  ["409 with a text", ok({ status: 409, retryAfter: undefined, body: "AlreadyExists" }), "failed", 700, true],
  ["403", replies(403, "exceeded quota: sluice-approvals"), "refused", 59_000, true],
  ["422", replies(422, "spec.action.host: Invalid value"), "refused", 0, false],
  ["401", replies(401), "failed", 700, true],
  ["404", replies(404), "failed", 700, true],
  ["429 with Retry-After", ok({ status: 429, retryAfter: millis(20_000), body: "" }), "failed", 19_000, true],
  ["500", replies(500, "failed calling webhook"), "failed", 700, true],
  ["nothing", fail({ code: "timeout", message: "No answer within 5000 ms." }), "failed", 700, true],
];
for (const [name, reply, outcome, quiet, again] of answers) {
  test(`a server that answers ${name}: ${outcome}${again ? ", and it is asked again later" : ""}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    using world = new World();
    world.reply = () => reply;
    world.ask("a.example");
    await world.settled();
    assert.deepEqual([world.posts.length, world.counts], [1, { [outcome]: 1 }]);
    const isTrouble = outcome === "refused" || outcome === "failed";
    assert.equal(world.objects.conditions().length, isTrouble ? 1 : 0);
    world.reply = () => replies(201);
    world.steady += quiet;
    t.mock.timers.tick(1_000);
    await world.settled();
    assert.equal(world.posts.length, 1, "not before its time");
    world.steady += 2_000;
    t.mock.timers.tick(1_000);
    await world.settled();
    assert.equal(world.posts.length, again ? 2 : 1);
    if (again) assert.deepEqual(world.objects.conditions(), [], "it is in order again");
  });
}

test("INV-KUBE-ASKED: a server that hangs holds up nothing but what waits behind it", async () => {
  using world = new World();
  world.reply = () => new Promise(() => undefined);
  world.objects.denied(egress("a.example"));
  await world.settled();
  for (let at = 0; at < 100_000; at += 1) world.objects.denied(egress("b.example"));
  assert.equal(world.counts["dropped"], 100_000 - 8);
});

test("the object: for this pod, once, unapproved, and of a call that holds something hidden no arguments", async () => {
  using world = new World("denied", ["/token"]);
  world.objects.denied(actionOf({ kind: "tool", server: "s", tool: "t", arguments: { token: "s3cret", to: "x" } }));
  await world.settled();
  assert.ok(!JSON.stringify(world.body).includes("s3cret"));
  const { metadata, spec, status } = world.body as Record<"metadata" | "spec", Record<string, unknown>> & {
    status?: unknown;
  };
  assert.equal(status, undefined);
  assert.equal(metadata["namespace"], "test");
  assert.deepEqual(spec["target"], { namespace: "test", agent: "agent", pod: "pod-0" });
  assert.match(JSON.stringify(spec["action"]), /"argumentsDigest":"sha256:[0-9a-f]{64}"/);
  world.objects.denied(actionOf({ kind: "tool", server: "s", tool: "t", arguments: { to: "x" } }));
  await world.settled();
  assert.deepEqual((world.body as { spec: { action: unknown } }).spec.action, {
    kind: "tool",
    server: "s",
    tool: "t",
    arguments: { to: "x" },
  });
});
