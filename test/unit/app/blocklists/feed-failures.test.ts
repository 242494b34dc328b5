import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type Bytes } from "../../../../router/core/base/quantity.ts";
import type { BlocklistConfig } from "../../../../router/core/config/router-config.ts";
import { type FeedHandler, feedServer, feedText } from "../../../fakes/feed-server.ts";
import { blocked, FeedWorld, until } from "./feed-world.ts";

const GOOD = `# a list\n${Array.from({ length: 40 }, (_, index) => `bad${index}.example`).join("\n")}\n`;
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What a publisher may come to answer, and what is said about it. */
const rows: readonly (readonly [
  name: string,
  handler: FeedHandler,
  problem: RegExp,
  more?: Partial<BlocklistConfig>,
])[] = [
  ["an error", (_, response) => response.writeHead(503).end(), /status 503/],
  ["a redirect", (_, r) => r.writeHead(301, { location: "/other" }).end(), /redirects are not followed/],
  [
    "a page of HTML",
    feedText("<html>\n<body>\n<h1>Blocked by proxy</h1>\n</body>\n</html>\n"),
    /Of 5 entries, 5 are no names/,
  ],
  ["a page of one word", feedText("maintenance\n"), /Nothing is listed/],
  ["nothing", feedText(""), /Nothing is listed/],
  ["comments only", feedText("# expired\n"), /Nothing is listed/],
  ["a list that shrank", feedText("bad1.example\nbad2.example\n"), /It lists 2 where 40 stand/],
  [
    "a list that was cut",
    (_, r) => {
      r.writeHead(200, { "content-length": GOOD.length });
      r.write(GOOD.slice(0, 300), () => r.destroy());
    },
    /ECONNRESET/,
  ],
  [
    "a list that drips",
    (_, r) => {
      const timer = setInterval(() => r.write("a.example\n"), 20);
      r.on("close", () => clearInterval(timer));
    },
    /not whole within 400 ms/,
  ],
  [
    "a list without end",
    (_, r) => {
      const more = (): void => {
        while (r.write("more.example\n".repeat(500)) && !r.destroyed);
      };
      r.on("drain", more);
      more();
    },
    /more than 100000 octets/,
  ],
  ["silence", () => undefined, /no answer within 200 ms/],
  ["gzip", feedText("x", { "content-encoding": "gzip" }), /content coding/],
];

for (const [name, handler, problem] of rows) {
  test(`INV-BLOCKLIST-KEEP: ${name} takes nothing from what stands, and is told`, async () => {
    await using world = await FeedWorld.create();
    await using server = await feedServer(feedText(GOOD));
    const lists = await world.open(world.feed({ name: "oisd", url: server.url() }));
    await until(lists, ([feed]) => feed?.state === "current");
    let changes = 0;
    lists.onChange(() => (changes += 1));
    server.answer(handler);
    await until(lists, ([feed]) => feed?.state === "failing");
    const [feed] = lists.status();
    assert.match(feed?.problem ?? "", problem);
    assert.equal(feed?.entries, 40);
    assert.deepEqual(blocked(lists, "bad1.example", "x.bad39.example", "a.example", "more.example"), [
      "oisd",
      "oisd",
      undefined,
      undefined,
    ]);
    assert.equal(changes, 0);
    const { state, reason } = lists.condition();
    assert.equal(state, "degraded");
    assert.match(reason, /^oisd: 40 entries stand, last confirmed \d+ s ago: /);

    server.answer(feedText(`${GOOD}new.example\n`));
    await until(lists, ([one]) => one?.state === "current");
    assert.deepEqual(blocked(lists, "bad1.example", "new.example"), ["oisd", "oisd"]);
    assert.equal(changes, 1);
    assert.equal(lists.condition().state, "ok");
  });
}

for (const [name, more, problem] of [
  ["the pinned SHA-256 of another list", { sha256: sha256("another") }, /SHA-256 is [0-9a-f]{64}, and not/],
  ["more octets than allowed", { maximumBytes: 100 as Bytes }, /more than 100 octets/],
  ["a CA file that is not there", { caFile: "/nonexistent/ca.pem" }, /cannot be read/],
  ["certificates of nobody it trusts", { caFile: undefined }, /UNABLE_TO_VERIFY/],
  ["a format that it has not", { format: "hosts" }, /Of 40 entries, 40 are no names/],
] as const) {
  test(`a feed with ${name} is never loaded: loudly, and nothing else is blocked for it`, async () => {
    await using world = await FeedWorld.create();
    await using server = await feedServer(feedText(GOOD));
    const lists = await world.open(world.feed({ name: "oisd", url: server.url(), ...more }));
    await until(lists, ([feed]) => problem.test(feed?.problem ?? ""));
    const [feed] = lists.status();
    assert.deepEqual([feed?.state, feed?.entries, feed?.digest], ["missing", 0, undefined]);
    assert.deepEqual(blocked(lists, "bad1.example"), [undefined]);
    assert.equal(lists.condition().state, "degraded");
    assert.match(lists.condition().reason, /^oisd WAS NEVER LOADED and blocks nothing: /);
  });
}

