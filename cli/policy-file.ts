import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { DocumentProblem } from "../router/core/base/problem.ts";
import { millis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { MAXIMUM_DOCUMENT } from "../router/core/document/check-source.ts";
import { kindOf } from "../router/core/document/document-kind.ts";
import { readYaml } from "../router/core/document/read-yaml.ts";
import {
  compileGovernancePolicy,
  type CompiledGovernancePolicy,
} from "../router/core/governance/compile-governance-policy.ts";
import { governancePolicy, parseGovernancePolicy } from "../router/core/governance/parse-governance-policy.ts";
import {
  compileInferencePolicy,
  type CompiledInferencePolicy,
} from "../router/core/models/compile-inference-policy.ts";
import { inferencePolicy, parseInferencePolicy } from "../router/core/models/parse-inference-policy.ts";
import { compilePolicy } from "../router/core/policy/compile.ts";
import { egressPolicy, parseEgressPolicy } from "../router/core/policy/parse-egress-policy.ts";
import type { CompiledPolicy } from "../router/core/policy/snapshot.ts";
import { readCapped } from "../router/edge/trust/read-capped.ts";
import { findDocuments } from "./find-documents.ts";

export interface PolicyFile {
  readonly file: string;
  readonly policy: CompiledPolicy;
}

export interface InferencePolicyFile {
  readonly file: string;
  readonly policy: CompiledInferencePolicy;
}

export interface GovernancePolicyFile {
  readonly file: string;
  readonly policy: CompiledGovernancePolicy;
}

export type Reading<Value> = Promise<Result<Value, readonly DocumentProblem[]>>;

export interface SourceText {
  readonly text: string;
  /** `sha256:` and 64 hex digits, over the file's octets. */
  readonly digest: string;
}

/** A file of the size of a document at most, as UTF-8. */
export async function readSource(cwd: string, file: string): Reading<SourceText> {
  const read = await readCapped(resolve(cwd, file), MAXIMUM_DOCUMENT);
  if (!read.ok) return refusal(file, read.problem.code, read.problem.message);
  const digest = `sha256:${createHash("sha256").update(read.value).digest("hex")}`;
  try {
    return ok({ text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(read.value), digest });
  } catch {
    return refusal(file, "not_utf8", "The file is not UTF-8 text.");
  }
}

/** Reads and compiles one `EgressPolicy`, without grace and without looking at its signature. */
export async function readPolicy(cwd: string, file: string): Reading<PolicyFile> {
  const source = await readSource(cwd, file);
  if (!source.ok) return source;
  const document = parseEgressPolicy(file, source.value.text);
  return document.ok ? ok({ file, policy: compilePolicy(document.value, source.value.digest, millis(0)) }) : document;
}

/** The same for one `InferencePolicy`. */
export async function readInferencePolicy(cwd: string, file: string): Reading<InferencePolicyFile> {
  const source = await readSource(cwd, file);
  if (!source.ok) return source;
  const document = parseInferencePolicy(file, source.value.text);
  if (!document.ok) return document;
  return ok({ file, policy: compileInferencePolicy(document.value, source.value.digest, millis(0)) });
}

/** The same for one `GovernancePolicy`; it is taken for signed, so that its graph of peers counts. */
export async function readGovernancePolicy(cwd: string, file: string): Reading<GovernancePolicyFile> {
  const source = await readSource(cwd, file);
  if (!source.ok) return source;
  const document = parseGovernancePolicy(file, source.value.text);
  if (!document.ok) return document;
  const policy = compileGovernancePolicy(document.value, source.value.digest, millis(0), { signed: true });
  return ok({ file, policy });
}

/** The `EgressPolicy` that a file is, or the only one that a directory holds. */
export async function findPolicy(cwd: string, path: string): Reading<PolicyFile> {
  const file = await findOnly(cwd, path, egressPolicy.kind);
  if (!file.ok) return file;
  if (file.value === undefined) return refusal(path, "no_policy", "No document in this directory is an EgressPolicy.");
  return readPolicy(cwd, file.value);
}

/**
 * The `InferencePolicy` that a file is, or the only one that a directory holds; undefined: a directory without one,
 * which is in order.
 */
export async function findInferencePolicy(cwd: string, path: string): Reading<InferencePolicyFile | undefined> {
  const file = await findOnly(cwd, path, inferencePolicy.kind);
  if (!file.ok) return file;
  return file.value === undefined ? ok(undefined) : readInferencePolicy(cwd, file.value);
}

/** The same for the `GovernancePolicy`. */
export async function findGovernancePolicy(cwd: string, path: string): Reading<GovernancePolicyFile | undefined> {
  const file = await findOnly(cwd, path, governancePolicy.kind);
  if (!file.ok) return file;
  return file.value === undefined ? ok(undefined) : readGovernancePolicy(cwd, file.value);
}

/** What a document says it is; undefined where it says nothing. */
export async function kindOfFile(cwd: string, file: string): Reading<string | undefined> {
  const source = await readSource(cwd, file);
  return source.ok ? ok(kindOf(readYaml(file, source.value.text))) : source;
}

/** A file as it is given, or the only one of this kind in a directory. */
async function findOnly(cwd: string, path: string, kind: string): Reading<string | undefined> {
  const documents = await findDocuments(cwd, path);
  if (!documents.ok) return refusal(path, "unreadable", documents.problem);
  const [group] = documents.value;
  if (group?.directory === false) return ok(path);
  const found: string[] = [];
  for (const file of documents.value.flatMap(({ files }) => files)) {
    const said = await kindOfFile(cwd, file);
    if (!said.ok) return said;
    if (said.value === kind) found.push(file);
  }
  const [only, ...more] = found;
  if (more.length > 0) return refusal(path, "several_policies", `There are several: ${found.join(", ")}. Name one.`);
  return ok(only);
}

function refusal(file: string, code: string, message: string): Result<never, readonly DocumentProblem[]> {
  return fail([{ file, line: 0, column: 0, code, message }]);
}
