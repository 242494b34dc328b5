import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LogTrust } from "../../../../router/core/tlog/log-trust.ts";
import { formatSignedNote } from "../../../../router/core/tlog/signed-note.ts";
import {
  cosignedAt,
  createSigner,
  signerFromPrivateKey,
  verifySignature,
} from "../../../../router/edge/audit/ed25519.ts";
import { replaceDurably } from "../../../../router/edge/audit/witness-store.ts";
import { WitnessedLogFake } from "../../../fakes/witnessed-log.ts";
import { noteOf, vector } from "../../core/tlog/note-fixture.ts";
import { ask, cosigner, NOW, openStore, scratch, trustIn, verdictOn, witnessOn } from "./witness-fixture.ts";

const log = new WitnessedLogFake("example.com/log");
const enrolling: LogTrust = { named: new Map(), shared: undefined, enroll: ["pods/"] };

test("follows a log, keeps what it cosigned as a note, and goes on after a restart", async (t) => {
  const directory = scratch(t);
  const store = await openStore(directory);
  const witness = witnessOn(store, trustIn(log));
  assert.equal(await ask(witness, log, 0, 5), "200 cosigned");
  assert.equal(await ask(witness, log, 5, 12), "200 cosigned");
  assert.equal(await ask(witness, log, 12, 12), "200 cosigned");
  store.close();
  const [file = ""] = readdirSync(directory).filter((name) => name.endsWith(".note"));
  const kept = noteOf(readFileSync(join(directory, file), "utf8"));
  assert.equal(kept.text, log.text(12));
  assert.equal(verifySignature(kept, log.signer.key), "verified");
  assert.equal(cosignedAt(kept, cosigner.key), NOW);

  const again = await openStore(directory);
  const restarted = witnessOn(again, trustIn(log));
  assert.equal(await ask(restarted, log, 5, 14), "409 stale");
  assert.equal(await ask(restarted, log.forkAt(3), 12, 14), "422 not_proved");
  assert.equal(await ask(restarted, log.forkAt(3), 12, 12), "409 fork");
  assert.equal(await ask(restarted, log, 12, 14), "200 cosigned");
  again.close();
});

test("INV-WITNESS-RACE: of any number of requests at once, one growth counts, and the head never falls", async (t) => {
  let writes = 0;
  const store = await openStore(scratch(t), async (...of) => {
    writes += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    await replaceDurably(...of);
  });
  const witness = witnessOn(store, trustIn(log));
  const sizes = [7, 3, 9, 5, 9, 1];
  const both = sizes.flatMap((size) => [ask(witness, log, 0, size), ask(witness, log.forkAt(0), 0, size)]);
  const verdicts = await Promise.all(both);
  assert.deepEqual(verdicts, ["200 cosigned", ...Array.from({ length: 11 }, () => "409 stale")]);
  assert.deepEqual(store.get(log.origin).head, { size: 7, root: log.root(7) });
  assert.equal(writes, 1);
  // Two ways on from one head: the log's word is taken once.
  const forks = await Promise.all([ask(witness, log, 7, 9), ask(witness, log.forkAt(8), 7, 9)]);
  assert.deepEqual(forks, ["200 cosigned", "409 stale"]);
  store.close();
});

test("INV-WITNESS-STATE: no cosignature leaves before its head is durable, nor where it cannot be", async (t) => {
  let disk: "full" | "slow" | "well" = "full";
  const events: string[] = [];
  const store = await openStore(scratch(t), async (...of) => {
    if (disk === "full") throw new Error("ENOSPC: no space left on device");
    if (disk === "slow") await new Promise((resolve) => setTimeout(resolve, 30));
    await replaceDurably(...of);
    events.push("durable");
  });
  const witness = witnessOn(store, trustIn(log));
  const answer = await witness.addCheckpoint(Buffer.from(log.request(0, 5)), undefined);
  assert.equal(verdictOn(answer), "503 not_stored");
  assert.deepEqual([answer.body, answer.decision.detail], ["not_stored\n", "ENOSPC: no space left on device"]);
  assert.equal(store.get(log.origin).head, undefined);
  disk = "slow";
  const asked = ask(witness, log, 0, 5).then((verdict) => events.push(verdict));
  const behind = ask(witness, log, 5, 6).then((verdict) => events.push(verdict));
  await Promise.all([asked, behind]);
  assert.deepEqual(events, ["durable", "200 cosigned", "durable", "200 cosigned"]);
  disk = "full";
  // The same head again needs no disk.
  assert.equal(await ask(witness, log, 6, 6), "200 cosigned");
  assert.equal(await ask(witness, log, 6, 7), "503 not_stored");
  disk = "well";
  assert.equal(await ask(witness, log, 6, 7), "200 cosigned");
  store.close();
});

