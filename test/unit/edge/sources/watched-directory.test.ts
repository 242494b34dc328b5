import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  renameSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { DocumentProblem } from "../../../../router/core/base/problem.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import type { ChangeHints } from "../../../../router/edge/sources/change-hints.ts";
import type { DirectoryListing } from "../../../../router/edge/sources/directory-listing.ts";
import { watchDirectory, type WatchedDirectory } from "../../../../router/edge/sources/watched-directory.ts";

/** Never says anything: what is found is found by polling. */
const deaf: ChangeHints = () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() });
/** In memory where that exists: the tests make thousands of directories. */
const BASE = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
/** Polling never comes: what is found is found through events. */
const NEVER = 600_000;

class Observed {
  readonly listings: Readonly<Record<string, string>>[] = [];
  readonly problems: (readonly string[])[] = [];
  readonly events: (string | undefined)[] = [];
  readonly directory: string;
  #watch: WatchedDirectory | undefined;

  constructor(context: TestContext) {
    this.directory = join(mkdtempSync(join(BASE, "sluice-watch-")), "policy");
    mkdirSync(this.directory);
    context.after(async () => {
      await this.#watch?.[Symbol.asyncDispose]();
      rmSync(join(this.directory, ".."), { recursive: true, force: true });
    });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Starts the watch, and gives the first listing, or the codes of what is wrong. */
  async begin(options: {
    readonly poll: number;
    readonly settle?: number;
    readonly hints?: ChangeHints;
    onChange?(): Promise<void>;
  }): Promise<Readonly<Record<string, string>> | readonly string[]> {
    this.#watch = watchDirectory(
      this.directory,
      {
        accept: (name) => name.endsWith(".yaml"),
        maximumBytes: 1000,
        maximumTotalBytes: 10_000,
        pollInterval: millis(options.poll),
        settle: millis(options.settle ?? 30),
        onChange: async (listing) => {
          this.listings.push(contents(listing));
          await options.onChange?.();
        },
        onProblem: (problems) => this.problems.push(problems.map(code)),
        onEvents: (problem) => this.events.push(problem?.code),
      },
      ...(options.hints === undefined ? [] : [options.hints]),
    );
    const first = await this.#watch.initial();
    return first.ok ? contents(first.value) : first.problem.map(code);
  }

  /** As the kubelet does it: new directory, new link, rename over `..data`, visible links, old directory away. */
  swap(stamp: string, files: Readonly<Record<string, string>>): void {
    const data = this.path("..data");
    const old = existsSync(data) ? readlinkSync(data) : undefined;
    mkdirSync(this.path(`..${stamp}`));
    for (const [name, text] of Object.entries(files)) writeFileSync(this.path(`..${stamp}/${name}`), text);
    symlinkSync(`..${stamp}`, this.path("..data_tmp"));
    renameSync(this.path("..data_tmp"), data);
    for (const name of Object.keys(files)) {
      if (!existsSync(this.path(name))) symlinkSync(`..data/${name}`, this.path(name));
    }
    if (old !== undefined) rmSync(this.path(old), { recursive: true });
  }

  /** Waits until the last listing is this one; gives how many milliseconds that took. */
  sees(expected: Readonly<Record<string, string>>, within = 3000): Promise<number> {
    return this.until(() => JSON.stringify(this.listings.at(-1)) === JSON.stringify(expected), within);
  }

  async until(holds: () => boolean, within = 3000): Promise<number> {
    const from = performance.now();
    while (!holds()) {
      if (performance.now() - from > within) {
        assert.fail(
          `not within ${within} ms; listings ${JSON.stringify(this.listings)}, problems ${JSON.stringify(this.problems)}`,
        );
      }
      await delay(2);
    }
    return performance.now() - from;
  }
}

const code = (problem: DocumentProblem): string => problem.code;
const contents = (listing: DirectoryListing): Readonly<Record<string, string>> =>
  Object.fromEntries([...listing.files].map(([name, file]) => [name, file.bytes.toString()]));

