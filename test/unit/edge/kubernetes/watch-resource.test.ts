import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import type { WatchOptions } from "../../../../router/edge/kubernetes/watch-resource.ts";
import type { FakeKubeOptions } from "../../../fakes/kube-api.ts";
import { apiFor, follow, PATH, put, type Seen, until } from "./watch-fixture.ts";

/** A watch that has listed `a` (1) and `b` (1), and is open. */
async function open(
  t: TestContext,
  changes: Partial<WatchOptions<{ name: string; n: unknown }>> = {},
  options: FakeKubeOptions = {},
): Promise<Seen> {
  const api = await apiFor(t, options);
  put(api, "a", 1);
  put(api, "b", 1);
  const seen = follow(t, api, changes);
  await until(() => api.watches === 1, "it never watched");
  return seen;
}

const entries = ({ set }: Seen): unknown =>
  Object.fromEntries([...set].toSorted(([one], [other]) => (one < other ? -1 : 1)));
const lists = ({ api }: Seen): number =>
  api.requests.filter(({ query, method }) => method === "GET" && query.get("watch") !== "true").length;

test("lists, then hands on what changes, in order", async (t) => {
  const seen = await open(t);
  assert.deepEqual(entries(seen), { a: 1, b: 1 });
  put(seen.api, "a", 2);
  seen.api.remove(`${PATH}/b`);
  put(seen.api, "c", 1);
  await until(() => seen.set.has("c"));
  assert.deepEqual(entries(seen), { a: 2, c: 1 });
  assert.deepEqual(seen.calls, ["synced", "MODIFIED a", "DELETED b", "ADDED c"]);
  assert.equal(seen.watch.condition().state, "synced");
  const [list, watch] = seen.api.requests;
  assert.equal(list?.query.get("resourceVersion"), null, "a list out of a cache takes back what was revoked");
  assert.deepEqual(
    ["watch", "allowWatchBookmarks", "resourceVersion", "timeoutSeconds"].map((name) => watch?.query.get(name)),
    ["true", "true", "1002", "450"],
  );
});

test("a list comes in pages, and is handed on whole; an empty one too", async (t) => {
  const api = await apiFor(t);
  const empty = follow(t, api);
  await until(() => empty.calls.length === 1);
  assert.deepEqual(entries(empty), {});
  for (let at = 0; at < 25; at += 1) put(api, `n${at}`, at);
  const paged = follow(t, api, { pageSize: 10 });
  await until(() => paged.calls.length > 0);
  assert.equal(paged.set.size, 25);
  assert.equal(paged.calls[0], "synced");
});

test("a page that expires, or is too long, is asked for anew", async (t) => {
  const api = await apiFor(t);
  for (let at = 0; at < 9; at += 1) {
    api.put(`${PATH}/n${at}`, { kind: "EgressApproval", spec: { n: at, fill: "x".repeat(1_500_000) } });
  }
  api.expireNext(1);
  const seen = follow(t, api, { pageSize: 8 });
  await until(() => seen.calls.includes("synced"));
  assert.equal(seen.set.size, 9, "eight of them are over 8 MiB");
  assert.ok(seen.conditions.includes("degraded expired"));
});

