import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Held } from "../../router/app/inference/budget-rooms.ts";
import { fail, ok } from "../../router/core/base/result.ts";
import type { SharedRule } from "../../router/core/budget/shared-key.ts";
import { shared } from "../fakes/ledger-link.ts";
import { testCa } from "../fakes/origins.ts";
import { freePort } from "../fakes/ports.ts";
import { NO_LOGIN, type SharedPod, type SharedPodOptions, startSharedPod } from "../fakes/shared-pod.ts";
import { requirement } from "../require.ts";
import { soonest } from "../fakes/soonest.ts";
import { until } from "../fakes/until.ts";
import { startValkey, VALKEY, type Valkey } from "../fakes/valkey.ts";
import { sameDay } from "../fakes/same-day.ts";

before(() => sameDay());

const needs = requirement("valkey", VALKEY !== undefined, "no valkey-server or redis-server (apt: redis-server)");

async function podOf(options: SharedPodOptions): Promise<SharedPod> {
  const pod = startSharedPod(options);
  await pod.ready();
  return pod;
}

/** What the server holds of a counter: used and reserved. */
function counted(valkey: Valkey, { key }: SharedRule): readonly number[] {
  return valkey.cli("HMGET", key, "u", "r").split("\n").map(Number);
}

/** Waits until the condition gives such a reason. */
async function says(pod: SharedPod, reason: RegExp): Promise<void> {
  for (let tries = 0; tries < 1_000 && !reason.test(pod.rooms.condition().reason); tries += 1) await sleep(5);
  assert.match(pod.rooms.condition().reason, reason);
}

test("1,000 parallel calls from two routers against a budget for 100: exactly 100, whatever unit", needs, async () => {
  await using valkey = await startValkey();
  const units = [
    shared({ id: "n", unit: "requests", limit: 100 }),
    shared({ id: "t", limit: 100 * 200 }),
    shared({ id: "c", unit: "cost", limit: 100 * 300_005, window: { kind: "month" }, scope: "namespace" }),
  ];
  for (const rule of units) {
    await using one = await podOf({ port: valkey.port, rules: [rule] });
    await using two = await podOf({ port: valkey.port, rules: [rule] });
    const asked = Array.from({ length: 1_000 }, (_, at) => (at % 2 === 0 ? one : two).ask({ least: 100 }));
    const answers = await Promise.all(asked);
    const held = answers.flatMap((answer) => (answer.ok ? [answer.value] : []));
    assert.equal(held.length, 100, rule.rule.id);
    const refusals = answers.flatMap((answer) => (answer.ok ? [] : [answer.problem]));
    assert.ok(refusals.every(({ reason }) => reason === "budget_exhausted"));
    const [used = 0, reserved = 0] = counted(valkey, rule);
    assert.equal(used + reserved, rule.rule.limit);
  }
});

test("two routers that hold, settle and release at random keep the sum at what was used", needs, async () => {
  await using valkey = await startValkey();
  const rule = shared({ limit: 20_000 });
  await using one = await podOf({ port: valkey.port, rules: [rule] });
  await using two = await podOf({ port: valkey.port, rules: [rule] });
  let spent = 0;
  let over = 0;
  async function agent(pod: SharedPod, number: number): Promise<void> {
    for (let at = 0; at < 40; at += 1) {
      const held = await pod.ask();
      if (!held.ok) continue;
      const [used = 0, reserved = 0] = at % 10 === 0 ? counted(valkey, rule) : [];
      over = Math.max(over, used + reserved);
      if ((at + number) % 3 === 0) pod.rooms.release(held.value);
      else {
        const tokens = Math.min(held.value.tokens, (at * 7 + number) % 200);
        spent += tokens;
        pod.rooms.settle(held.value, { tokens, cost: 0, estimated: false });
      }
    }
  }
  await Promise.all(Array.from({ length: 16 }, (_, at) => agent(at % 2 === 0 ? one : two, at)));
  await until(() => counted(valkey, rule)[1] === 0, "everything is settled");
  assert.equal(counted(valkey, rule)[0], spent);
  assert.ok(over <= 20_000 && spent <= 20_000, `${over} ${spent}`);
  assert.deepEqual([one.local.open, two.local.open], [0, 0]);
});

