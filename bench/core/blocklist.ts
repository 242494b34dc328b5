import { spawnSync } from "node:child_process";
import { buildBlocklist, type Blocklist } from "../../router/core/blocklist/blocklist.ts";
import type { FeedEntries } from "../../router/core/blocklist/feed-entries.ts";
import { FeedParser } from "../../router/core/blocklist/feed-parser.ts";
import type { HashSeed } from "../../router/core/blocklist/name-hash.ts";
import { type Host, parseHost } from "../../router/core/wire/host.ts";

/**
 * A million entries in two feeds: the memory they take, the time of one look-up of a host with all of its parents, and
 * the longest piece of work that reading and building do between two steps, garbage collection included. Run:
 * `node bench/core/blocklist.ts`. Prints one line of JSON and tables. Targets (issue 7): 60 MB in all, a look-up below
 * 1 us, no piece above 20 ms.
 */

/** As the sidecar runs: see the first line of `cli/sluice.ts`. */
const FLAGS = ["--max-semi-space-size=8", "--max-old-space-size=256"];
if (!process.execArgv.includes("--max-semi-space-size=8")) {
  const again = spawnSync(process.execPath, [...FLAGS, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, MALLOC_ARENA_MAX: "1" },
  });
  process.exit(again.status ?? 1);
}

const short = process.argv.includes("--short");
const each = short ? 100_000 : 500_000;
const seed: HashSeed = { first: 0x9e3779b9, second: 0x7f4a7c15 };
/** As the sidecar hands a feed on. */
const CHUNK = 16 * 1024;

const gc = await exposedGc();

async function heldMegabytes(): Promise<number> {
  // Typed arrays are freed beside the collection.
  for (let round = 0; round < 3; round++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
}

async function exposedGc(): Promise<() => void> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("gc");
  if (typeof found !== "function") throw new Error("no gc");
  return () => {
    (found as () => void)();
  };
}

/** Lines like those of a real feed: 16 to 30 octets, three labels in the mean. */
const name = (feed: string, index: number): string => {
  const mixed = Math.imul(index ^ 0x5bd1e995, 0x27d4eb2d) >>> 0;
  const stem = `${mixed.toString(36)}${index % 7 === 0 ? "-tracker" : ""}`;
  return index % 3 === 0 ? `${stem}.ads.${feed}${index % 997}.example` : `${stem}.${feed}.example`;
};

/** A feed's octets, whole: made beforehand, so that no garbage of this bench is collected in the pieces measured. */
function feedOf(feed: string, line: (text: string) => string): Buffer {
  const octets = Buffer.alloc(each * 64);
  let length = 0;
  for (let index = 0; index < each; index++) length += octets.write(`${line(name(feed, index))}\n`, length, "latin1");
  return octets.subarray(0, length);
}

let pieces: number[] = [];
let working = 0;

function piece<Value>(work: () => Value): Value {
  const began = performance.now();
  const value = work();
  const took = performance.now() - began;
  working += took;
  pieces.push(took);
  return value;
}

function read(feed: Buffer): FeedEntries {
  const parser = new FeedParser("auto", seed);
  for (let from = 0; from < feed.length; from += CHUNK) {
    const written = piece(() => parser.write(feed.subarray(from, from + CHUNK)));
    if (!written.ok) throw new Error(written.problem.message);
  }
  const ended = piece(() => parser.end());
  if (!ended.ok || ended.value.counts.entries !== each) throw new Error("a feed was not understood");
  return ended.value.entries;
}

function build(feeds: readonly { readonly name: string; readonly entries: FeedEntries }[]): Blocklist {
  const steps = buildBlocklist(seed, feeds);
  for (;;) {
    const step = piece(() => steps.next());
    if (step.done === true) return step.value;
  }
}

const hostOf = (text: string): Host => {
  const host = parseHost(text);
  if (!host.ok) throw new Error(host.problem);
  return host.value;
};

/** The median of rounds: a neighbour on the same cores disturbs some of them. */
function nanoseconds(list: Blocklist, hosts: readonly Host[], isListed: boolean): number {
  const rounds = Array.from({ length: 101 }, () => {
    const began = performance.now();
    let listed = 0;
    for (const host of hosts) if (list.blockedBy(host) !== undefined) listed += 1;
    const took = performance.now() - began;
    if (listed !== (isListed ? hosts.length : 0)) throw new Error(`${listed} of ${hosts.length} are listed`);
    return (took * 1e6) / hosts.length;
  });
  return Math.round(rounds.toSorted((one, other) => one - other)[rounds.length >> 1] ?? Number.NaN);
}

const spread = (make: (index: number) => string): readonly Host[] =>
  Array.from({ length: 10_000 }, (_, index) => hostOf(make(Math.floor((index * each) / 10_000))));
const lookUps = [
  { what: "listed by hosts", hosts: spread((index) => name("h", index)), listed: true },
  { what: "below a listed domain", hosts: spread((index) => `a.b.${name("d", index)}`), listed: true },
  { what: "not listed, 3 labels", hosts: spread((index) => `api-${index}.elsewhere.test`), listed: false },
  { what: "not listed, 6 labels", hosts: spread((index) => `a.b.c-${index}.d.elsewhere.test`), listed: false },
  { what: "not listed, 127 labels", hosts: spread((index) => `${"a.".repeat(123)}${index % 10}.el.t`), listed: false },
  { what: "address", hosts: spread((index) => `10.1.${(index >> 8) & 255}.${index & 255}`), listed: false },
];

const [hosts, domains, wildcards] = [
  feedOf("h", (text) => `0.0.0.0 ${text}`),
  feedOf("d", (text) => text),
  feedOf("d", (text) => `||${text}^`),
];
/** The longest piece of one whole reading and building. */
function longestPiece(): number {
  pieces = [];
  build([
    { name: "hosts", entries: read(hosts) },
    { name: "domains", entries: read(domains) },
  ]);
  return Math.max(...pieces);
}

// Of several rounds the one that was disturbed least. They also let the heap and the compiler's code grow, which are no
// part of a list.
const longest = Math.min(...Array.from({ length: 5 }, longestPiece));
const before = await heldMegabytes();
working = 0;
const feeds = [
  { name: "hosts", entries: read(hosts) },
  { name: "domains", entries: read(domains) },
];
const readMs = working;
const list = build(feeds);
const buildMs = working - readMs;
const after = await heldMegabytes();
// One feed is replaced: the old entries, the new ones and both tables are there at the same time.
const replaced = [...feeds.slice(0, 1), { name: "domains", entries: read(wildcards) }];
const next = build(replaced);
const peak = await heldMegabytes();
if (list.entries !== 2 * each || next.entries !== 2 * each || feeds.length !== 2) throw new Error("not all is listed");
const row = {
  entries: list.entries,
  MB: Number((after - before).toFixed(1)),
  "MB while replaced": Number((peak - before).toFixed(1)),
  "read ms": Math.round(readMs),
  "build ms": Math.round(buildMs),
  "longest piece ms": Number(longest.toFixed(1)),
};
const times = lookUps.map(({ what, hosts, listed }) => ({ what, ns: nanoseconds(list, hosts, listed) }));
console.log(JSON.stringify({ bench: "core/blocklist", node: process.version, ...row, lookUps: times }));
console.table([row]);
console.table(Object.fromEntries(times.map(({ what, ns }) => [what, { "ns a look-up": ns }])));
