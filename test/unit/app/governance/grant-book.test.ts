import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Json } from "../../../../router/core/json/json.ts";
import { approval, type ApprovalText, BookWorld, CALL, HOUR, MINUTE, NOON } from "./approvals-fixture.ts";

const JOURNAL = "approvals.journal";

test("without approvals nothing is found, and nothing hashed", () => {
  using world = new BookWorld();
  const action = { kind: "tool" } as never;
  assert.equal(world.book.find(action), undefined);
});

const inForce: readonly (readonly [name: string, given: ApprovalText, after: number, expected: boolean])[] = [
  ["an approved one", {}, 0, true],
  ["one that nobody answered", { status: "none" }, 0, false],
  ["one that was denied", { status: "False" }, 0, false],
  ["one that is revoked", { revoked: true }, 0, false],
  ["one until its end", { bounds: "duration: 10m" }, 10 * MINUTE - 1_001, true],
  ["one at its end", { bounds: "duration: 10m" }, 10 * MINUTE - 1_000, false],
  ["one without a time, until the policy's", {}, HOUR - 1_001, true],
  ["one without a time, at the policy's", {}, HOUR - 1_000, false],
  ["one that is longer than the policy lets it", { bounds: "duration: 24h" }, HOUR - 1_000, false],
  ["one that was approved a minute from now", { at: NOON + 1_000 + MINUTE }, 0, true],
  ["one that was approved later than that", { at: NOON + 1_000 + MINUTE + 1 }, 0, false],
  ["one that was approved long ago", { at: NOON - HOUR }, 0, false],
];
for (const [name, given, after, expected] of inForce) {
  test(`${name}: ${expected ? "found" : "not found"}`, () => {
    using world = new BookWorld();
    world.pass(after);
    world.book.apply("files", [approval(given)]);
    assert.equal(world.act(), expected);
  });
}

const others: readonly (readonly [name: string, action: Json, expected: boolean])[] = [
  ["arguments in another order", { ...(CALL as object), arguments: { n: 1, title: "x" } }, true],
  ["another argument", { ...(CALL as object), arguments: { title: "x", n: 2 } }, false],
  ["another tool", { ...(CALL as object), tool: "close_issue" }, false],
  ["no arguments", { kind: "tool", server: "github", tool: "create_issue" }, false],
];
for (const [name, action, expected] of others) {
  test(`INV-GOV-GRANT-EXACT: ${name}: ${expected ? "granted" : "not granted"}`, () => {
    using world = new BookWorld();
    world.book.apply("files", [approval()]);
    assert.equal(world.act(action), expected);
  });
}

test("INV-GOV-GRANT-USES: of two who found the same single use, one gets it", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval()]);
  const [one, other] = [world.find() ?? "", world.find() ?? ""];
  assert.equal(one, other);
  assert.deepEqual([world.book.use(one), world.book.use(other)], [true, false]);
  assert.equal(world.find(), "expired");
  assert.ok(world.book.stands(one), "what rests on the use goes on");
  assert.deepEqual(world.news, ["granted one", "used one", "used_up one"]);
});

const rewrites: readonly (readonly [name: string, again: ApprovalText, expected: boolean])[] = [
  ["the file is put back", {}, false],
  ["the file is rewritten with another reason for whom", { target: "{ agent: a }" }, false],
  ["a time is written into it", { bounds: "uses: 1, duration: 1h" }, false],
  ["it was approved anew", { at: NOON + 500 }, true],
  ["it is another approval", { name: "two" }, true],
];
for (const [name, again, expected] of rewrites) {
  for (const restarts of [false, true]) {
    test(`INV-GOV-GRANT-USES: ${name}${restarts ? " after a restart" : ""}: ${expected ? "a new use" : "no use comes back"}`, () => {
      using world = new BookWorld();
      world.book.apply("files", [approval()]);
      assert.ok(world.act());
      world.book.apply("files", []);
      if (restarts) world.restart();
      world.book.apply("files", [approval(again)]);
      assert.equal(world.act(), expected);
    });
  }
}

test("INV-GOV-GRANT-USES: uses are counted over restarts, one by one", () => {
  using world = new BookWorld();
  for (let use = 1; use <= 3; use += 1) {
    world.book.apply("files", [approval({ bounds: "uses: 3" })]);
    assert.equal(world.book.status()[0]?.left, 4 - use);
    assert.ok(world.act());
    world.restart();
  }
  world.book.apply("files", [approval({ bounds: "uses: 3" })]);
  assert.equal(world.act(), false);
});

