import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { MAXIMUM_BUNDLE, readAttestationBundle } from "../router/core/attest/attestation-bundle.ts";
import { checkLogHead, readLogHead } from "../router/core/attest/check-log-head.ts";
import type { RunFacts, RunStatement } from "../router/core/attest/run-facts.ts";
import { fail, type Result } from "../router/core/base/result.ts";
import { MAXIMUM_DOCUMENT } from "../router/core/document/check-source.ts";
import type { Checkpoint } from "../router/core/tlog/checkpoint.ts";
import { MAXIMUM_NOTE } from "../router/core/tlog/signed-note.ts";
import type { VerifierKey } from "../router/core/tlog/verifier-key.ts";
import { publicKeyPem } from "../router/edge/audit/dsse-key.ts";
import { sha256, verifySignature } from "../router/edge/audit/ed25519.ts";
import { readCapped } from "../router/edge/trust/read-capped.ts";
import { type Finding, found, readText } from "./attest-finding.ts";
import type { LogKey } from "./log-key.ts";
import type { CheckLog, WantedHead } from "./attest-log.ts";
import { whoSigned } from "./attest-signer.ts";
import { EXIT } from "./cli-io.ts";

/** Intact, but only by the word of the key that it names itself. */
export const SELF_SIGNED = 4;
const WORST_FIRST = [EXIT.no, EXIT.usage] as const;

export interface Question {
  readonly cwd: string;
  readonly bundle: string;
  /** None: the key is taken from the statement, and nothing is verified by that. */
  readonly keys: readonly LogKey[];
  readonly policies: readonly string[];
  /** Checkpoints of the same log that were kept elsewhere. */
  readonly checkpoints: readonly string[];
  readonly logs: readonly string[];
  readonly checkLog: CheckLog;
}

export interface Answer {
  readonly exit: 0 | 1 | 2 | 4;
  readonly findings: readonly Finding[];
  /** The key that signed, once that is known; `pinned`: it is one of those that were given. */
  readonly key: { readonly vkey: string; readonly pem: string; readonly pinned: boolean } | undefined;
  /** Undefined where the signature does not hold: then nothing of it is worth showing. */
  readonly facts: RunFacts | undefined;
}

/**
 * Judges a bundle: who signed it, then whether it says what a run's statement says, then everything that can be held
 * against it. What cannot be compared counts as `unreadable`, never as right.
 */
export async function verifyAttestation(question: Question): Promise<Answer> {
  const unverified = (finding: Finding): Answer => ({ ...answer([finding], false), key: undefined, facts: undefined });
  const bundle = await readText(question.cwd, question.bundle, MAXIMUM_BUNDLE);
  if (!bundle.ok) return unverified(bundle.problem);
  const envelope = readAttestationBundle(bundle.value);
  if (!envelope.ok) {
    const { code, message } = envelope.problem;
    return unverified(found("bundle", code === "bundle_malformed" ? "unreadable" : "wrong", code, message));
  }
  const signed = whoSigned(envelope.value, question.keys);
  if (!signed.ok) return unverified(signed.problem);
  const { statement, key } = signed.value;
  const pinned = question.keys.length > 0;
  const facts = statement.predicate;
  const findings = [found("signature", "ok", null, pinned ? "by a key that was given" : "by the key it names itself")];
  const head = checkLogHead(facts.audit, key, { sha256, verify: verifySignature });
  findings.push(
    head.ok
      ? found("checkpoint", "ok", null, `the head over ${head.value.size} records is signed with the same key`)
      : found("checkpoint", "wrong", head.problem.code, head.problem.message),
  );
  for (const file of question.policies) findings.push(await judgePolicy(question.cwd, file, statement));
  if (head.ok) findings.push(...(await judgeLog(question, facts, key, head.value)));
  const pem = publicKeyPem(key.publicKey);
  return { ...answer(findings, pinned), key: { vkey: facts.audit.key, pem, pinned }, facts };
}

function answer(findings: readonly Finding[], pinned: boolean): Pick<Answer, "exit" | "findings"> {
  const outcomes = new Set(findings.map(({ outcome }) => outcome));
  const worst = WORST_FIRST.find((code) => outcomes.has(code === EXIT.no ? "wrong" : "unreadable"));
  return { exit: worst ?? (pinned ? EXIT.yes : SELF_SIGNED), findings };
}

async function judgePolicy(cwd: string, file: string, { predicate }: RunStatement): Promise<Finding> {
  const read = await readCapped(resolve(cwd, file), MAXIMUM_DOCUMENT);
  if (!read.ok) return found(file, "unreadable", read.problem.code, read.problem.message);
  const digest = `sha256:${createHash("sha256").update(read.value).digest("hex")}`;
  const policy = predicate.policies.find((one) => one.digest === digest);
  if (policy === undefined) {
    return found(file, "wrong", "not_in_force", `This document (${digest}) was not in force there.`);
  }
  return found(file, "ok", null, `in force as ${policy.kind}/${policy.name}, version ${policy.version}`);
}

/** The log, and heads of it that were kept elsewhere, against the head in the statement. */
async function judgeLog(
  { cwd, checkpoints, logs, checkLog }: Question,
  { audit }: RunFacts,
  key: VerifierKey,
  head: Checkpoint,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const { stream } = audit;
  const wanted: WantedHead[] = [{ stream, size: head.size, root: head.root }];
  for (const file of checkpoints) {
    const finding = await judgeCheckpoint(cwd, file, key, head);
    if (finding.ok) wanted.push({ stream, size: finding.value.size, root: finding.value.root });
    if (!finding.ok) findings.push(finding.problem);
    else if (finding.value.size === head.size) findings.push(found(file, "ok", null, "the same head of the log"));
    else if (logs.length > 0) findings.push(found(file, "ok", null, `a head over ${finding.value.size} records`));
    else {
      const sentence = `It covers ${finding.value.size} records, the statement's ${head.size}: only the log itself (--audit) shows whether one continues the other.`;
      findings.push(found(file, "unreadable", "not_comparable", sentence));
    }
  }
  if (logs.length === 0) return findings;
  const log = await checkLog(cwd, logs, wanted);
  const subject = logs.join(" ");
  if (log.ok) return [...findings, found(subject, "ok", null, log.value)];
  const { code, message } = log.problem;
  return [...findings, found(subject, code, code === "wrong" ? "log_mismatch" : "log_unreadable", message)];
}

async function judgeCheckpoint(
  cwd: string,
  file: string,
  key: VerifierKey,
  head: Checkpoint,
): Promise<Result<Checkpoint, Finding>> {
  const source = await readText(cwd, file, MAXIMUM_NOTE);
  if (!source.ok) return source;
  const other = readLogHead(source.value, key, { sha256, verify: verifySignature });
  if (!other.ok) return fail(found(file, "wrong", other.problem.code, other.problem.message));
  if (other.value.origin !== head.origin || (other.value.size === head.size && other.value.root !== head.root)) {
    const sentence = "Both are signed with this key, and they are heads of different logs: the log was forked.";
    return fail(found(file, "wrong", "forked", sentence));
  }
  return other;
}