const breaks: readonly [name: string, act: (seen: Seen) => void, relists: boolean][] = [
  ["drops the watch", ({ api }) => api.dropWatches(), false],
  ["ends the watch at once", ({ api }) => api.endWatches(), false],
  ["forgets the version (410)", ({ api }) => api.expire(), true],
  ["sends a line of garbage", ({ api }) => api.raw("{garbage\n"), false],
  ["sends half a frame and cuts", ({ api }) => (api.raw('{"type":"ADD'), api.dropWatches()), false],
  ["sends octets that are no UTF-8", ({ api }) => api.raw(Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a])), false],
  [
    "sends an unknown type",
    ({ api }) => api.event("RENAMED", { metadata: { name: "a", resourceVersion: "9" } }),
    false,
  ],
  ["sends an object without a name", ({ api }) => api.event("ADDED", { metadata: { resourceVersion: "9999" } }), false],
  ["sends an object without a version", ({ api }) => api.event("ADDED", { metadata: { name: "x" } }), false],
  ["sends a bookmark without a version", ({ api }) => api.event("BOOKMARK", { metadata: {} }), false],
  ["sends null", ({ api }) => api.raw("null\n"), false],
  ["says ERROR 500", ({ api }) => api.event("ERROR", { kind: "Status", code: 500, message: "etcd" }), false],
  ["says ERROR with a list", ({ api }) => api.event("ERROR", []), false],
  ["is asked for everything anew", ({ watch }) => watch.resync(), true],
];
for (const [name, act, relists] of breaks) {
  test(`nothing is lost where the server ${name}`, async (t) => {
    const seen = await open(t);
    const before = lists(seen);
    act(seen);
    put(seen.api, "c", 3);
    seen.api.remove(`${PATH}/a`);
    await until(() => seen.set.get("c") === 3 && !seen.set.has("a"));
    await until(() => seen.watch.condition().state === "synced" && seen.api.watches === 1);
    assert.deepEqual(entries(seen), { b: 1, c: 3 });
    assert.equal(lists(seen) - before > 0, relists);
  });
}

test("a version that is not kept any more is not asked for again", async (t) => {
  const seen = await open(t);
  seen.api.expire();
  await until(() => seen.calls.filter((call) => call === "synced").length === 2);
  assert.deepEqual(seen.api.requests.map(({ query }) => query.get("watch") ?? "list").slice(0, 3), [
    "list",
    "true",
    "list",
  ]);
  assert.ok(!seen.conditions.includes("degraded expired"), "once is in order");
});

test("INV-KUBE-STALE: an event that comes twice or too late changes nothing; what is gone does not come back", async (t) => {
  const seen = await open(t);
  put(seen.api, "a", 2);
  put(seen.api, "a", 3);
  seen.api.remove(`${PATH}/b`);
  seen.api.repeat(6);
  seen.api.event("ADDED", { metadata: { name: "b", namespace: "test", resourceVersion: "1002" }, spec: { n: 1 } });
  seen.api.event("MODIFIED", {
    metadata: { name: "echo", namespace: "test", resourceVersion: "1002" },
    spec: { n: 1 },
  });
  seen.api.event("DELETED", { metadata: { name: "a", namespace: "test", resourceVersion: "1003" } });
  put(seen.api, "end", 1);
  await until(() => seen.set.has("end"));
  assert.deepEqual(entries(seen), { a: 3, end: 1 });
  assert.deepEqual(seen.calls, ["synced", "MODIFIED a", "MODIFIED a", "DELETED b", "ADDED end"]);
});

test("a bookmark that goes back loses no event, and one that goes on saves them from being sent again", async (t) => {
  const seen = await open(t);
  put(seen.api, "a", 2);
  await until(() => seen.set.get("a") === 2);
  seen.api.bookmark("1003");
  seen.api.bookmark("1002");
  // They have to be there before the connection is cut.
  await new Promise((resolve) => setTimeout(resolve, 30));
  seen.api.dropWatches();
  await until(() => seen.api.requests.length === 3 && seen.api.watches === 1);
  assert.equal(seen.api.requests.at(-1)?.query.get("resourceVersion"), seen.api.version);
  put(seen.api, "c", 1);
  await until(() => seen.set.has("c"));
  assert.deepEqual(seen.calls, ["synced", "MODIFIED a", "ADDED c"]);
  seen.api.put("/api/v1/namespaces/test/pods/other", { kind: "Pod" });
  seen.api.bookmark();
  await until(() => seen.watch.condition().lastEventAt !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 20));
  seen.api.dropWatches();
  await until(() => seen.api.requests.length === 4);
  assert.equal(seen.api.requests.at(-1)?.query.get("resourceVersion"), seen.api.version);
});

test("a connection on which nothing comes any more is given up", async (t) => {
  const seen = await open(t, { times: { idle: millis(80) } });
  seen.api.silence();
  put(seen.api, "c", 1);
  await until(() => seen.set.has("c"));
  assert.deepEqual(entries(seen), { a: 1, b: 1, c: 1 });
});

test("so is one on which octets drip and no frame ever ends", async (t) => {
  const seen = await open(t, { times: { idle: millis(100) } });
  const drip = setInterval(() => seen.api.raw(" "), 10);
  t.after(() => clearInterval(drip));
  await until(() => seen.conditions.includes("degraded unreachable"));
});