const damages: readonly (readonly [name: string, damage: (path: string) => void])[] = [
  [
    "a changed digit",
    (path) => writeFileSync(path, readFileSync(path, "latin1").replace(/ 1 (?=[0-9]{13} [0-9]{13} )/, " 0 ")),
  ],
  [
    "a changed key",
    (path) =>
      writeFileSync(
        path,
        readFileSync(path, "latin1").replace(/\n(.)/, (_, one) => `\n${one === "0" ? "1" : "0"}`),
      ),
  ],
  ["a line that is gone", (path) => writeFileSync(path, readFileSync(path, "latin1").replace(/.*\n/, ""))],
  ["a line twice", (path) => writeFileSync(path, readFileSync(path, "latin1").replace(/(.*\n)$/, "$1$1"))],
  ["nothing in it", (path) => writeFileSync(path, "")],
  ["something else", (path) => writeFileSync(path, "hello\n")],
  ["no file any more", (path) => unlinkSync(path)],
  ["too much", (path) => writeFileSync(path, Buffer.alloc(5_000_000, 0x61))],
];
for (const [name, damage] of damages) {
  test(`INV-GOV-GRANT-USES: a journal with ${name}: no counted approval counts`, () => {
    using world = new BookWorld();
    world.book.apply("files", [approval()]);
    assert.ok(world.act());
    damage(join(world.directory, JOURNAL));
    world.restart();
    const counted = approval({ name: "new" });
    const timed = approval({ name: "timed", bounds: "duration: 10m", action: { kind: "admin", operation: "look" } });
    world.book.apply("files", [counted, timed]);
    assert.equal(world.act(), false);
    assert.ok(world.act({ kind: "admin", operation: "look" }), "what is not counted needs no journal");
  });
}

test("a journal of before its epoch file was there counts, and gets one with the next use", () => {
  using world = new BookWorld();
  const epoch = join(world.directory, "approvals.epoch");
  world.restart();
  assert.ok(world.journal.readable, "nothing was ever used");
  world.book.apply("files", [approval({ bounds: "uses: 2" })]);
  assert.ok(world.act());
  unlinkSync(epoch);
  world.restart();
  world.book.apply("files", [approval({ bounds: "uses: 2" })]);
  assert.ok(world.act());
  assert.ok(existsSync(epoch));
  unlinkSync(epoch);
  mkdirSync(epoch);
  unlinkSync(join(world.directory, JOURNAL));
  world.restart();
  assert.equal(world.journal.readable, false, "whatever lies there");
});

test("the end of a line that was torn was never given: the rest counts", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval({ bounds: "uses: 2" })]);
  assert.ok(world.act());
  const path = join(world.directory, JOURNAL);
  writeFileSync(path, `${readFileSync(path, "latin1")}0123456789abcdef 2 17`);
  world.restart();
  world.book.apply("files", [approval({ bounds: "uses: 2" })]);
  assert.deepEqual([world.act(), world.act()], [true, false]);
  world.restart();
  world.book.apply("files", [approval({ bounds: "uses: 2" })]);
  assert.equal(world.act(), false);
});

test("INV-GOV-GRANT-USES: a use that cannot be made durable is not given", () => {
  using world = new BookWorld();
  const place = join(world.directory, `${JOURNAL}.new`);
  mkdirSync(place);
  world.book.apply("files", [approval()]);
  assert.equal(world.act(), false);
  assert.deepEqual([world.failures, world.news], [2, ["granted one"]], "its beginning was not either");
  rmdirSync(place);
  assert.deepEqual([world.act(), world.act()], [true, false]);

  const twice = { name: "twice", bounds: "uses: 2", action: { kind: "admin", operation: "x" } };
  world.book.apply("files", [approval(twice)]);
  assert.ok(world.act(twice.action));
  world.journal.close();
  mkdirSync(place);
  assert.equal(world.act(twice.action), false);
  rmdirSync(place);
  assert.deepEqual([world.act(twice.action), world.act(twice.action)], [true, false], "what was not given is left");
});