test("INV-WITNESS-TRUST: an enrolled log keeps the key of its first checkpoint, over restarts and without --enroll", async (t) => {
  const directory = scratch(t);
  const store = await openStore(directory);
  const pod = new WitnessedLogFake("pods/a");
  const thief = new WitnessedLogFake("pods/a");
  const witness = witnessOn(store, enrolling);
  assert.equal(await ask(witness, pod, 0, 3), "404 unknown_origin");
  assert.equal(await ask(witness, pod, 0, 3, thief.vkey), "403 not_signed");
  assert.equal(await ask(witness, pod, 2, 3, pod.vkey), "409 stale");
  assert.deepEqual(store.held, { pinned: 0, others: 0 }, "what is not cosigned is not pinned");
  assert.equal(await ask(witness, pod, 0, 3, pod.vkey), "200 cosigned");
  assert.equal(await ask(witness, thief, 3, 5, thief.vkey), "403 not_signed");
  assert.equal(await ask(witness, pod, 3, 5), "200 cosigned");
  store.close();
  const again = await openStore(directory);
  const restarted = witnessOn(again, trustIn(log));
  assert.equal(await ask(restarted, thief, 5, 7, thief.vkey), "403 not_signed");
  assert.equal(await ask(restarted, pod, 5, 7), "200 cosigned");
  again.close();
});

test("INV-WITNESS-TRUST: below a shared prefix one key signs for every origin, each for itself", async (t) => {
  const store = await openStore(scratch(t));
  const shared = createSigner("fleet/a");
  const trust: LogTrust = {
    named: new Map(),
    shared: { prefix: "fleet/", publicKey: shared.key.publicKey },
    enroll: [],
  };
  const witness = witnessOn(store, trust);
  assert.equal(await ask(witness, new WitnessedLogFake("fleet/a", shared), 0, 3), "200 cosigned");
  // The key's id is bound to its name: a's signature line does not count for b.
  assert.equal(await ask(witness, new WitnessedLogFake("fleet/b", shared), 0, 3), "403 not_signed");
  assert.equal(await ask(witness, new WitnessedLogFake("fleets/a", shared), 0, 3), "404 unknown_origin");
  store.close();
});

test("INV-WITNESS-CAP: a flood of keys fills only the places of enrolled logs", async (t) => {
  const store = await openStore(scratch(t));
  const witness = witnessOn(store, { ...trustIn(log), enroll: ["pods/"] }, 3);
  const flood = Array.from({ length: 20 }, (_, index) => new WitnessedLogFake(`pods/${index}`));
  const verdicts = await Promise.all(flood.map((pod) => ask(witness, pod, 0, 1, pod.vkey)));
  assert.deepEqual(verdicts.filter((verdict) => verdict === "200 cosigned").length, 3);
  assert.deepEqual(new Set(verdicts), new Set(["200 cosigned", "503 full"]));
  assert.equal(store.held.pinned, 3);
  const [held] = flood;
  assert.ok(held !== undefined);
  assert.equal(await ask(witness, held, 1, 4), "200 cosigned");
  assert.equal(await ask(witness, log, 0, 4), "200 cosigned");
  store.close();
});

