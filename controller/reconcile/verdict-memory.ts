import type { Keyring } from "../../router/edge/trust/keyring.ts";
import { judgePolicy, type PolicyVerdict } from "./judge-policy.ts";
import { policyKey, type PolicyResource } from "./policy-resource.ts";

interface Remembered {
  readonly mark: string;
  readonly keyring: Keyring | undefined;
  readonly verdict: PolicyVerdict;
}

const MOST_REMEMBERED = 1_024;

/**
 * `judgePolicy`, once for each state of a resource: reading a policy of 10,000 rules holds up the process, and with it
 * admission, each time that a pod says something new. The API server raises the generation with each change of the spec.
 */
export function verdictMemory(): (resource: PolicyResource, keyring: Keyring | undefined) => PolicyVerdict {
  const known = new Map<string, Remembered>();
  return (resource, keyring) => {
    const { uid, generation, target, signatures, apiVersion, status } = resource;
    if (uid === "" || generation === undefined) return judgePolicy(resource, keyring);
    const key = policyKey(resource);
    const { version, digest } = status;
    const mark = JSON.stringify([uid, generation, target, signatures, apiVersion, version, digest]);
    const found = known.get(key);
    if (found !== undefined && found.mark === mark && found.keyring === keyring) return found.verdict;
    const verdict = judgePolicy(resource, keyring);
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(key, { mark, keyring, verdict });
    return verdict;
  };
}