test("a refusal by the ledger takes nothing of the pod's own budget, and says when there is room", needs, async () => {
  await using valkey = await startValkey();
  const rule = shared({ id: "daily", limit: 500 });
  await using one = await podOf({ port: valkey.port, rules: [rule] });
  await using two = await podOf({ port: valkey.port, rules: [rule] });
  const first = await one.ask({ output: 300 });
  assert.ok(first.ok);
  one.rooms.settle(first.value, { tokens: 400, cost: 0, estimated: false });
  await until(() => counted(valkey, rule)[0] === 400, "settled");
  const refused = await two.ask({ input: 200 });
  assert.ok(!refused.ok);
  assert.equal(refused.problem.rule, "daily");
  assert.match(
    refused.problem.detail ?? "",
    /^The budget "daily" is 500 tokens a UTC day: 100 tokens left, and this call needs at least 201 tokens\. Try again after /,
  );
  assert.ok((refused.problem.retryAfter ?? 0) > 0);
  assert.equal(two.local.open, 0);
  const less = await two.ask({ input: 40 });
  assert.equal(less.ok && less.value.outputCap, 60, "less output where less is left");
  assert.equal(less.ok && less.value.tokens, 100);
  const views = two.rooms.view(two.local.view({ wall: 0 as never, steady: 0 as never }));
  assert.deepEqual(
    views.map(({ used, reserved, remaining }) => [used, reserved, remaining]),
    [[400, 100, 0]],
  );
});

test("a stream is cut where the pods together have nothing left", needs, async () => {
  await using valkey = await startValkey();
  const rule = shared({ id: "daily", limit: 500, cut: true });
  await using one = await podOf({ port: valkey.port, rules: [rule] });
  await using two = await podOf({ port: valkey.port, rules: [rule] });
  assert.ok((await one.ask({ input: 250, output: 50 })).ok);
  const held = await two.ask({ input: 100, output: 400, choices: 2 });
  assert.deepEqual(held.ok && held.value.cut, { at: 100, budget: "daily" });
  assert.deepEqual(held.ok && held.value.outputCap, 50);
});

test(
  "down, and deny: refused at once, nothing leaks, and it goes on when the server is back with its counts",
  needs,
  async () => {
    await using valkey = await startValkey({ durable: true });
    const rule = shared({ id: "t", limit: 10_000 });
    await using pod = await podOf({ port: valkey.port, rules: [rule] });
    const before = await pod.ask();
    assert.ok(before.ok);
    const unsettled = await pod.ask();
    assert.ok(unsettled.ok);
    await valkey.kill();
    await until(() => pod.rooms.condition().state === "failed", "the condition says so");
    pod.rooms.settle(before.value, { tokens: 150, cost: 0, estimated: false });
    const began = performance.now();
    for (let at = 0; at < 20; at += 1) {
      const refused = await pod.ask();
      assert.equal(!refused.ok && refused.problem.reason, "overloaded");
      assert.ok(!refused.ok && (refused.problem.retryAfter ?? 0) > 0);
    }
    // Had each waited for its answer, they would have taken four seconds.
    assert.ok(performance.now() - began < 2_000);
    assert.equal(pod.local.open, 1);
    await valkey.restart();
    await pod.ready();
    await until(() => counted(valkey, rule)[0] === 150, "what was used meanwhile is told");
    assert.deepEqual(counted(valkey, rule), [150, 200]);
    assert.ok((await pod.ask()).ok);
    assert.deepEqual([pod.events[0]?.kind, pod.events.at(-1)?.kind], ["up", "up"]);
    assert.ok(pod.events.some(({ kind }) => kind === "down"));
  },
);