test("INV-WITNESS-CAP: as many logs are taken as there are places, however slow the disk is with each", async (t) => {
  const { promise: freed, resolve: free } = Promise.withResolvers<void>();
  const directory = scratch(t);
  const store = await openStore(directory, async (...of) => {
    if (of[1].endsWith(".note")) await freed;
    await replaceDurably(...of);
  });
  const sharedPair = generateKeyPairSync("ed25519");
  const shared = { prefix: "fleet/", publicKey: signerFromPrivateKey("x", sharedPair.privateKey).key.publicKey };
  const witness = witnessOn(store, { named: new Map(), shared, enroll: ["pods/"] }, 2);
  const asked: Promise<string>[] = [];
  for (const name of ["a", "b", "c"]) {
    const pod = new WitnessedLogFake(`pods/${name}`);
    asked.push(ask(witness, pod, 0, 1, pod.vkey));
    // Its key is stored, its head is not.
    const pinned = Math.min(asked.length, 2);
    for (let turn = 0; turn < 1_000 && store.held.pinned < pinned; turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const name of ["a", "b", "c"]) {
    const signer = signerFromPrivateKey(`fleet/${name}`, sharedPair.privateKey);
    asked.push(ask(witness, new WitnessedLogFake(`fleet/${name}`, signer), 0, 1));
  }
  free();
  const [taken, full] = ["200 cosigned", "503 full"];
  assert.deepEqual(await Promise.all(asked), [taken, taken, full, taken, taken, full]);
  assert.deepEqual(store.held, { pinned: 2, others: 2 });
  store.close();
});

test("INV-WITNESS-CAP: requests that wait are counted, and refused beyond 256", async (t) => {
  const { promise: freed, resolve: free } = Promise.withResolvers<void>();
  const store = await openStore(scratch(t), () => freed);
  const witness = witnessOn(store, trustIn(log));
  const body = Buffer.from(log.request(0, 1));
  const answers = Array.from({ length: 300 }, () => witness.addCheckpoint(body, undefined));
  free();
  const verdicts = (await Promise.all(answers)).map(({ decision }) => decision.reason);
  assert.equal(verdicts.filter((reason) => reason === "busy").length, 44);
  assert.equal(verdicts.filter((reason) => reason === "cosigned").length, 1);
  assert.equal(await ask(witness, log, 1, 2), "200 cosigned");
  store.close();
});

test("INV-WITNESS-TRUST: a log that changes its key signs with either, and a wrong signature by one spoils the note", async (t) => {
  const store = await openStore(scratch(t));
  const next = new WitnessedLogFake(log.origin);
  const keys = [log.signer.key, next.signer.key];
  const witness = witnessOn(store, { named: new Map([[log.origin, keys]]), shared: undefined, enroll: [] });
  const text = log.text(9);
  const [old, fresh] = [log.signer.sign(text), next.signer.sign(text)];
  const bent = { ...old, signature: old.signature.map((octet) => octet ^ 1) };
  const put = async (...signatures: readonly (typeof old)[]): Promise<string> => {
    const body = `old 7\n${proofLines}\n${formatSignedNote(text, signatures)}`;
    return verdictOn(await witness.addCheckpoint(Buffer.from(body), undefined), text);
  };
  const proofLines = log
    .proof(7, 9)
    .map((hash) => `${Uint8Array.fromHex(hash).toBase64()}\n`)
    .join("");
  assert.equal(await ask(witness, log, 0, 5), "200 cosigned");
  assert.equal(await ask(witness, next, 5, 7), "200 cosigned");
  assert.equal(await put(bent, fresh), "403 not_signed");
  assert.equal(await put(fresh, bent), "403 not_signed");
  assert.equal(await put(old, fresh), "200 cosigned");
  store.close();
});

test("a conflict is a size and a newline, under its own media type", async (t) => {
  const store = await openStore(scratch(t));
  const witness = witnessOn(store, trustIn(log));
  await ask(witness, log, 0, 7);
  const { contentType, body } = await witness.addCheckpoint(Buffer.from(log.request(0, 9)), undefined);
  assert.deepEqual([contentType, body], ["text/x.tlog.size", "7\n"]);
  store.close();
});

test("a fork is kept as evidence, with the log's signature and nothing else", async (t) => {
  const store = await openStore(scratch(t));
  const witness = witnessOn(store, trustIn(log));
  await ask(witness, log, 0, 7);
  const fork = log.forkAt(2);
  const { decision } = await witness.addCheckpoint(Buffer.from(fork.request(7, 7)), undefined);
  assert.equal(decision.reason, "fork");
  const evidence = noteOf(decision.evidence ?? "");
  assert.equal(verifySignature(evidence, log.signer.key), "verified");
  assert.equal(evidence.text, fork.text(7));
  store.close();
});

const text = log.text(3);
const line = (name: string): string => `\u2014 ${name} AAAAAAAA\n`;
const request = log.request(0, 3);
const HASH = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

const bodies: readonly [name: string, body: string | Uint8Array, verdict: string, said?: RegExp][] = [
  ["an honest request", request, "200 cosigned"],
  ["unknown signatures beside the log's", request + line("witness.example") + line("a"), "200 cosigned"],
  ["the log's signature sixty times", request + formatted(log.signer.sign(text)).repeat(60), "200 cosigned"],
  ["the log's signature, and a wrong one by its key", request + bentLine(), "403 not_signed"],
  ["no signature of the log", `old 0\n\n${text}\n${line("a")}`, "403 not_signed"],
  ["the log's name with another id", `old 0\n\n${text}\n${line(log.origin)}`, "403 not_signed"],
  ["another log's signature", vector("add-checkpoint.txt"), "404 unknown_origin"],
  ["a body that is empty", "", "400 malformed", /old/],
  ["CRLF", request.replaceAll("\n", "\r\n"), "400 malformed"],
  ["CRLF in the note only", request.replace(/(?<=\n\n[^]*)\n/, "\r\n"), "400 malformed"],
  ["no newline at the end", request.slice(0, -1), "400 malformed", /newline/],
  ["a byte order mark", `\ufeff${request}`, "400 malformed"],
  ["octets that are no UTF-8", Buffer.from([...Buffer.from(request), 0xff]), "400 malformed", /not UTF-8/],
  ["NUL", request.replace("example", "exam\0ple"), "400 malformed", /control/],
  ["an old size of 2^53", request.replace("old 0", "old 9007199254740992"), "400 malformed"],
  ["an old size with a sign", request.replace("old 0", "old -0"), "400 malformed"],
  ["an old size with zeros", request.replace("old 0", "old 00"), "400 malformed"],
  ["a size of 2^53", request.replace("\n3\n", "\n9007199254740992\n"), "400 malformed"],
  ["an old size above the new", request.replace("old 0", "old 4"), "400 old_above_new"],
  ["63 hashes for nothing", request.replace("old 0\n", `old 0\n${HASH.repeat(63)}`), "422 not_proved"],
  ["64 hashes", request.replace("old 0\n", `old 0\n${HASH.repeat(64)}`), "400 malformed", /63/],
  ["3,000 hashes", request.replace("old 0\n", `old 0\n${HASH.repeat(3_000)}`), "400 malformed", /63/],
  ["a hash of 31 octets", request.replace("old 0\n", `old 0\n${"A".repeat(42)}==\n`), "400 malformed"],
  ["65 signatures", request + line("a").repeat(64), "400 malformed", /64/],
  ["a note without a text", `old 0\n\n\n${line("a")}`, "400 malformed"],
  ["an extension line", signed(`${text}more\n`), "200 cosigned"],
  ["a checkpoint of 5,000 characters", signed(`${text}${"x".repeat(5_000)}\n`), "400 malformed", /4096/],
];

function formatted(signature: {
  readonly name: string;
  readonly keyId: string;
  readonly signature: Uint8Array;
}): string {
  return formatSignedNote("x\n", [signature]).slice(3);
}

function bentLine(): string {
  const signature = log.signer.sign(text);
  return formatted({ ...signature, signature: signature.signature.map((octet) => octet ^ 1) });
}

function signed(extended: string): string {
  return `old 0\n\n${formatSignedNote(extended, [log.signer.sign(extended)])}`;
}

for (const [name, body, verdict, said] of bodies) {
  test(`INV-WITNESS-REQUEST: ${name}`, async (t) => {
    const store = await openStore(scratch(t));
    const answer = await witnessOn(store, trustIn(log)).addCheckpoint(Buffer.from(body), undefined);
    const cosignedText = verdict === "200 cosigned" ? noteOf(String(body).slice(7)).text : undefined;
    assert.equal(verdictOn(answer, cosignedText), verdict);
    if (said !== undefined) assert.match(answer.body, said);
    assert.equal(store.held.others, verdict === "200 cosigned" ? 1 : 0);
    store.close();
  });
}
