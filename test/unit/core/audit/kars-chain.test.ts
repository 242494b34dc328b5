import assert from "node:assert/strict";
import { test } from "node:test";
import type { KarsReport } from "../../../../router/core/audit/kars-chain.ts";
import { KarsVerifier } from "../../../../router/core/audit/kars-chain.ts";
import { type KarsFields, karsLine, karsLog, sha256, verifyKarsLines } from "./kars-fixture.ts";

/** Hashes by sha256sum of coreutils, lines by Python's json; the form is that of `audit_jsonl.rs` and `audit.rs`. */
const VECTOR = [
  '{"sandbox":"sb","seq":0,"ts":"2026-05-13T23:59:59Z","agent_id":"agent-1","action":"tool.invoke","decision":"allow",' +
    '"prev_hash":"","hash":"e7f5bf08a51c3ca2a818c54a9c58256c21211304672acb2e785c69ade899d3ad"}',
  String.raw`{"sandbox":"sb","seq":1,"ts":"2026-05-14T00:00:00Z","agent_id":"agent-2","action":"shell:ls \"a\" \\ é",` +
    '"decision":"deny","prev_hash":"e7f5bf08a51c3ca2a818c54a9c58256c21211304672acb2e785c69ade899d3ad",' +
    '"hash":"277850ec132e16b501c914a7b043671a1c6fbcc5f494ff7165ba2ac29802260b"}',
];

test("two entries over midnight, as kars writes them", () => {
  const report = verifyKarsLines(VECTOR.slice(0, 1), VECTOR.slice(1));
  assert.equal(report.damage, undefined);
  assert.deepEqual([report.entries, report.chains, report.breaks, report.continues], [2, 1, 0, false]);
  assert.deepEqual(report.first, { place: { file: "1", line: 1, offset: 0 }, seq: 0, ts: "2026-05-13T23:59:59Z" });
  assert.deepEqual(report.last, { place: { file: "2", line: 1, offset: 0 }, seq: 1, ts: "2026-05-14T00:00:00Z" });
});

const log = karsLog("abcdef");
const at = (index: number): string => log[index] ?? assert.fail();
function without(...indexes: number[]): string[] {
  return log.filter((_, index) => !indexes.includes(index));
}
function changed(index: number, from: string, to: string): string[] {
  assert.ok(at(index).includes(from));
  return log.with(index, at(index).replace(from, to));
}
/** With other fields and the hash that belongs to them. */
function rehashed(index: number, change: Partial<KarsFields>): string[] {
  const { hash: _, ...fields } = JSON.parse(at(index)) as KarsFields & { hash: string };
  return log.with(index, karsLine({ ...fields, ...change }));
}

type Facts = Partial<Pick<KarsReport, "ambiguous" | "chains" | "breaks" | "repeats" | "continues" | "entries">>;

const intact: readonly [name: string, lines: readonly string[], facts: Facts][] = [
  ["nothing at all", [], { entries: 0, chains: 0 }],
  ["one chain", log, { entries: 6, chains: 1, repeats: 0, continues: false }],
  ["a restart in the same file begins again at 0", karsLog("abc!de!f"), { entries: 6, chains: 3 }],
  ["the chain goes on where memory is full: the number stays", karsLog("abcdef", 3), { entries: 6, repeats: 2 }],
  ["the beginning was not read", without(0, 1), { entries: 4, chains: 1, continues: true }],
  // What no verifier can see in this format; each is a sentence in `cannotProve`.
  ["the end cut off", log.slice(0, 3), { entries: 3 }],
  ["a chain taken away whole", karsLog("abc!de!f").toSpliced(3, 2), { entries: 4, chains: 2 }],
  ["the end of a chain cut off before a restart", karsLog("abc!def").toSpliced(1, 2), { entries: 4, chains: 2 }],
  ["the last entry changed and hashed anew", rehashed(5, { decision: "deny" }), { entries: 6 }],
  ["another name of the sandbox everywhere", log.map((line) => line.replace('"sb"', '"other"')), { entries: 6 }],
  ["written anew", karsLog("abcdeF"), { entries: 6 }],
];