test("a settlement that was sent and not answered is sent again", needs, async () => {
  await using valkey = await startValkey({ durable: true });
  const rule = shared({ id: "t", limit: 10_000 });
  await using pod = await podOf({ port: valkey.port, rules: [rule] });
  const [one, two] = [await pod.ask(), await pod.ask()];
  assert.ok(one.ok && two.ok);
  valkey.freeze();
  pod.rooms.settle(one.value, { tokens: 150, cost: 0, estimated: false });
  await sleep(20);
  await valkey.kill();
  await valkey.restart();
  await pod.ready();
  await until(() => counted(valkey, rule)[0] === 150, "it is told");
  valkey.freeze();
  pod.rooms.settle(two.value, { tokens: 30, cost: 0, estimated: false });
  await sleep(700);
  valkey.thaw();
  await pod.ready();
  await until(() => counted(valkey, rule)[1] === 0, "it is told");
  assert.deepEqual(counted(valkey, rule), [180, 0], "and charged once, though it was sent twice");
});

test("what many calls used during an outage is told when it is over", needs, async () => {
  await using valkey = await startValkey({ durable: true });
  const rule = shared({ id: "t", limit: 1_000_000 });
  await using pod = await podOf({ port: valkey.port, rules: [rule] });
  const held: Held[] = [];
  while (held.length < 500) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => pod.ask()));
    for (const answer of answers) if (answer.ok) held.push(answer.value);
  }
  await valkey.kill();
  for (const [at, one] of held.entries()) {
    if (at % 5 === 0) pod.rooms.release(one);
    else pod.rooms.settle(one, { tokens: 10, cost: 0, estimated: false });
  }
  await valkey.restart();
  await pod.ready();
  await until(() => counted(valkey, rule)[1] === 0, "all are told");
  assert.equal(counted(valkey, rule)[0], held.filter((_, at) => at % 5 !== 0).length * 10);
  assert.equal(valkey.cli("HLEN", rule.key), "4");
});

test("killed and started again under load, never above the limit, and nothing is charged twice", needs, async () => {
  await using valkey = await startValkey({ durable: true });
  const rule = shared({ id: "n", unit: "requests", limit: 300 });
  await using one = await podOf({ port: valkey.port, rules: [rule] });
  await using two = await podOf({ port: valkey.port, rules: [rule] });
  let admitted = 0;
  let over = false;
  async function agent(pod: SharedPod): Promise<void> {
    while (!over) {
      const held = await pod.ask();
      if (!held.ok) {
        await sleep(2);
        continue;
      }
      admitted += 1;
      pod.rooms.settle(held.value, { tokens: 1, cost: 0, estimated: false });
      await sleep(5);
    }
  }
  const agents = Array.from({ length: 24 }, (_, at) => agent(at % 2 === 0 ? one : two));
  for (let round = 0; round < 3; round += 1) {
    await sleep(15);
    await valkey.kill();
    await sleep(20);
    await valkey.restart();
    await Promise.all([one.ready(), two.ready()]);
  }
  await until(() => (counted(valkey, rule)[0] ?? 0) >= 300, "it is used up at last");
  over = true;
  await Promise.all(agents);
  assert.ok(admitted <= 300, `${admitted} were admitted`);
  assert.ok(admitted >= 300 - 3 * 48, `${admitted} were admitted`);
  assert.equal(counted(valkey, rule)[0], 300);
});

test("a frozen server: refused within 250 ms, and what it does when it thaws holds nothing", needs, async () => {
  await using valkey = await startValkey();
  const rule = shared({ id: "t", limit: 10_000 });
  await using pod = await podOf({ port: valkey.port, rules: [rule] });
  let next = Infinity;
  const took = await soonest(250, async () => {
    valkey.freeze();
    const began = performance.now();
    const refused = await Promise.all(Array.from({ length: 8 }, () => pod.ask()));
    const within = performance.now() - began;
    assert.ok(refused.every((answer) => !answer.ok && answer.problem.reason === "overloaded"));
    assert.ok(within > 150, `${within} ms`);
    next = Math.min(
      next,
      await soonest(20, async () => {
        const asked = performance.now();
        assert.equal((await pod.ask()).ok, false);
        return performance.now() - asked;
      }),
    );
    assert.equal(pod.local.open, 0);
    await sleep(100);
    valkey.thaw();
    await pod.ready();
    await until(() => counted(valkey, rule)[1] === 0, "what it had admitted too late is given back");
    return within;
  });
  assert.ok(took < 250, `${took} ms`);
  assert.ok(next < 20, `nobody else waits: ${next} ms`);
  assert.equal(counted(valkey, rule)[0], 0);
});