test("an object as large as an API server takes, in pieces of 1,000 octets, passes; a longer line does not", async (t) => {
  const seen = await open(t, { maximumObjectBytes: 2_000_000 });
  seen.api.pieces(1_000);
  seen.api.put(`${PATH}/large`, { kind: "EgressApproval", spec: { n: 1, fill: "é".repeat(800_000) } });
  await until(() => seen.set.has("large"));
  seen.api.pieces(0);
  seen.api.raw("x".repeat(2_100_000));
  await until(() => seen.conditions.includes("degraded object_too_large"));
});

test("more objects than may be followed: a list hands on none, a watch none that is new, and both say so", async (t) => {
  const seen = await open(t, { maximumObjects: 2, times: { slowRetry: millis(20) } });
  put(seen.api, "c", 1);
  put(seen.api, "a", 2);
  await until(() => seen.set.get("a") === 2);
  assert.deepEqual(entries(seen), { a: 2, b: 1 });
  assert.equal(seen.watch.condition().reason, "too_many_objects");
  seen.watch.resync();
  await until(() => seen.conditions.length > 2 && seen.api.watches === 0);
  assert.equal(seen.watch.condition().reason, "too_many_objects");
  assert.deepEqual(entries(seen), { a: 2, b: 1 }, "what stood stands");
  seen.api.remove(`${PATH}/b`);
  await until(() => seen.watch.condition().state === "synced");
  assert.deepEqual(entries(seen), { a: 2, c: 1 });
});

const refusals: readonly [status: number, condition: string][] = [
  [401, "degraded unauthorized"],
  [403, "degraded forbidden"],
  [404, "degraded not_found"],
  [429, "degraded throttled"],
  [500, "degraded server_error"],
  [503, "degraded server_error"],
  [302, "degraded server_error"],
];
for (const [status, condition] of refusals) {
  test(`a server that says ${status} for a while is asked again, and the condition says so`, async (t) => {
    const api = await apiFor(t);
    put(api, "a", 1);
    api.failNext(3, status);
    const seen = follow(t, api);
    assert.equal(seen.watch.condition().state, "starting");
    await until(() => seen.set.has("a"));
    assert.deepEqual(seen.conditions, [condition, "synced"]);
    assert.equal(seen.watch.condition().hasSynced, true);
    // The same on a watch.
    await until(() => api.watches === 1);
    api.failNext(2, status);
    api.dropWatches();
    put(api, "b", 1);
    await until(() => seen.set.has("b"));
    assert.ok(seen.conditions.slice(2).includes(condition));
  });
}

test("a 403 of a moment, as of a server that just starts, is asked again soon; one that lasts ever more slowly", async (t) => {
  const api = await apiFor(t);
  api.failNext(2, 403);
  const times = { firstRetry: millis(10), slowRetry: millis(60_000) };
  const seen = follow(t, api, { times });
  await until(() => seen.calls.includes("synced"));
  await until(() => api.watches === 1);
  const before = api.requests.length;
  api.failNext(1_000, 403);
  api.dropWatches();
  await new Promise((resolve) => setTimeout(resolve, 400));
  const asked = api.requests.length - before;
  assert.ok(asked >= 3 && asked <= 8, `${asked} times`);
});

test("429 with Retry-After: nothing is asked before that", async (t) => {
  const api = await apiFor(t);
  api.throttle(1, 1);
  const seen = follow(t, api);
  await until(() => seen.calls.includes("synced"));
  const [first, second] = api.requests;
  assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 1_000);
});

test("an API server that is away and comes back: what stands stands meanwhile", async (t) => {
  const seen = await open(t);
  await seen.api.away();
  await until(() => seen.watch.condition().state === "degraded");
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(entries(seen), { a: 1, b: 1 });
  seen.api.remove(`${PATH}/a`);
  await seen.api.back();
  await until(() => !seen.set.has("a"));
  assert.ok(seen.watch.condition().hasSynced);
});