test("INV-GOV-GRANT-END: revoked, removed or denied: over at once, and said so", () => {
  const ends: readonly (readonly [ApprovalText | undefined, string])[] = [
    [undefined, "revoked one"],
    [{ bounds: "duration: 10m", revoked: true }, "revoked one"],
    [{ bounds: "duration: 10m", status: "False" }, "revoked one"],
    [{ bounds: "duration: 10m", status: "none" }, "revoked one"],
  ];
  for (const [next, expected] of ends) {
    using world = new BookWorld();
    world.book.apply("files", [approval({ bounds: "duration: 10m" })]);
    const id = world.find() ?? "";
    assert.ok(world.book.use(id) && world.book.stands(id));
    world.book.apply("files", next === undefined ? [] : [approval(next)]);
    assert.deepEqual([world.book.stands(id), world.book.use(id), world.find()], [false, false, "expired"]);
    assert.equal(world.ended, 1);
    assert.deepEqual(world.news, ["granted one", "used one", expected]);
  }
});

test("INV-GOV-GRANT-END: another approval under the name of one carries nothing on", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval({ bounds: "duration: 10m" })]);
  const id = world.find() ?? "";
  world.book.apply("files", [approval({ bounds: "duration: 10m", action: { kind: "admin", operation: "x" } })]);
  assert.equal(world.book.stands(id), false);
});

const steps: readonly (readonly [name: string, wall: number, steady: number, expected: boolean])[] = [
  ["the clock set back by an hour, and the time passed", -HOUR, 10 * MINUTE, false],
  ["the clock set back by an hour, before that", -HOUR, 5 * MINUTE, true],
  ["the clock set forward", 10 * MINUTE, 0, false],
  ["the clock stopped, and the time passed", 0, 10 * MINUTE, false],
];
for (const [name, wall, steady, expected] of steps) {
  test(`INV-GOV-GRANT-END: ${name}: ${expected ? "stands" : "over"}`, () => {
    using world = new BookWorld();
    world.book.apply("files", [approval({ bounds: "duration: 10m" })]);
    const id = world.find() ?? "";
    world.wall += wall;
    world.steady += steady;
    assert.equal(world.book.stands(id), expected);
    world.book.look();
    assert.equal(world.ended, expected ? 0 : 1);
    assert.equal(world.news.at(-1), expected ? "granted one" : "expired one");
  });
}

test("INV-GOV-GRANT-END: a clock that was ahead and is set back revives nothing, nor does a file that comes back", () => {
  using world = new BookWorld();
  const given = [approval({ bounds: "duration: 10m" })];
  world.book.apply("files", given);
  world.wall += 11 * MINUTE;
  world.book.look();
  world.wall -= 11 * MINUTE;
  world.book.look();
  assert.equal(world.find(), "expired");

  using stopped = new BookWorld();
  stopped.book.apply("files", given);
  stopped.steady += 9 * MINUTE;
  stopped.book.apply("files", []);
  stopped.steady += 2 * MINUTE;
  stopped.book.apply("files", given);
  assert.equal(stopped.find(), "expired");
});

test("INV-GOV-GRANT-END: the time that a use is known by is believed after a restart with the clock set back", () => {
  using world = new BookWorld();
  const given = approval({ bounds: "uses: 5, duration: 10m" });
  world.book.apply("files", [given]);
  assert.ok(world.act());
  world.pass(9 * MINUTE);
  assert.ok(world.act());
  world.wall -= HOUR;
  world.restart();
  world.book.apply("files", [given]);
  assert.ok(world.act());
  world.steady += MINUTE;
  assert.equal(world.act(), false);
});

const setBack: readonly (readonly [name: string, live: (world: BookWorld) => void])[] = [
  ["with its end seen by the wall clock", (world) => world.pass(11 * MINUTE)],
  ["with its end seen by the steady clock only", (world) => (world.steady += 11 * MINUTE)],
  ["with its end seen by a clock that was ahead", (world) => (world.wall += 11 * MINUTE)],
];
for (const [name, live] of setBack) {
  test(`INV-GOV-GRANT-END: what is not counted stays over after a restart with the clock set back, ${name}`, () => {
    using world = new BookWorld();
    const given = [approval({ bounds: "duration: 10m" })];
    world.book.apply("files", given);
    assert.ok(world.act());
    live(world);
    world.book.look();
    assert.equal(world.find(), "expired");
    world.wall = NOON + 1_000;
    world.restart();
    world.book.apply("files", given);
    assert.equal(world.find(), undefined);
  });
}

test("INV-GOV-GRANT-END: the time at which a grant begins is known after a restart", () => {
  using world = new BookWorld();
  const first = approval({ bounds: "duration: 10m" });
  world.book.apply("files", [first]);
  world.pass(9 * MINUTE);
  world.book.apply("files", [first, approval({ name: "two", bounds: "duration: 1h" })]);
  world.wall -= 9 * MINUTE;
  world.restart();
  world.book.apply("files", [first]);
  assert.ok(world.find());
  world.steady += MINUTE;
  assert.equal(world.find(), "expired", "nine minutes of ten were over");
});