for (const [name, lines, facts] of intact) {
  test(`KarsVerifier finds no damage: ${name}`, () => {
    const report = verifyKarsLines(lines);
    assert.equal(report.damage, undefined);
    assert.equal(report.breaks, 0);
    assert.partialDeepStrictEqual(report, facts);
    assert.ok(report.cannotProve.length >= 8);
  });
}

const damaged: readonly [
  name: string,
  lines: readonly (string | undefined)[],
  kind: string,
  line: number,
  facts: Facts,
][] = [
  ["a field changed", changed(2, '"c"', '"x"'), "edited", 3, { breaks: 1, entries: 6 }],
  ["a time changed", changed(2, "10:00:00", "10:00:01"), "edited", 3, { breaks: 1 }],
  ["a number changed", changed(2, '"seq":2', '"seq":3'), "edited", 3, { breaks: 1 }],
  ["an agent changed", changed(2, "agent-1", "agent-2"), "edited", 3, { breaks: 1 }],
  ["a hash that is none", log.with(2, at(2).replace(/..(?="\}$)/, "ZZ")), "malformed", 3, {}],
  [
    "a hash changed to another",
    log.with(2, at(2).replace(/[0-9a-f]{64}"\}$/, `${"0".repeat(64)}"}`)),
    "edited",
    3,
    { breaks: 2 },
  ],
  ["a field changed and hashed anew", rehashed(2, { decision: "deny" }), "edited", 4, { breaks: 1 }],
  ["a number and its hash changed", rehashed(5, { seq: 9 }), "edited", 6, { breaks: 1 }],
  [
    "an entry made the first of a chain, but for its number",
    rehashed(3, { prev_hash: "" }),
    "edited",
    4,
    { breaks: 2 },
  ],
  ["number 0 in the middle", rehashed(3, { seq: 0 }), "edited", 4, { breaks: 2 }],
  ["the sandbox of one entry changed", changed(2, '"sb"', '"sc"'), "edited", 3, { breaks: 2 }],
  ["one entry taken away", without(2), "missing", 3, { breaks: 1 }],
  ["three entries taken away", without(1, 2, 3), "missing", 2, { breaks: 1 }],
  ["an entry that stayed in memory", karsLog("ab~cd"), "missing", 3, { breaks: 1 }],
  ["the first entries after a restart stayed in memory", karsLog("abcd!~ef"), "reordered", 5, { breaks: 1 }],
  ["one taken away where memory is full", karsLog("abcdefgh", 3).toSpliced(5, 1), "missing", 6, { breaks: 1 }],
  ["two entries swapped", log.with(2, at(3)).with(3, at(2)), "missing", 3, { breaks: 2 }],
  ["an entry twice", log.toSpliced(3, 0, at(2)), "duplicate", 4, { breaks: 1 }],
  ["two swapped, and the second of them twice", [0, 1, 3, 2, 2, 4, 5].map(at), "missing", 3, { breaks: 3 }],
  ["an older entry once more", log.toSpliced(5, 0, at(1)), "reordered", 6, { breaks: 1 }],
  ["an entry of another chain put in", log.toSpliced(3, 0, karsLog("xyzw")[3] ?? ""), "edited", 4, { breaks: 2 }],
  ["a line that is no entry", log.with(2, "x"), "malformed", 3, { breaks: 1, entries: 5 }],
  [
    "a line that is not UTF-8, or too long",
    [...log.slice(0, 2), undefined, ...log.slice(3)],
    "malformed",
    3,
    { breaks: 1 },
  ],
  [
    "two writes that ran into each other",
    log.toSpliced(2, 2, at(2).slice(0, 80) + at(3)),
    "malformed",
    3,
    { breaks: 1 },
  ],
  ["an empty line", log.toSpliced(2, 0, ""), "malformed", 3, { breaks: 1 }],
  ["a member more", changed(2, '{"sandbox"', '{"a":1,"sandbox"'), "malformed", 3, {}],
  ["a member less", changed(2, '"sandbox":"sb",', ""), "malformed", 3, {}],
  ["a member of another type", changed(2, '"seq":2', '"seq":"2"'), "malformed", 3, {}],
  ["__proto__ for a member", changed(2, '"sandbox":"sb"', '"__proto__":"sb"'), "malformed", 3, {}],
  ["a negative number", changed(2, '"seq":2', '"seq":-2'), "malformed", 3, {}],
  ["a number beyond 2^53", changed(2, '"seq":2', '"seq":9007199254740993'), "malformed", 3, {}],
  ["a lone surrogate", changed(2, '"c"', String.raw`"\ud800"`), "malformed", 3, {}],
  ["a previous hash that is none", rehashed(2, { prev_hash: "a|b" }), "malformed", 3, { ambiguous: 0 }],
  ["a list", log.with(2, `[${at(2)}]`), "malformed", 3, {}],
  ["130,000 brackets", log.with(2, "[".repeat(130_000)), "malformed", 3, {}],
  ["a member twice", changed(2, '"action":"c"', '"action":"x","action":"c"'), "not_canonical", 3, {}],
  ["a space", changed(2, '"seq":2', '"seq": 2'), "not_canonical", 3, {}],
  ["a number written otherwise", changed(2, '"seq":2', '"seq":2.0'), "not_canonical", 3, {}],
  ["an escape that is not needed", changed(2, '"c"', String.raw`"\u0063"`), "not_canonical", 3, {}],
  ["members in another order", changed(2, '"sandbox":"sb","seq":2', '"seq":2,"sandbox":"sb"'), "not_canonical", 3, {}],
];

for (const [name, lines, kind, line, facts] of damaged) {
  test(`KarsVerifier names the first damage: ${name}`, () => {
    const report = verifyKarsLines(lines);
    const offset = lines.slice(0, line - 1).reduce((sum, text) => sum + Buffer.byteLength(text ?? "") + 1, 0);
    assert.equal(report.damage?.kind, kind);
    assert.deepEqual(report.damage.place, { file: "1", line, offset });
    assert.partialDeepStrictEqual(report, facts);
  });
}

test("whatever octet of an entry but its sandbox's is changed, it is named, or the one that follows it", () => {
  const line = at(2);
  for (let place = 0; place < line.length; place += 1) {
    const bent = line.slice(0, place) + (line[place] === "0" ? "1" : "0") + line.slice(place + 1);
    const { damage } = verifyKarsLines(log.with(2, bent));
    assert.ok(damage?.place.line === 3, bent);
  }
});

test("a half line at the end is torn, and a file that was only made is nothing", () => {
  const verifier = new KarsVerifier(sha256);
  verifier.add({ place: { file: "1", line: 1, offset: 0 }, text: "", ended: false });
  verifier.add({ place: { file: "2", line: 1, offset: 0 }, text: at(0), ended: true });
  verifier.add({ place: { file: "2", line: 2, offset: 300 }, text: at(1), ended: false });
  const { damage, entries } = verifier.finish();
  assert.deepEqual([entries, damage?.kind, damage?.place.line, damage?.seq], [1, "torn_tail", 2, null]);
});

test('trap 1.5: two different entries share a hash where a field holds a "|": intact, and pointed out', () => {
  const script = { agent_id: "agent|shell", action: "rm" };
  const told = karsLog("a", 9, script);
  const other = karsLog("a", 9, { agent_id: "agent", action: "shell|rm" });
  const hashes = [told, other].map(([line = ""]) => (JSON.parse(line) as { hash: string }).hash);
  assert.equal(hashes[0], hashes[1]);
  for (const lines of [told, other]) {
    const report = verifyKarsLines(log, lines, told);
    assert.equal(report.damage, undefined);
    assert.equal(report.ambiguous, 2);
    assert.deepEqual(report.firstAmbiguous, { file: "2", line: 1, offset: 0 });
    assert.ok(report.cannotProve.some((sentence) => sentence.includes("2 here, the first in line 1 of 2")));
  }
  for (const field of ["ts", "agent_id", "action", "decision"]) {
    assert.equal(verifyKarsLines(karsLog("a", 9, { [field]: "x|y" })).ambiguous, 1, field);
  }
  assert.equal(verifyKarsLines(log).ambiguous, 0);
});

test("what a log shows of itself is said of that log only", () => {
  const plain = verifyKarsLines(log).cannotProve;
  const full = verifyKarsLines(karsLog("abcdef", 3)).cannotProve;
  const part = verifyKarsLines(without(0)).cannotProve;
  assert.equal(full.length, plain.length + 1);
  assert.match(full.at(-1) ?? "", /2 here/);
  assert.equal(part.length, plain.length + 1);
  assert.match(part.at(-1) ?? "", /not the first of its chain/);
});