test(
  "frozen for longer than a command may take: what was sent to it is refused as too late, or given back",
  needs,
  async () => {
    await using valkey = await startValkey();
    const rule = shared({ id: "t", limit: 10_000 });
    await using pod = await podOf({ port: valkey.port, rules: [rule] });
    valkey.freeze();
    await Promise.all(Array.from({ length: 8 }, () => pod.ask()));
    await sleep(1_300);
    await says(pod, /did not answer within/);
    valkey.thaw();
    await pod.ready();
    await until(() => (counted(valkey, rule)[1] ?? 0) === 0, "nothing stays reserved");
    assert.equal(counted(valkey, rule)[0] ?? 0, 0);
    assert.ok((await pod.ask()).ok);
  },
);

test("INV-SHARED-LEASE: down, and lease: so much and no more, once; then it is told", needs, async () => {
  await using valkey = await startValkey({ durable: true });
  const rules = [shared({ id: "t", limit: 10_000 }), shared({ id: "n", unit: "requests", limit: 1_000 })];
  await using pod = await podOf({ port: valkey.port, rules, whenDown: "lease", leasePercent: 10 });
  const first = await pod.ask();
  assert.ok(first.ok);
  pod.rooms.settle(first.value, { tokens: 200, cost: 0, estimated: false });
  await until(() => counted(valkey, rules[0] as SharedRule)[0] === 200, "settled");
  await valkey.kill();
  await until(() => pod.rooms.condition().state === "degraded", "the condition says so");
  const held: Held[] = [];
  for (let at = 0; at < 20; at += 1) {
    const answer = await pod.ask({ least: 100 });
    if (answer.ok) held.push(answer.value);
    else assert.equal(answer.problem.reason, "overloaded");
  }
  // 10 % of 9,800 are 980: four calls of 200.
  assert.equal(held.length, 4);
  const cut = await pod.ask();
  assert.equal(cut.ok && cut.value.outputCap, 80);
  await says(pod, /ECONNREFUSED/);
  assert.equal((await pod.ask()).ok, false, "another reason is no other outage");
  for (const one of held.slice(0, 3)) pod.rooms.settle(one, { tokens: 50, cost: 0, estimated: false });
  await valkey.restart();
  await pod.ready();
  await until(() => counted(valkey, rules[0] as SharedRule)[0] === 350, "what was used is told");
  assert.equal(counted(valkey, rules[1] as SharedRule)[0], 4);
  for (const one of held.slice(3)) pod.rooms.settle(one, { tokens: 60, cost: 0, estimated: false });
  if (cut.ok) pod.rooms.release(cut.value);
  await until(() => counted(valkey, rules[0] as SharedRule)[0] === 410, "and what ended after the outage");
  assert.equal(pod.local.open, 0);
});

test("a pod that starts while the server is down has no lease", needs, async () => {
  const pod = startSharedPod({ port: await freePort(), rules: [shared()], whenDown: "lease", leasePercent: 100 });
  await says(pod, /ECONNREFUSED/);
  const refused = await pod.ask();
  assert.equal(!refused.ok && refused.problem.reason, "overloaded");
  await pod.rooms.close();
});

