import assert from "node:assert/strict";
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { feedServer, feedText } from "../../../fakes/feed-server.ts";
import { blocked, FeedWorld, until } from "./feed-world.ts";

const GOOD = Array.from({ length: 40 }, (_, index) => `bad${index}.example\n`).join("");

/** A world in which a feed was loaded and kept once, and whose publisher is gone. */
async function afterOneRun(): Promise<
  { readonly world: FeedWorld; readonly copy: string; readonly facts: string } & AsyncDisposable
> {
  const world = await FeedWorld.create();
  const server = await feedServer(feedText(GOOD, { etag: '"v1"' }));
  const lists = await world.open(world.feed({ name: "oisd", url: server.url() }));
  await until(lists, ([feed]) => feed?.state === "current");
  await lists.close();
  await server[Symbol.asyncDispose]();
  const [list, facts] = (await readdir(world.copies)).toSorted();
  assert.match(list ?? "", /^oisd\.[0-9a-f]{64}\.list$/);
  assert.equal(facts, "oisd.json");
  urlOfRun.set(world, server.url());
  return {
    world,
    copy: join(world.copies, list ?? ""),
    facts: join(world.copies, "oisd.json"),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

const urlOfRun = new WeakMap<FeedWorld, ReturnType<Awaited<ReturnType<typeof feedServer>>["url"]>>();

const feedOf = (world: FeedWorld, more: Parameters<FeedWorld["feed"]>[0] = { name: "oisd" }) =>
  world.feed({ url: urlOfRun.get(world), ...more });

test("INV-BLOCKLIST-KEEP: a restart without the network has the last good list at once, with its age", async () => {
  await using run = await afterOneRun();
  const { world } = run;
  world.resolves = false;
  world.ahead = 7_200_000;
  const lists = await world.open(feedOf(world));
  // Before anything was awaited.
  assert.deepEqual(blocked(lists, "bad7.example", "good.example"), ["oisd", undefined]);
  const [feed] = lists.status();
  assert.equal(feed?.from, "copy");
  assert.ok(feed.ageSeconds >= 7_200 && feed.ageSeconds < 7_300);
  await until(lists, ([one]) => one?.state === "failing" && /ENOTFOUND/.test(one.problem ?? ""));
  assert.match(lists.condition().reason, /last confirmed 2 h ago/);
  assert.deepEqual(blocked(lists, "bad7.example"), ["oisd"]);
});

test("a clock that was set back makes nothing younger than new, and age counts from then on", async () => {
  await using run = await afterOneRun();
  run.world.resolves = false;
  run.world.ahead = -7_200_000;
  const lists = await run.world.open(feedOf(run.world));
  assert.equal(lists.status()[0]?.ageSeconds, 0);
  run.world.ahead = -3_600_000;
  assert.ok((lists.status()[0]?.ageSeconds ?? 0) >= 3_600);
});

const damages: readonly (readonly [
  name: string,
  damage: (run: { copy: string; facts: string }) => Promise<unknown>,
  told: RegExp,
])[] = [
  [
    "one octet",
    async ({ copy }) => writeFile(copy, (await readFile(copy, "utf8")).replace("bad7.", "god7.")),
    /SHA-256 is not the one/,
  ],
  ["its end", ({ copy }) => truncate(copy, 100), /SHA-256 is not the one/],
  ["more at its end", ({ copy }) => appendFile(copy, "more.example\n"), /larger than allowed/],
  ["all of it", ({ copy }) => truncate(copy, 0), /SHA-256 is not the one/],
  ["the file itself", ({ copy }) => rm(copy), /not there/],
  [
    "a directory in its place",
    async ({ copy }) => {
      await rm(copy);
      await mkdir(copy);
    },
    /not a regular file/,
  ],
  ["what describes it", ({ facts }) => writeFile(facts, "{"), /damaged/],
  [
    "what describes it, with a path",
    async ({ facts }) =>
      writeFile(facts, (await readFile(facts, "utf8")).replace(/"digest":"[^"]*"/, '"digest":"../../etc/passwd"')),
    /damaged/,
  ],
  [
    "what describes it, with a length",
    async ({ facts }) => writeFile(facts, (await readFile(facts, "utf8")).replace(/"octets":\d+/, '"octets":1e9')),
    /larger than maximumBytes/,
  ],
  ["what describes it, far too long", ({ facts }) => writeFile(facts, "x".repeat(5_000)), /longer than 4096/],
];

for (const [name, damage, told] of damages) {
  test(`INV-BLOCKLIST-COPY: a copy that lost ${name} is refused, and told; the source is asked at once`, async () => {
    await using run = await afterOneRun();
    const { world } = run;
    await damage(run);
    world.resolves = false;
    const lists = await world.open(feedOf(world));
    assert.deepEqual(blocked(lists, "bad7.example", "more.example"), [undefined, undefined]);
    const refused = world.events.filter((event) => event.startsWith("warn blocklist copy refused oisd "));
    assert.equal(refused.length, 1);
    assert.match(refused[0] ?? "", told);
    assert.equal(lists.status()[0]?.state, "missing");
  });
}

test("a copy is of one source: of another URL, another format or another pinned digest it is not", async () => {
  await using run = await afterOneRun();
  const { world } = run;
  const url = urlOfRun.get(world);
  assert.ok(url !== undefined);
  world.resolves = false;
  for (const more of [
    { url: { ...url, path: "/other.txt" } },
    { format: "domains" as const },
    { sha256: "0".repeat(64) },
    { url: undefined, file: "/nonexistent" },
  ]) {
    const lists = await world.open(world.feed({ url, ...more, name: "oisd" }));
    assert.equal(lists.status()[0]?.state, "missing", JSON.stringify(more));
  }
  // It is not thrown away for that: the next start may be of the first configuration again.
  const lists = await world.open(feedOf(world));
  assert.deepEqual(blocked(lists, "bad7.example"), ["oisd"]);
});

test("what is kept of a feed that there is no more is removed; other files are nobody's business here", async () => {
  await using run = await afterOneRun();
  const orphan = `oisd.${"0".repeat(64)}.list`;
  for (const name of ["notes.txt", "gone.json", "gone.new", orphan]) await writeFile(join(run.world.copies, name), "");
  run.world.resolves = false;
  await run.world.open(feedOf(run.world));
  assert.deepEqual(
    (await readdir(run.world.copies)).toSorted(),
    [basename(run.copy), "notes.txt", "oisd.json"].toSorted(),
  );
  await run.world.open(run.world.feed({ name: "other", file: run.world.caFile }));
  const left = (await readdir(run.world.copies)).filter((name) => name.startsWith("oisd"));
  assert.deepEqual(left, []);
});

test("a newer list replaces the copy: one is kept, and it is the newest", async () => {
  await using world = await FeedWorld.create();
  await using server = await feedServer(feedText(GOOD));
  const lists = await world.open(world.feed({ name: "oisd", url: server.url() }));
  await until(lists, ([feed]) => feed?.state === "current");
  for (const round of [1, 2, 3]) {
    server.answer(feedText(`${GOOD}round${round}.example\n`));
    await until(lists, () => blocked(lists, `round${round}.example`)[0] === "oisd");
  }
  await lists.close();
  const names = (await readdir(world.copies)).toSorted();
  assert.equal(names.length, 2, names.join());
  assert.equal(await readFile(join(world.copies, names[0] ?? ""), "utf8"), `${GOOD}round3.example\n`);
});

test("where no copy can be written the list counts all the same, and it is told", async () => {
  await using world = await FeedWorld.create();
  await writeFile(world.copies, "in the way");
  await using server = await feedServer(feedText(GOOD));
  const lists = await world.open(world.feed({ name: "oisd", url: server.url() }));
  await until(lists, ([feed]) => feed?.state === "current");
  assert.deepEqual(blocked(lists, "bad7.example"), ["oisd"]);
  assert.equal(lists.condition().state, "degraded");
  assert.match(lists.condition().reason, /^oisd is not kept on the disk: /);
});

test("a file is read again when its ConfigMap is swapped; a broken one takes nothing away", async () => {
  await using world = await FeedWorld.create();
  const mount = join(world.directory, "mount");
  const write = async (version: string, text: string): Promise<void> => {
    await mkdir(join(mount, version), { recursive: true });
    await writeFile(join(mount, version, "list.txt"), text);
    await symlink(version, join(mount, "..data_tmp"));
    await rename(join(mount, "..data_tmp"), join(mount, "..data"));
  };
  await write("..1", "0.0.0.0 one.example\n0.0.0.0 two.example\n0.0.0.0 three.example\n");
  await symlink("..data/list.txt", join(mount, "list.txt"));
  const lists = await world.open(world.feed({ name: "own", file: join(mount, "list.txt") }));
  assert.deepEqual(blocked(lists, "one.example", "x.one.example"), ["own", undefined]);
  assert.equal(lists.condition().state, "ok");
  // A ConfigMap is its owner's word: it may shrink.
  await write("..2", "0.0.0.0 four.example\n");
  await until(lists, ([feed]) => feed?.entries === 1 && feed.state === "current");
  assert.deepEqual(blocked(lists, "one.example", "four.example"), [undefined, "own"]);
  await write("..3", "<html>");
  await until(lists, ([feed]) => feed?.state === "failing");
  assert.deepEqual(blocked(lists, "four.example"), ["own"]);
  await rm(join(mount, "..data"));
  // And a restart meanwhile: the copy stands in for the file.
  const again = await world.open(world.feed({ name: "own", file: join(mount, "list.txt") }));
  assert.deepEqual(blocked(again, "four.example"), ["own"]);
  assert.equal(again.status()[0]?.state, "failing");
  assert.equal(again.status()[0]?.from, "copy");
});

for (const [name, make] of [
  ["a directory", (path: string) => mkdir(path)],
  ["nothing", async () => undefined],
  ["a device without end", (path: string) => symlink("/dev/zero", path)],
  ["a link to itself", (path: string) => symlink(path, path)],
] as const) {
  test(`a feed whose file is ${name} is never loaded, and holds nothing up`, async () => {
    await using world = await FeedWorld.create();
    const path = join(world.directory, "list");
    await make(path);
    const lists = await world.open(world.feed({ name: "own", file: path }));
    assert.equal(lists.status()[0]?.state, "missing");
    assert.equal(lists.condition().state, "degraded");
  });
}

test("without feeds there is nothing: no condition, no directory", async () => {
  await using world = await FeedWorld.create();
  const lists = await world.open();
  assert.deepEqual(lists.condition(), { name: "blocklists", state: "ok", reason: "" });
  assert.deepEqual(blocked(lists, "bad1.example"), [undefined]);
  assert.deepEqual((await readdir(world.directory)).toSorted(), ["ca.pem"]);
});

test("INV-BLOCKLIST-ROOM: copies never take more room than they may: what is too much counts, and is not kept", async () => {
  await using world = await FeedWorld.create();
  // For one list and the draft of the next, of the same size.
  world.space = 2 * GOOD.length + 20;
  await using server = await feedServer(feedText(GOOD));
  const lists = await world.open(world.feed({ name: "oisd", url: server.url() }));
  await until(lists, ([feed]) => feed?.state === "current");
  for (const round of [1, 2, 3, 4]) {
    server.answer(feedText(`${GOOD}r${round}.example\n`.slice(10)));
    await until(lists, () => blocked(lists, `r${round}.example`)[0] === "oisd");
  }
  await until(lists, ([feed]) => feed?.state === "current");
  assert.equal(lists.status()[0]?.copyProblem, undefined);

  server.answer(feedText(`${GOOD}${GOOD.replaceAll("bad", "worse")}`));
  await until(lists, ([feed]) => feed?.entries === 80);
  assert.match(lists.status()[0]?.copyProblem ?? "", /no more room for copies/);
  assert.deepEqual(blocked(lists, "worse3.example"), ["oisd"]);
  await lists.close();
  let octets = 0;
  for (const name of await readdir(world.copies)) {
    if (!name.endsWith(".json")) octets += (await stat(join(world.copies, name))).size;
  }
  assert.ok(octets > 0 && octets <= world.space, `${octets}`);

  server.answer(feedText(`${GOOD}r5.example\n`.slice(10)));
  const again = await world.open(world.feed({ name: "oisd", url: server.url() }));
  await until(again, ([feed]) => feed?.state === "current" && feed.copyProblem === undefined);
});
