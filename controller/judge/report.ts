import type { Violation, ViolationCode } from "../pod/violation.ts";

/** Where each part of the judge says what it finds. */
export type Report = (code: ViolationCode, path: string, message: string) => void;

export interface Collected {
  readonly report: Report;
  readonly violations: readonly Violation[];
}

export function collect(): Collected {
  const violations: Violation[] = [];
  return { violations, report: (code, path, message) => void violations.push({ code, path, message }) };
}

/** Indices count what the injector put in front too, so what a pod's author wrote is named as well. */
export function inNamed(what: "container" | "volume", name: string, report: Report): Report {
  return (code, path, message) => report(code, path, `${message} (${what} ${shown(name)})`);
}

const LONGEST_SHOWN = 80;

/** A value from a pod as a message may show it: quoted, on one line, and not long. */
export function shown(value: unknown): string {
  const text = (value === undefined ? "nothing" : JSON.stringify(value)).replaceAll(/[^\u0020-\u007E]/gu, "?");
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN - 3)}...` : text;
}
