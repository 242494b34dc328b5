import { fail, ok, type Result } from "../router/core/base/result.ts";

/**
 * The highest UID that `/proc/self/uid_map` maps (user_namespaces(7): inside, outside, count). "A process owns
 * this packet" is written as the range from 0 to there. Fails where UID 0 or the router's UID is not mapped: the
 * kernel would refuse the rules (EINVAL), or a rule could never match.
 */
export function lastMappedUid(text: string, routerUid: number): Result<number, string> {
  const extents: { readonly first: number; readonly last: number }[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const numbers = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line);
    if (numbers === null) return fail(`/proc/self/uid_map is not readable: "${line}"`);
    const first = Number(numbers[1]);
    extents.push({ first, last: first + Number(numbers[3]) - 1 });
  }
  for (const uid of [0, routerUid]) {
    if (!extents.some((extent) => extent.first <= uid && uid <= extent.last)) {
      return fail(`UID ${uid} is not mapped in this user namespace`);
    }
  }
  return ok(Math.max(...extents.map((extent) => extent.last)));
}