/** Until events are being listened to. */
const attached = (): Promise<void> => delay(150);

test("a ConfigMap's swap is seen through events, whole, and usually within 200 ms", async (context) => {
  const seen = new Observed(context);
  seen.swap("2026_1", { "a.yaml": "1", "b.yaml": "1" });
  assert.deepEqual(await seen.begin({ poll: NEVER }), { "a.yaml": "1", "b.yaml": "1" });
  await attached();
  const took: number[] = [];
  for (const stamp of ["2", "3", "4", "5", "6"]) {
    seen.swap(`2026_${stamp}`, { "a.yaml": stamp, "b.yaml": stamp });
    took.push(await seen.sees({ "a.yaml": stamp, "b.yaml": stamp }));
  }
  assert.equal(seen.listings.length, 5);
  const median = took.toSorted((one, other) => one - other)[2] ?? Infinity;
  assert.ok(median < 200, `${took.join(", ")} ms`);
});

test("a ConfigMap that loses and gains keys is never seen in between", async (context) => {
  const seen = new Observed(context);
  seen.swap("2026_1", { "a.yaml": "1" });
  await seen.begin({ poll: 5, settle: 0 });
  for (let round = 0; round < 30; round += 1) {
    seen.swap(`x_${round}`, round % 2 === 0 ? { "b.yaml": "2" } : { "a.yaml": "1" });
    await delay(3);
  }
  seen.swap("last", { "c.yaml": "3" });
  await seen.sees({ "c.yaml": "3" });
  for (const listing of seen.listings) assert.equal(Object.keys(listing).length, 1, JSON.stringify(listing));
  assert.deepEqual(seen.problems, []);
});

for (const [name, poll, hints] of [
  ["through events", NEVER, undefined],
  ["through polling alone", 20, deaf],
] as const) {
  test(`editors and administrators are followed ${name}`, async (context) => {
    const seen = new Observed(context);
    writeFileSync(seen.path("a.yaml"), "1");
    assert.deepEqual(await seen.begin({ poll, ...(hints === undefined ? {} : { hints }) }), { "a.yaml": "1" });
    await attached();

    writeFileSync(seen.path("a.yaml"), "2");
    await seen.sees({ "a.yaml": "2" });
    // vim: the old file is renamed away, and a new one written under the name.
    renameSync(seen.path("a.yaml"), seen.path("a.yaml~"));
    writeFileSync(seen.path("a.yaml"), "3");
    await seen.sees({ "a.yaml": "3" });
    // emacs, kubectl, this project: a temporary file renamed over the name.
    writeFileSync(seen.path(".a.yaml.tmp"), "4");
    renameSync(seen.path(".a.yaml.tmp"), seen.path("a.yaml"));
    await seen.sees({ "a.yaml": "4" });
    writeFileSync(seen.path("b.yaml"), "");
    await seen.sees({ "a.yaml": "4", "b.yaml": "" });
    rmSync(seen.path("a.yaml"));
    await seen.sees({ "b.yaml": "" });
    rmSync(seen.path("b.yaml"));
    await seen.sees({});
    assert.deepEqual(seen.problems, []);
    assert.equal(seen.listings.length, 6);
  });
}

test("the same size and the same modification time hide nothing", async (context) => {
  const seen = new Observed(context);
  writeFileSync(seen.path("a.yaml"), "allow");
  utimesSync(seen.path("a.yaml"), 1, 1);
  await seen.begin({ poll: 20, hints: deaf });
  writeFileSync(seen.path("a.yaml"), "denyy");
  utimesSync(seen.path("a.yaml"), 1, 1);
  await seen.sees({ "a.yaml": "denyy" });
});

