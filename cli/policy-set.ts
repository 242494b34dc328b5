import type { DocumentProblem } from "../router/core/base/problem.ts";
import { fail, ok } from "../router/core/base/result.ts";
import { governancePolicy } from "../router/core/governance/parse-governance-policy.ts";
import { inferencePolicy } from "../router/core/models/parse-inference-policy.ts";
import { egressPolicy } from "../router/core/policy/parse-egress-policy.ts";
import { findDocuments } from "./find-documents.ts";
import {
  type GovernancePolicyFile,
  type InferencePolicyFile,
  kindOfFile,
  type PolicyFile,
  readGovernancePolicy,
  readInferencePolicy,
  readPolicy,
  type Reading,
} from "./policy-file.ts";

/** What a directory says together; undefined: it holds no policy of that kind. */
export interface PolicySet {
  readonly egress: PolicyFile | undefined;
  readonly inference: InferencePolicyFile | undefined;
  readonly governance: GovernancePolicyFile | undefined;
}

/** The policies that a file is, or that a directory holds: one of a kind at most, and one at least. */
export async function readPolicySet(cwd: string, path: string): Reading<PolicySet> {
  const documents = await findDocuments(cwd, path);
  if (!documents.ok) return refusal(path, "unreadable", documents.problem);
  const files = new Map<string, string>();
  for (const file of documents.value.flatMap((group) => group.files)) {
    const kind = await kindOfFile(cwd, file);
    if (!kind.ok) return kind;
    if (kind.value === undefined || !KINDS.includes(kind.value)) continue;
    const other = files.get(kind.value);
    if (other !== undefined)
      return refusal(path, "several_policies", `There are several: ${other}, ${file}. Name one.`);
    files.set(kind.value, file);
  }
  if (files.size === 0) return refusal(path, "no_policy", `There is none of ${KINDS.join(", ")} here.`);
  const egress = await readIf(files.get(egressPolicy.kind), (file) => readPolicy(cwd, file));
  const inference = await readIf(files.get(inferencePolicy.kind), (file) => readInferencePolicy(cwd, file));
  const governance = await readIf(files.get(governancePolicy.kind), (file) => readGovernancePolicy(cwd, file));
  if (egress.ok && inference.ok && governance.ok) {
    return ok({ egress: egress.value, inference: inference.value, governance: governance.value });
  }
  return fail([egress, inference, governance].flatMap((read) => (read.ok ? [] : read.problem)));
}

const KINDS: readonly string[] = [egressPolicy.kind, inferencePolicy.kind, governancePolicy.kind];

async function readIf<Value>(
  file: string | undefined,
  read: (file: string) => Reading<Value>,
): Reading<Value | undefined> {
  return file === undefined ? ok(undefined) : read(file);
}

function refusal(file: string, code: string, message: string) {
  const problems: readonly DocumentProblem[] = [{ file, line: 0, column: 0, code, message }];
  return fail(problems);
}