const faults: readonly {
  readonly name: string;
  readonly args?: readonly string[];
  /** Before the pod connects, or (after) once it has. */
  readonly cause?: (valkey: Valkey) => void;
  readonly after?: boolean;
  readonly login?: SharedPodOptions["login"];
  readonly because: RegExp;
  readonly mend?: (valkey: Valkey) => void;
}[] = [
  { name: "no password", args: ["--requirepass", "secret"], because: /said NOAUTH/ },
  {
    name: "a wrong password",
    args: ["--requirepass", "secret"],
    login: async () => ok({ ...NO_LOGIN, password: "Secret" }),
    because: /said WRONGPASS/,
  },
  {
    name: "a password that cannot be read",
    login: async () => fail("/run/password cannot be read (moved)"),
    because: /cannot be read/,
  },
  {
    name: "a user who may not run scripts",
    cause: (valkey) => void valkey.cli("ACL", "SETUSER", "default", "-@scripting"),
    because: /said NOPERM/,
    mend: (valkey) => void valkey.cli("ACL", "SETUSER", "default", "+@all"),
  },
  {
    name: "a user who may not write these keys",
    cause: (valkey) => void valkey.cli("ACL", "SETUSER", "default", "resetkeys", "~other:*"),
    because: /said NOPERM/,
    mend: (valkey) => void valkey.cli("ACL", "SETUSER", "default", "~*"),
  },
  {
    name: "a replica that may not be written to",
    cause: (valkey) => void valkey.cli("REPLICAOF", "127.0.0.1", "1"),
    because: /said READONLY/,
    mend: (valkey) => void valkey.cli("REPLICAOF", "NO", "ONE"),
  },
  {
    name: "a full memory",
    cause: (valkey) => void valkey.cli("CONFIG", "SET", "maxmemory", "1"),
    because: /said OOM/,
    mend: (valkey) => void valkey.cli("CONFIG", "SET", "maxmemory", "0"),
  },
  {
    name: "too few replicas",
    cause: (valkey) => void valkey.cli("CONFIG", "SET", "min-replicas-to-write", "3"),
    because: /said NOREPLICAS/,
    mend: (valkey) => void valkey.cli("CONFIG", "SET", "min-replicas-to-write", "0"),
  },
];
for (const { name, args = [], cause, login, because, mend } of faults) {
  for (const when of ["before", "after"] as const) {
    if (when === "after" && mend === undefined) continue;
    test(`a server that cannot be used denies ${when} it is connected: ${name}`, needs, async () => {
      await using valkey = await startValkey({ args });
      if (when === "before") cause?.(valkey);
      await using pod = startSharedPod({ port: valkey.port, rules: [shared()], ...(login && { login }) });
      if (when === "after") {
        await pod.ready();
        cause?.(valkey);
      } else {
        await says(pod, because);
      }
      const refused = await pod.ask();
      assert.equal(!refused.ok && refused.problem.reason, "overloaded");
      assert.equal(pod.local.open, 0);
      await says(pod, because);
      assert.doesNotMatch(pod.rooms.condition().reason, /[Ss]ecret/);
      if (mend === undefined) return;
      mend(valkey);
      await pod.ready();
      assert.ok((await pod.ask()).ok);
    });
  }
}

test("a password that is rotated is read again at the next connection", needs, async () => {
  await using valkey = await startValkey();
  let password = "one";
  valkey.cli("ACL", "SETUSER", "sluice", "on", ">one", "~sluice:*", "+@all");
  valkey.cli("ACL", "SETUSER", "default", "-@all", "+acl", "+client", "+auth", "+ping");
  const login = async () => ok({ ...NO_LOGIN, username: "sluice", password });
  await using pod = await podOf({ port: valkey.port, rules: [shared()], login });
  assert.ok((await pod.ask()).ok);
  valkey.cli("ACL", "SETUSER", "sluice", "resetpass", ">two");
  password = "two";
  valkey.cli("CLIENT", "KILL", "USER", "sluice");
  await until(() => pod.events.length >= 2, "it was cut off");
  await pod.ready();
  assert.ok((await pod.ask()).ok);
});

