import { hash } from "node:crypto";
import { type KarsReport, KarsVerifier } from "../../../../router/core/audit/kars-chain.ts";

export const sha256 = (text: string): string => hash("sha256", text, "hex");

export interface KarsFields {
  sandbox: string;
  seq: number;
  ts: string;
  agent_id: string;
  action: string;
  decision: string;
  prev_hash: string;
}

/** An entry that hashes to what it says, whatever it says. */
export function karsLine(fields: KarsFields): string {
  const { sandbox, seq, ts, agent_id, action, decision, prev_hash } = fields;
  const hashed = sha256(`${seq}|${ts}|${agent_id}|${action}|${decision}|${prev_hash}`);
  return JSON.stringify({ sandbox, seq, ts, agent_id, action, decision, prev_hash, hash: hashed });
}

/**
 * Writes as kars does, without a disk; each character of a script is something that happens: a letter is an entry with
 * that action, `!` a restart, `~` an entry that stays in memory. Of `keeps` entries in memory, the oldest are dropped.
 */
export function karsLog(script: string, keeps = 1_000, change: Partial<KarsFields> = {}): string[] {
  let memory = 0;
  let prev = "";
  const lines: string[] = [];
  for (const action of script) {
    if (action === "!") {
      memory = 0;
      prev = "";
      continue;
    }
    const fields = { sandbox: "sb", ts: "2026-05-13T10:00:00Z", agent_id: "agent-1", action, decision: "allow" };
    const line = karsLine({ ...fields, seq: memory, prev_hash: prev, ...change });
    prev = (JSON.parse(line) as { hash: string }).hash;
    memory = Math.min(memory + 1, keeps);
    if (action !== "~") lines.push(line);
  }
  return lines;
}

/** Verifies lines as the files they are in, all of them ended. */
export function verifyKarsLines(...files: readonly (readonly (string | undefined)[])[]): KarsReport {
  const verifier = new KarsVerifier(sha256);
  for (const [index, lines] of files.entries()) {
    let offset = 0;
    for (const [at, text] of lines.entries()) {
      verifier.add({ place: { file: `${index + 1}`, line: at + 1, offset }, text, ended: true });
      offset += Buffer.byteLength(text ?? "") + 1;
    }
  }
  return verifier.finish();
}
