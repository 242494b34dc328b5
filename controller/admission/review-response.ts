import { type AdmissionProblem, type Answer, REFUSAL_REASONS } from "./answer.ts";

/** Octets of a refusal's message: it ends up in events, logs and terminals. */
export const MOST_MESSAGE = 8 * 1024;
/** Kubernetes asks for no more in one warning, and drops what exceeds 4,096 characters together. */
export const MOST_WARNING = 120;
const MOST_WARNINGS = 32;
const MOST_CAUSES = 32;

/** The body that answers a review: an AdmissionReview (admission.k8s.io/v1) with a `response`. */
export function reviewResponse(uid: string, answer: Answer): string {
  const warnings = answer.warnings.slice(0, MOST_WARNINGS).map(warningText);
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: { uid, ...verdict(answer), ...(warnings.length > 0 ? { warnings } : {}) },
  });
}

function verdict(answer: Answer): object {
  if (!answer.allowed) {
    const reason = REFUSAL_REASONS[answer.code];
    const message = refusalText(answer.problems);
    const causes = answer.problems.slice(0, MOST_CAUSES).map(cause);
    return { allowed: false, status: { status: "Failure", code: answer.code, reason, message, details: { causes } } };
  }
  if (answer.patch.length === 0) return { allowed: true };
  const patch = Buffer.from(JSON.stringify(answer.patch)).toString("base64");
  return { allowed: true, patchType: "JSONPatch", patch };
}

function cause({ code, path, message }: AdmissionProblem): object {
  return { reason: code, field: path, message: printable(message).slice(0, 512) };
}

/** `path: message`, a line each; what does not fit is counted. */
export function refusalText(problems: readonly AdmissionProblem[]): string {
  const lines: string[] = [];
  let octets = 0;
  for (const { path, message } of problems) {
    const line = printable(path === "" ? message : `${path}: ${message}`);
    const length = Buffer.byteLength(line) + 1;
    // Room for the last line, which says how many are left out.
    if (octets + length > MOST_MESSAGE - 64) {
      if (lines.length === 0) lines.push(`${line.slice(0, 1024)}...`);
      break;
    }
    octets += length;
    lines.push(line);
  }
  const left = problems.length - lines.length;
  if (left > 0) lines.push(`... and ${left} more`);
  return lines.join("\n");
}

function warningText(warning: string): string {
  const letters = Array.from(printable(warning));
  return letters.length <= MOST_WARNING ? letters.join("") : `${letters.slice(0, MOST_WARNING - 3).join("")}...`;
}

/** A message may quote the object: it must not steer a terminal, nor make lines or headers of its own. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?");
}
