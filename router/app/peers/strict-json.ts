import { isObject, type JsonObject } from "../../core/peer/agent-card.ts";
import { MemberScan } from "../../core/json/member-scan.ts";
import { scanPlan } from "../../core/json/scan-plan.ts";

/** Canonical form ends at 32 levels, and what is read stands one deeper. */
const DEEPEST = 24;
const [BEFORE, AFTER] = [Buffer.from('{"it":'), Buffer.from("}")];

/**
 * An object as all readers of JSON take it: RFC 8259 in UTF-8, no member twice at any depth, at most 24 levels. Undefined
 * for anything else.
 */
export function strictObject(octets: Uint8Array): JsonObject | undefined {
  // As the member of another object, so that what is true of a member's value is true of all of it.
  const capture = new Map([["it", octets.length]]);
  const scan = new MemberScan(scanPlan({ capture, count: new Set(), depth: DEEPEST + 1 }));
  for (const part of [BEFORE, octets, AFTER]) scan.push(part);
  const end = scan.end();
  if (!end.ok || end.value.size !== 1) return undefined;
  const value = end.value.members.get("it")?.value;
  return isObject(value) ? value : undefined;
}