test("after close nothing is called back, and nothing is asked", async (t) => {
  const seen = await open(t);
  const asked = seen.api.requests.length;
  const closed = seen.watch.close();
  put(seen.api, "c", 1);
  await closed;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(seen.calls, ["synced"]);
  assert.equal(seen.api.requests.length, asked);
});

test("of a selector, what leaves it is gone", async (t) => {
  const api = await apiFor(t);
  const labelled = (name: string, agent: string): void =>
    void api.put(`${PATH}/${name}`, { kind: "EgressApproval", metadata: { labels: { agent } }, spec: { n: 1 } });
  labelled("a", "x");
  labelled("b", "y");
  const seen = follow(t, api, { labelSelector: "agent=x" });
  await until(() => api.watches === 1);
  labelled("b", "x");
  labelled("a", "y");
  await until(() => !seen.set.has("a"));
  assert.deepEqual(entries(seen), { b: 1 });
});

test("a list that is older than what was seen is not believed for a while", async (t) => {
  const seen = await open(t);
  seen.api.event("MODIFIED", { metadata: { name: "a", namespace: "test", resourceVersion: "999999" }, spec: { n: 9 } });
  await until(() => seen.set.get("a") === 9);
  seen.watch.resync();
  await until(() => seen.conditions.includes("degraded server_error"));
  assert.equal(seen.set.get("a"), 9);
  await until(() => seen.set.get("a") === 1, "a store that was set back is followed in the end");
});

const backs: readonly (readonly [what: string, say: (seen: Seen) => void])[] = [
  [
    "an event",
    ({ api }) => api.event("MODIFIED", { metadata: { name: "a", resourceVersion: "1003" }, spec: { n: 5 } }),
  ],
  ["a deletion", ({ api }) => api.event("DELETED", { metadata: { name: "a", resourceVersion: "1003" } })],
  ["a bookmark", ({ api }) => api.bookmark("1003")],
];
for (const [what, say] of backs) {
  test(`INV-KUBE-SETBACK: ${what} older than the watch: the store was set back, and its list counts at once`, async (t) => {
    const seen = await open(t);
    const restore = seen.api.backup();
    put(seen.api, "a", 2);
    seen.api.remove(`${PATH}/b`);
    put(seen.api, "late", 1);
    await until(() => seen.set.has("late"));
    seen.watch.resync();
    await until(() => seen.calls.filter((call) => call === "synced").length === 2 && seen.api.watches === 1);
    const before = lists(seen);
    restore();
    say(seen);
    await until(() => seen.set.has("b"));
    assert.deepEqual(entries(seen), { a: 1, b: 1 });
    assert.equal(lists(seen) - before, 1, "it is not refused first");
    await until(() => seen.api.watches === 1);
    seen.api.remove(`${PATH}/a`);
    put(seen.api, "b", 2);
    await until(() => seen.set.get("b") === 2, "what happens below the old versions counts");
    assert.deepEqual(entries(seen), { b: 2 });
  });
}

/** What was asked from `at` on. */
const asked = ({ api }: Seen, at: number): readonly string[] =>
  api.requests.slice(at).map(({ query }) => (query.get("watch") === "true" ? "watch" : "list"));

test("INV-KUBE-SETBACK: a watch that says nothing for its whole time is followed by a list", async (t) => {
  const seen = await open(t, { times: { idle: millis(150) } });
  const restore = seen.api.backup();
  for (let n = 2; n < 9; n += 1) put(seen.api, "a", n);
  await until(() => seen.set.get("a") === 8);
  restore();
  const at = seen.api.requests.length;
  seen.api.dropWatches();
  await until(() => seen.api.watches === 1 && seen.api.requests.length === at + 1);
  // The version is one that this store has not come to: the server filters all that comes before it.
  seen.api.remove(`${PATH}/b`);
  await until(() => !seen.set.has("b"));
  assert.deepEqual(asked(seen, at).slice(0, 2), ["watch", "list"]);
  assert.deepEqual(entries(seen), { a: 1 });
});