test("a clock that is years ahead when a grant ends is not believed for ever", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval({ bounds: "duration: 10m" })]);
  world.wall += 10 * 365 * 24 * HOUR;
  world.book.look();
  world.book.apply("files", []);
  world.wall = NOON + 20 * MINUTE;
  world.restart();
  world.book.apply("files", [approval({ name: "new", bounds: "duration: 10m", at: NOON + 19 * MINUTE })]);
  assert.ok(world.act());
});

test("where the time cannot be kept, what is not counted is granted all the same", () => {
  using world = new BookWorld();
  mkdirSync(join(world.directory, `${JOURNAL}.new`));
  world.book.apply("files", [approval({ bounds: "duration: 10m" })]);
  assert.ok(world.act());
  assert.equal(world.failures, 1);
});

test("a policy that lets grants last less ends them, and one that lets them last more does not bring them back", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval({ bounds: "duration: 30m" })]);
  world.pass(20 * MINUTE);
  world.longest = 10 * MINUTE;
  world.book.look();
  assert.equal(world.find(), "expired");
  assert.equal(world.ended, 1);
  world.pass(11 * MINUTE);
  world.longest = HOUR;
  world.book.look();
  assert.equal(world.find(), "expired");
});

test("two approvals of the same action: each has its uses, and what is not counted goes first", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval({ name: "a" }), approval({ name: "b", bounds: "uses: 1, duration: 10m" })]);
  assert.match(world.find() ?? "", /^b@/);
  assert.deepEqual([world.act(), world.act(), world.act()], [true, true, false]);
  world.book.apply("more", [approval({ name: "c", bounds: "duration: 10m" })]);
  assert.ok(world.act() && world.act());
});

test("one approval from two sources counts once, and a revocation in one of them wins", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval()]);
  world.book.apply("watch", [approval()]);
  assert.deepEqual([world.book.size, world.act(), world.act()], [1, true, false]);
  world.book.apply("watch", [approval({ revoked: true })]);
  assert.equal(world.book.size, 0);
});

test("an operator's no stands until something grants it", () => {
  using world = new BookWorld();
  const no = approval({ status: "False" });
  world.book.apply("files", [no]);
  const told = world.news;
  world.book.look();
  assert.deepEqual(told, ["denied one"]);
  const digest = digestOf(world, no);
  assert.ok(world.book.isDenied(digest));
  world.book.apply("files", [no, approval({ name: "two" })]);
  assert.ok(!world.book.isDenied(digest));
});

function digestOf(world: BookWorld, given: ReturnType<typeof approval>): string {
  let digest = "";
  world.listeners.push((news) => (digest = news.digest));
  world.book.apply("other", [
    { ...given, name: "probe", answer: { approved: true, at: given.answer?.at ?? (0 as never) } },
  ]);
  world.book.apply("other", []);
  world.listeners.length = 0;
  return digest;
}

test("the journal of twelve hundred uses stays a small file", () => {
  using world = new BookWorld();
  for (let batch = 0; batch < 3; batch += 1) {
    world.book.apply("files", [approval({ name: `n${batch}`, bounds: "uses: 400" })]);
    for (let use = 0; use < 400; use += 1) assert.ok(world.act());
  }
  assert.ok(readFileSync(join(world.directory, JOURNAL)).length < 80_000);
  world.restart();
  world.book.apply("files", [approval({ name: "n2", bounds: "uses: 400" })]);
  assert.equal(world.act(), false);
});

test("INV-GOV-GRANT-END: an approver's clock that is ahead makes no approval last longer", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval({ at: world.wall + MINUTE, bounds: "duration: 5m" })]);
  world.pass(5 * MINUTE - 1);
  assert.ok(world.find() !== "expired");
  // Listed anew meanwhile: it does not begin anew.
  world.book.apply("files", [approval({ at: NOON + 1_000 + MINUTE, bounds: "duration: 5m" })]);
  world.pass(1);
  assert.equal(world.act(), false);
  world.book.apply("files", [approval({ at: NOON + 1_000 + MINUTE, bounds: "duration: 5m" })]);
  assert.equal(world.act(), false);
});

test("an approval of the year 9999 grants nothing until then", () => {
  using world = new BookWorld();
  world.book.apply("files", [approval({ at: Date.UTC(9999, 0), bounds: "duration: 24h" })]);
  world.pass(24 * HOUR);
  assert.equal(world.act(), false);
});