test("the commands that an ACL has to allow are these", needs, async () => {
  await using valkey = await startValkey();
  const commands = "eval evalsha time type hget hset hmget hgetall hdel hexists pttl pexpire set".split(" ");
  valkey.cli("ACL", "SETUSER", "sluice", "on", ">one", "~sluice:*", "-@all", ...commands.map((name) => `+${name}`));
  const login = async () => ok({ ...NO_LOGIN, username: "sluice", password: "one" });
  const rules = [shared(), shared({ id: "r", unit: "requests", window: { kind: "rolling", millis: 1_000 } })];
  await using pod = await podOf({ port: valkey.port, rules, login, life: 50 });
  const [one, two] = [await pod.ask(), await pod.ask()];
  assert.ok(one.ok && two.ok);
  pod.rooms.settle(one.value, { tokens: 1, cost: 1, estimated: false });
  pod.rooms.release(two.value);
  await sleep(60);
  assert.ok((await pod.ask()).ok);
  assert.equal(pod.rooms.condition().state, "ok");
});

test("scripts that the server forgets are sent again", needs, async () => {
  await using valkey = await startValkey();
  await using pod = await podOf({ port: valkey.port, rules: [shared({ limit: 1e6 })] });
  for (let at = 0; at < 5; at += 1) {
    valkey.cli("SCRIPT", "FLUSH");
    const answers = await Promise.all([pod.ask(), pod.ask(), pod.ask()]);
    for (const answer of answers) {
      assert.ok(answer.ok);
      pod.rooms.settle(answer.value, { tokens: 1, cost: 0, estimated: false });
    }
  }
  assert.equal(pod.events.at(-1)?.kind, "up");
  assert.equal(pod.rooms.condition().state, "ok");
});

test("a damaged counter admits nothing until it is deleted", needs, async () => {
  await using valkey = await startValkey();
  const rule = shared({ id: "daily" });
  await using pod = await podOf({ port: valkey.port, rules: [rule] });
  valkey.cli("SET", rule.key, "free");
  const refused = await pod.ask();
  assert.deepEqual(!refused.ok && [refused.problem.reason, refused.problem.rule], ["budget_exhausted", "daily"]);
  assert.equal(pod.local.open, 0);
  valkey.cli("DEL", rule.key);
  assert.ok((await pod.ask()).ok);
});

test("INV-SHARED-DEAD: a pod that dies leaves its reservation to be charged in full", needs, async () => {
  await using valkey = await startValkey();
  const rule = shared({ limit: 1_000 });
  await using dying = await podOf({ port: valkey.port, rules: [rule], life: 300 });
  await using other = await podOf({ port: valkey.port, rules: [rule], life: 300 });
  assert.ok((await dying.ask()).ok);
  dying.client.close();
  const during = await other.ask({ input: 900 });
  assert.equal(during.ok, false);
  await sleep(320);
  assert.equal((await other.ask({ input: 900 })).ok, false, "it is not given back");
  const rest = await other.ask({ input: 700 });
  assert.ok(rest.ok);
  assert.deepEqual(counted(valkey, rule), [200, 800]);
});

/** A server that is none: what it answers to each piece that comes. */
async function stranger(answer: (socket: Socket, piece: Buffer) => void): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("data", (piece: Buffer) => answer(socket, piece));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const strangers: readonly (readonly [
  name: string,
  answer: (socket: Socket, piece: Buffer) => void,
  because: RegExp,
])[] = [
  ["HTTP", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), /no Valkey or Redis/],
  ["a list of 60 million", (socket) => socket.write("*60000000\r\n"), /no Valkey or Redis/],
  ["a text of 2 GB", (socket) => socket.write("$2147483647\r\n"), /no Valkey or Redis/],
  ["OK to everything", (socket) => socket.write("+OK\r\n"), /makes no sense/],
  ["an admission of everything", (socket) => socket.write("*3\r\n$2\r\nok\r\n$1\r\nx\r\n:1\r\n"), /makes no sense/],
  ["two answers to one question", (socket) => socket.write("-ERR\r\n-ERR\r\n"), /said ERR/],
  ["nothing", () => undefined, /did not answer within/],
  ["an end", (socket) => socket.end(), /closed the connection|failed/],
  ["a reset", (socket) => socket.resetAndDestroy(), /closed the connection|failed/],
  ["endless octets", (socket) => socket.write(Buffer.alloc(1_000_000, "+")), /no Valkey or Redis/],
];
for (const [name, answer, because] of strangers) {
  test(`what is no Valkey denies, and costs nothing: ${name}`, needs, async () => {
    await using server = await stranger(answer);
    await using pod = startSharedPod({ port: server.port, rules: [shared()], deadlines: { command: 100 as never } });
    await says(pod, because);
    const refused = await pod.ask();
    assert.equal(!refused.ok && refused.problem.reason, "overloaded");
    assert.equal(pod.local.open, 0);
  });
}

