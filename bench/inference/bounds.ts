import type { InferenceComparison } from "./compare.ts";
import { portkeyOf, ratioTo } from "./table.ts";

/** Half of what is aimed at, and less: a machine that is busy does not fail these, and a cliff does. */
const LEAST_TO_PORTKEY = 2;
const MOST_RESIDENT = 260;

/** What is grossly wrong with the figures, a sentence each. */
export function inferenceFaults(comparison: InferenceComparison): readonly string[] {
  const { figures, counted, given } = comparison;
  const sluices = figures.filter(({ name }) => name.startsWith("Sluice"));
  const portkey = portkeyOf(comparison);
  const faults = sluices.flatMap(({ name, failures, soak }) => [
    ...(failures > 0 ? [`${failures} calls through ${name} failed`] : []),
    ...(soak !== undefined && soak.peak.rss > MOST_RESIDENT
      ? [`${name}: ${Math.round(soak.peak.rss)} MB resident in the soak, more than ${MOST_RESIDENT}`]
      : []),
  ]);
  const [sluice] = sluices;
  if (sluice === undefined) return ["Sluice was not measured"];
  if (portkey !== undefined && portkey.failures === 0 && !(ratioTo(sluice, portkey) >= LEAST_TO_PORTKEY)) {
    faults.push(`${ratioTo(sluice, portkey).toFixed(2)} times Portkey's calls a second, less than ${LEAST_TO_PORTKEY}`);
  }
  if (counted.tokens !== given.tokens || counted.calls !== given.calls) {
    faults.push(
      `metered ${counted.tokens} tokens in ${counted.calls} calls where the provider gave ${given.tokens} in ${given.calls}`,
    );
  }
  return faults;
}
