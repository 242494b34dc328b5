const DECIMAL = /^(?:0|[1-9][0-9]{0,38})$/;

/**
 * Which of two resource versions of one resource is the newer one: 1 where it is the first. They are decimal numbers of
 * any length, since Kubernetes 1.35 by its word ("Resource versions" in the API concepts), before that in fact. Undefined:
 * one of them is not, and nobody can say.
 */
export function compareResourceVersions(one: string, other: string): -1 | 0 | 1 | undefined {
  if (one === other) return 0;
  if (!DECIMAL.test(one) || !DECIMAL.test(other)) return undefined;
  if (one.length !== other.length) return one.length < other.length ? -1 : 1;
  return one < other ? -1 : 1;
}
