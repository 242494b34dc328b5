import { json } from "../router/core/approval/json-shape.ts";
import type { DocumentProblem } from "../router/core/base/problem.ts";
import { fail, ok } from "../router/core/base/result.ts";
import { readYaml } from "../router/core/document/read-yaml.ts";
import type { Json } from "../router/core/json/json.ts";
import { type GivenPolicy } from "../router/core/learning/suggestion.ts";
import { givenPolicy } from "../router/core/learning/given-policy.ts";
import type { CompiledPolicy } from "../router/core/policy/snapshot.ts";
import { type Reading, readSource } from "./policy-file.ts";
import { readPolicySet } from "./policy-set.ts";

/** A policy that stays as it is, and to which rules are added. */
export interface KeptPolicy {
  readonly given: GivenPolicy;
  readonly policy: CompiledPolicy;
  /** As written, in JSON: rules in their order, each with its id. */
  readonly allow: readonly (readonly [id: string, rule: string])[];
  readonly deny: readonly string[];
  readonly blocklist: string | undefined;
  readonly audience: string;
}

/**
 * The EgressPolicy of a directory (or a file), with the InferencePolicy beside it, whose providers are left to the agent
 * API.
 */
export async function readKeptPolicy(cwd: string, path: string): Reading<KeptPolicy> {
  const set = await readPolicySet(cwd, path);
  if (!set.ok) return set;
  const { egress, inference } = set.value;
  if (egress === undefined) return refusal(path, "no_policy", "No document in this directory is an EgressPolicy.");
  const { file, policy } = egress;
  const source = await readSource(cwd, file);
  if (!source.ok) return source;
  const tree = readYaml(file, source.value.text);
  const spec = memberOf(json().read(tree.root, tree.report), "spec");
  const [allow, deny, audience] = [memberOf(spec, "allow"), memberOf(spec, "deny"), memberOf(spec, "audience")];
  const blocklist = memberOf(spec, "blocklist");
  if (!Array.isArray(allow) || audience === undefined) {
    return refusal(file, "no_json", "There is no JSON form of what stands in it.");
  }
  const surroundings = {
    isProviderHost: (...at: Parameters<NonNullable<typeof inference>["policy"]["isProviderHost"]>) =>
      inference?.policy.isProviderHost(...at) ?? false,
    blocklist: () => undefined,
  };
  return ok({
    policy,
    given: givenPolicy(policy, policy.issuedAt, surroundings),
    allow: allow.map((rule: Json, at) => [policy.allow[at]?.id ?? "", JSON.stringify(rule)] as const),
    deny: Array.isArray(deny) ? deny.map((rule: Json) => JSON.stringify(rule)) : [],
    blocklist: blocklist === undefined ? undefined : JSON.stringify(blocklist),
    audience: JSON.stringify(audience),
  });
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value)).get(name);
}

function refusal(file: string, code: string, message: string) {
  const problems: readonly DocumentProblem[] = [{ file, line: 0, column: 0, code, message }];
  return fail(problems);
}
