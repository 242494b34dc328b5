import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { OwnCard } from "../../../../router/app/peers/own-card.ts";

const directory = mkdtempSync(join(tmpdir(), "sluice-card-"));
after(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}
const pem = (type: "ed25519" | "ed448"): string =>
  (type === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ed448")).privateKey
    .export({ format: "pem", type: "pkcs8" })
    .toString();

const rows: readonly (readonly [
  name: string,
  card: string | undefined,
  key: string | undefined,
  problem: RegExp | undefined,
])[] = [
  ["a card and a key", '{"name":"x"}', pem("ed25519"), undefined],
  ["a card, and a key made at boot", '{"name":"x"}', undefined, undefined],
  ["a key of another kind", '{"name":"x"}', pem("ed448"), /needed is Ed25519/],
  ["no key in the file", '{"name":"x"}', "secret", /exactly one PEM block/],
  ["a card that is signed already", '{"signatures":[]}', undefined, /must not be signed yet/],
  ["a card with a member twice", '{"name":"x","name":"y"}', undefined, /no JSON object/],
  ["a card that is a list", "[]", undefined, /no JSON object/],
  ["a card without a form", '{"name":"\\ud800"}', undefined, /no canonical form/],
  ["a card that is too large", `{"name":"${"x".repeat(66_000)}"}`, undefined, /too_large/],
];
for (const [at, [name, card, key, problem]] of rows.entries()) {
  test(`the agent's own card: ${name}`, async () => {
    const told: string[] = [];
    const own = new OwnCard({
      cardFile: card === undefined ? undefined : file(`${at}.json`, card),
      identityKeyFile: key === undefined ? undefined : file(`${at}.pem`, key),
      known: ({ passing }) => told.push(passing ? "made" : "read"),
      problem: (sentence) => told.push(sentence),
    });
    await own.begin();
    own.close();
    if (problem === undefined) {
      assert.deepEqual(told, [key === undefined ? "made" : "read"]);
      assert.equal(own.problem, undefined);
      assert.deepEqual(Object.keys(own.card ?? {}), ["name", "signatures"]);
    } else {
      assert.match(own.problem ?? "", problem);
      assert.equal(told.at(-1), own.problem);
      assert.equal(own.card, undefined);
      assert.ok(!told.join(" ").includes("secret"));
    }
  });
}

test("without a card file there is neither card nor key", async () => {
  const own = new OwnCard({
    cardFile: undefined,
    identityKeyFile: undefined,
    known: () => assert.fail("no key is needed"),
    problem: (sentence) => assert.fail(sentence),
  });
  await own.begin();
  assert.deepEqual([own.card, own.identity, own.problem], [undefined, undefined, undefined]);
});

test("a key file that is not there makes no other key", async () => {
  const own = new OwnCard({
    cardFile: file("card.json", "{}"),
    identityKeyFile: join(directory, "none.pem"),
    known: () => assert.fail("another key is another agent"),
    problem: () => undefined,
  });
  await own.begin();
  own.close();
  assert.match(own.problem ?? "", /cannot be read \(moved\)/);
});