test("touching, or writing the same again, delivers nothing", async (context) => {
  const seen = new Observed(context);
  writeFileSync(seen.path("a.yaml"), "1");
  await seen.begin({ poll: 20 });
  await attached();
  utimesSync(seen.path("a.yaml"), new Date(), new Date());
  writeFileSync(seen.path("other.txt"), "not a document");
  writeFileSync(seen.path("a.yaml"), "1");
  await delay(200);
  assert.deepEqual(seen.listings, []);
  assert.deepEqual(seen.problems, []);
});

test("a file that is being written counts when it has settled", async (context) => {
  const seen = new Observed(context);
  await seen.begin({ poll: 5, settle: 80 });
  await attached();
  for (let part = 0; part < 10; part += 1) {
    appendFileSync(seen.path("a.yaml"), `${part}`);
    await delay(15);
  }
  const whole = "0123456789";
  await seen.sees({ "a.yaml": whole });
  for (const listing of seen.listings) assert.ok(whole.startsWith(listing["a.yaml"] ?? "-"));
  // One, unless this machine stood still for longer than the file takes to settle.
  assert.ok(seen.listings.length < 4, JSON.stringify(seen.listings));
});

test("1,000 rapid swaps: never half a set, and the last one is not missed", async (context) => {
  const seen = new Observed(context);
  seen.swap("s_0", { "a.yaml": "0", "b.yaml": "0" });
  await seen.begin({ poll: NEVER });
  await attached();
  for (let round = 1; round <= 1000; round += 1) {
    seen.swap(`s_${round}`, { "a.yaml": `${round}`, "b.yaml": `${round}` });
    if (round % 50 === 0) await delay(1);
  }
  await seen.sees({ "a.yaml": "1000", "b.yaml": "1000" });
  for (const listing of seen.listings) assert.equal(listing["a.yaml"], listing["b.yaml"]);
});

test("a directory that appears later, vanishes and comes back", async (context) => {
  const seen = new Observed(context);
  rmSync(seen.directory, { recursive: true });
  assert.deepEqual(await seen.begin({ poll: 30 }), ["directory_missing"]);
  mkdirSync(seen.directory);
  writeFileSync(seen.path("a.yaml"), "1");
  await seen.sees({ "a.yaml": "1" });
  assert.deepEqual(seen.problems, [[]]);
  await attached();
  rmSync(seen.directory, { recursive: true });
  await seen.until(() => seen.problems.length === 2);
  assert.deepEqual(seen.problems.at(-1), ["directory_missing"]);
  mkdirSync(seen.directory);
  writeFileSync(seen.path("a.yaml"), "1");
  await seen.until(() => seen.problems.length === 3);
  assert.deepEqual(seen.problems.at(-1), []);
  assert.deepEqual(seen.listings, [{ "a.yaml": "1" }], "what was delivered before is not delivered again");
  writeFileSync(seen.path("a.yaml"), "2");
  await seen.sees({ "a.yaml": "2" });
});

test("events work again for a directory that was replaced", async (context) => {
  const seen = new Observed(context);
  let attachments = 0;
  const wakes: (() => void)[] = [];
  const hints: ChangeHints = (_directory, wake) => {
    attachments += 1;
    wakes.push(wake);
    return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() });
  };
  await seen.begin({ poll: 20, hints });
  await seen.until(() => attachments === 1);
  renameSync(seen.directory, `${seen.directory}-old`);
  mkdirSync(seen.directory);
  await seen.until(() => attachments === 2);
});

test("INV-SRC-2: a set that cannot be read whole is not delivered; the problem is told once, and its end", async (context) => {
  const seen = new Observed(context);
  writeFileSync(seen.path("a.yaml"), "1");
  await seen.begin({ poll: 20 });
  mkdirSync(seen.path("b.yaml"));
  writeFileSync(seen.path("a.yaml"), "2");
  await seen.until(() => seen.problems.length === 1);
  await delay(150);
  assert.deepEqual(seen.problems, [["not_a_regular_file"]]);
  assert.deepEqual(seen.listings, []);
  rmdirSync(seen.path("b.yaml"));
  await seen.sees({ "a.yaml": "2" });
  assert.deepEqual(seen.problems, [["not_a_regular_file"], []]);
});