test("INV-SHARED-DENY: a server that turns strange in the middle admits nothing by it", needs, async () => {
  await using valkey = await startValkey();
  const rule = shared({ limit: 1e6 });
  // Between the pod and the server: answers what it has recorded, once it is told to.
  let replay = false;
  let recorded: Buffer | undefined;
  const { connect } = await import("node:net");
  await using between = await stranger((socket, piece) => {
    const upstream = uplinks.get(socket) ?? connect(valkey.port, "127.0.0.1");
    if (!uplinks.has(socket)) {
      uplinks.set(socket, upstream);
      upstream
        .on("error", () => undefined)
        .on("data", (answer: Buffer) => {
          if (answer.includes("$2\r\nok\r\n")) recorded ??= answer;
          socket.write(answer);
        });
      socket.on("close", () => upstream.destroy());
    }
    if (replay && recorded !== undefined) socket.write(recorded);
    else upstream.write(piece);
  });
  await using pod = await podOf({ port: between.port, rules: [rule] });
  assert.ok((await pod.ask()).ok);
  replay = true;
  const refused = await pod.ask();
  assert.equal(!refused.ok && refused.problem.reason, "overloaded", "the answer to another call is none");
  assert.equal(pod.local.open, 1);
  await says(pod, /makes no sense/);
});
const uplinks = new WeakMap<Socket, Socket>();

test("under TLS: its certificate must be for it, and by whom we trust", needs, async () => {
  const ca = testCa();
  const { certificatePem, keyPem } = ca.issue(["ledger.test"]);
  const { mkdtempSync, writeFileSync, rmSync } = await import("node:fs");
  const directory = mkdtempSync("/tmp/sluice-tls-");
  writeFileSync(`${directory}/cert.pem`, certificatePem);
  writeFileSync(`${directory}/key.pem`, keyPem);
  const port = await freePort();
  const args = [
    "--tls-port",
    String(port),
    "--tls-cert-file",
    `${directory}/cert.pem`,
    "--tls-key-file",
    `${directory}/key.pem`,
    "--tls-auth-clients",
    "no",
  ];
  try {
    await using valkey = await startValkey({ args });
    assert.ok(valkey.port > 0);
    const trusted = async () => ok({ ...NO_LOGIN, ca: ca.certificatePem });
    await using good = await podOf({
      port,
      endpoint: `https://ledger.test:${port}`,
      rules: [shared()],
      login: trusted,
    });
    assert.ok((await good.ask()).ok);
    const rows = [
      [`https://127.0.0.1:${port}`, ca.certificatePem, /ERR_TLS_CERT_ALTNAME_INVALID/],
      [`https://ledger.test:${port}`, undefined, /SELF_SIGNED|UNABLE_TO|no code/],
      [
        `https://127.0.0.1:${port}`,
        "no certificate",
        /certificates to trust cannot be read|ALTNAME|SELF_SIGNED|UNABLE/,
      ],
      [`https://127.0.0.1:${valkey.port}`, ca.certificatePem, /failed|closed|no connection/],
      [`http://127.0.0.1:${port}`, undefined, /closed the connection|no Valkey|failed/],
    ] as const;
    for (const [endpoint, pem, because] of rows) {
      const login = async () => ok({ ...NO_LOGIN, ca: pem });
      await using pod = startSharedPod({ port, endpoint, rules: [shared()], login });
      await says(pod, because);
      assert.equal((await pod.ask()).ok, false);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
