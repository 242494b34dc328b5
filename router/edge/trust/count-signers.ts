/** One bundle that verified: who signed it, and which signer ids that may stand for. */
export interface CountedSignature {
  /** The key, or issuer and identity: the same principal twice is one signature. */
  readonly principal: string;
  readonly signers: readonly string[];
}

/**
 * The largest set of signer ids such that each is backed by a principal of its own: overlapping patterns do
 * not make two signers out of one person, nor one bundle twice. The order of the bundles does not matter.
 * (Maximum bipartite matching by augmenting paths; both sides have a handful.)
 */
export function countSigners(signatures: readonly CountedSignature[]): readonly string[] {
  const claims = new Map<string, Set<string>>();
  for (const { principal, signers } of signatures) {
    claims.set(principal, (claims.get(principal) ?? new Set()).union(new Set(signers)));
  }
  const holder = new Map<string, string>();
  const place = (principal: string, tried: Set<string>): boolean => {
    for (const signer of [...(claims.get(principal) ?? [])].toSorted()) {
      if (tried.has(signer)) continue;
      tried.add(signer);
      const present = holder.get(signer);
      if (present === undefined || place(present, tried)) {
        holder.set(signer, principal);
        return true;
      }
    }
    return false;
  };
  for (const principal of [...claims.keys()].toSorted()) place(principal, new Set());
  return [...holder.keys()].toSorted();
}
