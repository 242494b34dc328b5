import { seededRandom } from "./random.ts";
import type { FuzzTarget } from "./fuzz-target.ts";

export interface Campaign {
  readonly inputs: number;
  readonly accepted: number;
}

/** Runs `count` inputs through a target; what it throws on names the seed and the input that show it again. */
export function runCampaign(
  target: FuzzTarget,
  count: number,
  seed: number,
  progress?: (done: number) => void,
): Campaign {
  const random = seededRandom(seed);
  let accepted = 0;
  for (let done = 0; done < count; done++) {
    const input = target.input(random);
    try {
      if (target.examine(input, random)) accepted++;
    } catch (error) {
      const hex = Buffer.from(input).toString("hex");
      throw new Error(`${target.name}: input ${done} of seed ${seed}: ${hex}`, { cause: error });
    }
    if ((done + 1) % 50_000 === 0) progress?.(done + 1);
  }
  return { inputs: count, accepted };
}