test("permission that is lost and given back", async (context) => {
  const seen = new Observed(context);
  writeFileSync(seen.path("a.yaml"), "1");
  // Root reads everything: this test looks with another user's eyes.
  const root = process.getuid?.() === 0;
  chmodSync(join(seen.directory, ".."), 0o755);
  await seen.begin({ poll: 20, hints: deaf });
  if (root) process.seteuid?.(65_533);
  try {
    if (!root) chmodSync(seen.path("a.yaml"), 0o000);
    else {
      process.seteuid?.(0);
      chmodSync(seen.path("a.yaml"), 0o000);
      process.seteuid?.(65_533);
    }
    await seen.until(() => seen.problems.length === 1);
    assert.deepEqual(seen.problems, [["file_unreadable"]]);
  } finally {
    if (root) process.seteuid?.(0);
  }
  chmodSync(seen.path("a.yaml"), 0o644);
  await seen.until(() => seen.problems.length === 2);
  assert.deepEqual([seen.problems.at(-1), seen.listings], [[], []]);
});

test("a watcher that cannot start, dies or hangs costs only speed", async (context) => {
  const rows: readonly (readonly [string, ChangeHints, readonly string[]])[] = [
    ["it cannot start", () => Promise.reject(new Error("EMFILE")), ["events_unavailable"]],
    [
      "it throws",
      () => {
        throw new Error("no such module");
      },
      ["events_unavailable"],
    ],
    ["it never answers", () => new Promise(() => undefined), []],
    [
      "it dies at once, again and again",
      (_directory, _wake, failed) => {
        setImmediate(() => failed("inotify is gone"));
        return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.reject(new Error("cannot close either")) });
      },
      ["events_unavailable"],
    ],
    [
      "it never stops waking",
      (_directory, wake) => {
        const timer = setInterval(wake, 1);
        return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve(clearInterval(timer)) });
      },
      [],
    ],
  ];
  for (const [name, hints, events] of rows) {
    await context.test(name, async (inner) => {
      const seen = new Observed(inner);
      await seen.begin({ poll: 30, hints, settle: 10 });
      writeFileSync(seen.path("a.yaml"), "1");
      await seen.sees({ "a.yaml": "1" });
      await seen.until(() => seen.events.length >= events.length);
      assert.deepEqual(seen.events.slice(0, events.length), events);
      assert.deepEqual(seen.problems, []);
    });
  }
});

test("calls do not overlap: what changes during one follows it, newest only", async (context) => {
  const seen = new Observed(context);
  let running = 0;
  let overlapped = false;
  await seen.begin({
    poll: 5,
    settle: 5,
    onChange: async () => {
      running += 1;
      overlapped ||= running > 1;
      await delay(100);
      running -= 1;
    },
  });
  for (let round = 0; round < 10; round += 1) {
    writeFileSync(seen.path("a.yaml"), `${round}`);
    await delay(15);
  }
  await seen.sees({ "a.yaml": "9" });
  assert.equal(overlapped, false);
  assert.ok(seen.listings.length < 10, `${seen.listings.length} deliveries`);
});

test("nothing is called after disposal, and it does not wait for a hanging watcher", async (context) => {
  const seen = new Observed(context);
  const deliveries: DirectoryListing[] = [];
  const watch = watchDirectory(
    seen.directory,
    {
      accept: () => true,
      maximumBytes: 10,
      maximumTotalBytes: 10,
      pollInterval: millis(5),
      settle: millis(5),
      onChange: (listing) => void deliveries.push(listing),
      onProblem: () => assert.fail("no problem is expected"),
      onEvents: () => assert.fail("nothing of events is expected"),
    },
    () => new Promise(() => undefined),
  );
  await watch.initial();
  writeFileSync(seen.path("a"), "1");
  await watch[Symbol.asyncDispose]();
  await delay(50);
  assert.deepEqual(deliveries, []);
});
