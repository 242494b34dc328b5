import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import type { LogTrust } from "../../../../router/core/tlog/log-trust.ts";
import { formatSignedNote, parseSignatureLines } from "../../../../router/core/tlog/signed-note.ts";
import { cosignedAt, cosignerFromPrivateKey } from "../../../../router/edge/audit/ed25519.ts";
import { Witness } from "../../../../router/edge/audit/witness.ts";
import type { WitnessAnswer } from "../../../../router/edge/audit/witness-answer.ts";
import { type WriteDurably, WitnessStore } from "../../../../router/edge/audit/witness-store.ts";
import type { WitnessedLogFake } from "../../../fakes/witnessed-log.ts";
import { noteOf } from "../../core/tlog/note-fixture.ts";

export const NOW = 1_795_000_000;
export const cosigner = cosignerFromPrivateKey("example.com/witness", generateKeyPairSync("ed25519").privateKey);

export function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-witness-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Trust in these logs, one by one. */
export function trustIn(...logs: readonly WitnessedLogFake[]): LogTrust {
  return { named: new Map(logs.map((log) => [log.origin, [log.signer.key]])), shared: undefined, enroll: [] };
}

export async function openStore(directory: string, write?: WriteDurably): Promise<WitnessStore> {
  const opened = await WitnessStore.open(directory, write);
  assert.ok(opened.ok, opened.ok ? "" : opened.problem);
  return opened.value;
}

export function witnessOn(store: WitnessStore, trust: LogTrust, maximumLogs = 100): Witness {
  return new Witness({ store, cosigner, trust, maximumLogs, now: () => epochMillis(NOW * 1000 + 999) });
}

/** Status and reason; a 200 only where the cosignature verifies over what was asked. */
export function verdictOn(answer: WitnessAnswer, text?: string): string {
  const { status, reason } = answer.decision;
  if (status === 200) {
    const signatures = parseSignatureLines(answer.body);
    assert.ok(signatures.ok && text !== undefined);
    assert.equal(cosignedAt(noteOf(formatSignedNote(text, signatures.value)), cosigner.key), NOW);
  }
  return `${status} ${reason}`;
}

/** Asks honestly. */
export async function ask(
  witness: Witness,
  log: WitnessedLogFake,
  oldSize: number,
  size: number,
  offeredKey?: string,
): Promise<string> {
  const answer = await witness.addCheckpoint(Buffer.from(log.request(oldSize, size)), offeredKey);
  return verdictOn(answer, log.text(size));
}