test("a pinned feed is taken once and not asked for again", async () => {
  await using world = await FeedWorld.create();
  await using server = await feedServer(feedText(GOOD));
  const lists = await world.open(world.feed({ name: "oisd", url: server.url(), sha256: sha256(GOOD) }));
  await until(lists, ([feed]) => feed?.state === "current" && feed.copyProblem === undefined);
  server.answer((_, response) => response.writeHead(500).end());
  const asked = server.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 350));
  assert.equal(lists.status()[0]?.state, "current");
  assert.ok(server.requests.length <= asked + 1);
});

test("a published SHA-256 is asked for first; the feed only where it is another", async () => {
  await using world = await FeedWorld.create();
  let text = GOOD;
  let digest = sha256(GOOD);
  await using server = await feedServer((request, response) => {
    feedText(request.url === "/sum" ? `SHA256 (list.txt) = ${digest.toUpperCase()}\n` : text)(request, response);
  });
  const lists = await world.open(world.feed({ name: "oisd", url: server.url(), sha256Url: server.url("/sum") }));
  await until(lists, ([feed]) => feed?.state === "current");
  const lists1 = server.requests.filter(({ url }) => url === "/list.txt").length;
  await until(lists, () => server.requests.filter(({ url }) => url === "/sum").length > 4);
  assert.ok(server.requests.filter(({ url }) => url === "/list.txt").length <= lists1 + 1);

  text = "tampered.example\n".repeat(40);
  digest = sha256("not that");
  await until(lists, ([feed]) => feed?.state === "failing");
  assert.match(lists.status()[0]?.problem ?? "", /The feed's SHA-256 is/);
  assert.deepEqual(blocked(lists, "bad1.example", "tampered.example"), ["oisd", undefined]);

  // What the digest vouches for may be as little as it is.
  text = "only.example\n";
  digest = sha256(text);
  await until(lists, ([feed]) => feed?.state === "current");
  assert.deepEqual(blocked(lists, "bad1.example", "only.example"), [undefined, "oisd"]);

  digest = "no digest";
  await until(lists, ([feed]) => feed?.state === "failing");
  assert.match(lists.status()[0]?.problem ?? "", /What should be the SHA-256/);
});

test("304 confirms what stands; the ETag is sent back as it came", async () => {
  await using world = await FeedWorld.create();
  await using server = await feedServer((request, response) => {
    if (request.headers["if-none-match"] === '"v1"') response.writeHead(304).end();
    else feedText(GOOD, { etag: '"v1"' })(request, response);
  });
  const lists = await world.open(world.feed({ name: "oisd", url: server.url() }));
  await until(lists, () => server.requests.filter(({ headers }) => headers["if-none-match"] === '"v1"').length > 2);
  const [feed] = lists.status();
  assert.deepEqual([feed?.state, feed?.entries, feed?.ageSeconds], ["current", 40, 0]);
});

test("two feeds are one list: a failing one takes nothing from the other", async () => {
  await using world = await FeedWorld.create();
  await using one = await feedServer(feedText("one.example\nboth.example\n"));
  await using other = await feedServer(feedText("0.0.0.0 other.example both.example\n0.0.0.0 198.51.100.7\n"));
  const lists = await world.open(
    world.feed({ name: "one", url: one.url() }),
    world.feed({ name: "other", url: other.url(), format: "hosts" }),
  );
  await until(lists, (feeds) => feeds.every(({ state }) => state === "current"));
  const hosts = ["one.example", "x.one.example", "other.example", "x.other.example", "both.example", "198.51.100.7"];
  const expected = ["one", "one", "other", undefined, "one", "other"];
  assert.deepEqual(blocked(lists, ...hosts), expected);
  other.answer((_, response) => response.writeHead(404).end());
  await until(lists, (feeds) => feeds[1]?.state === "failing");
  assert.deepEqual(blocked(lists, ...hosts), expected);
  assert.match(lists.condition().reason, /^other: 3 entries stand/);
});