test("INV-KUBE-SETBACK: after a server that was away everything is listed anew: its store may be another", async (t) => {
  const seen = await open(t);
  const restore = seen.api.backup();
  put(seen.api, "a", 2);
  await until(() => seen.set.get("a") === 2);
  await seen.api.away();
  await until(() => seen.watch.condition().failures >= 2);
  restore();
  seen.api.remove(`${PATH}/a`);
  // The versions are past those from before by now: a watch from there would have missed it.
  for (let n = 2; n < 9; n += 1) put(seen.api, "b", n);
  await seen.api.back();
  await until(() => seen.set.get("b") === 8);
  assert.deepEqual(entries(seen), { b: 8 });
});

test("INV-KUBE-CALM: lists that succeed and watches that find their version gone: ever more slowly, and said so", async (t) => {
  const api = await apiFor(t);
  put(api, "a", 1);
  api.expireNext(1_000_000);
  const seen = follow(t, api);
  await until(() => seen.conditions.includes("degraded expired"));
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.ok(api.requests.length < 40, `${api.requests.length} requests`);
  assert.ok(api.requests.length > 6, "it goes on");
  assert.deepEqual(seen.conditions, ["synced", "degraded expired"], "it does not change its mind with each list");
  put(seen.api, "b", 1);
  await until(() => seen.set.has("b"), "its lists count");
  api.expireNext(0);
  await until(() => seen.watch.condition().state === "synced", "a watch that lives is believed");
});

test("INV-KUBE-CALM: a watch whose first event is followed by a 410, again and again, is not alive", async (t) => {
  const seen = await open(t);
  const times: number[] = [];
  const began = performance.now();
  while (performance.now() - began < 400) {
    await until(() => seen.api.watches === 1);
    times.push(performance.now());
    put(seen.api, "a", times.length);
    await until(() => seen.set.get("a") === times.length);
    seen.api.expire();
  }
  assert.ok(times.length < 20, `${times.length} watches`);
  assert.equal(seen.watch.condition().reason, "expired");
});

test("a right to list and none to watch: asked ever more slowly, and what is listed counts", async (t) => {
  const seen = await open(t);
  let calls = 0;
  const timer = setInterval(() => seen.api.watches > 0 && seen.api.event("ERROR", { kind: "Status", code: 403 }), 2);
  t.after(() => clearInterval(timer));
  await until(() => seen.watch.condition().reason === "forbidden");
  await new Promise((resolve) => setTimeout(resolve, 300));
  calls = seen.api.requests.length;
  assert.ok(calls < 40, `${calls} requests`);
  put(seen.api, "c", 1);
  await until(() => seen.set.has("c"));
  assert.deepEqual(seen.conditions, ["synced", "degraded forbidden", "synced", "degraded forbidden"]);
});

test("INV-KUBE-CALM: a Retry-After of minutes does not keep us from learning what was taken back", async (t) => {
  const seen = await open(t, { times: { longestStated: millis(60) } });
  seen.api.throttle(2, 999_999_999);
  seen.api.dropWatches();
  seen.api.remove(`${PATH}/a`);
  await until(() => !seen.set.has("a"));
});

test("a watch that was silent, and too many objects to list: what is followed goes on", async (t) => {
  const seen = await open(t, { maximumObjects: 2, times: { idle: millis(100), slowRetry: millis(60_000) } });
  seen.api.silence();
  put(seen.api, "c", 1);
  seen.api.remove(`${PATH}/a`);
  put(seen.api, "d", 1);
  await until(() => !seen.set.has("a"), "a was taken back");
  assert.ok(seen.conditions.includes("degraded too_many_objects"));
});

test("where there were too many objects, the end of the watch is followed by a list", async (t) => {
  const seen = await open(t, { maximumObjects: 2, times: { slowRetry: millis(20) } });
  put(seen.api, "c", 1);
  await until(() => seen.watch.condition().reason === "too_many_objects");
  // There is no room yet: what is followed goes on.
  seen.api.endWatches();
  await until(() => seen.api.watches === 1);
  put(seen.api, "a", 2);
  await until(() => seen.set.get("a") === 2);
  assert.equal(seen.watch.condition().reason, "too_many_objects");
  seen.api.remove(`${PATH}/b`);
  await until(() => !seen.set.has("b"));
  seen.api.endWatches();
  await until(() => seen.set.has("c"));
  await until(() => seen.watch.condition().state === "synced");
  assert.deepEqual(entries(seen), { a: 2, c: 1 });
});
