/** One operation of RFC 6902. */
export type PatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/** One thing wrong with an object. `Violation` of a pod is one of these. */
export interface AdmissionProblem {
  readonly code: string;
  /** As Kubernetes names it: `spec.allow[0].ports`. */
  readonly path: string;
  readonly message: string;
}

/** What a webhook says. Absence denies: there is no answer that allows without saying so. */
export type Answer =
  | {
      readonly allowed: true;
      /** Empty: the object stays as it is. */
      readonly patch: readonly PatchOperation[];
      readonly warnings: readonly string[];
    }
  | {
      readonly allowed: false;
      readonly code: RefusalCode;
      /** At least one; all that are known, not the first. */
      readonly problems: readonly AdmissionProblem[];
      readonly warnings: readonly string[];
    };

/** HTTP status of the user's own request. 403: not to be had; 422: the object is not one; 400: not a question for us. */
export type RefusalCode = 400 | 403 | 422;

export const REFUSAL_REASONS: Readonly<Record<RefusalCode, string>> = {
  400: "BadRequest",
  403: "Forbidden",
  422: "Invalid",
};

export function allow(patch: readonly PatchOperation[] = [], warnings: readonly string[] = []): Answer {
  return { allowed: true, patch, warnings };
}

export function refuse(
  code: RefusalCode,
  problems: readonly AdmissionProblem[],
  warnings: readonly string[] = [],
): Answer {
  if (problems.length === 0) throw new Error("a refusal says why");
  return { allowed: false, code, problems, warnings };
}
