import { NODE } from "../../netns/lab.ts";
import { ALLOWED, type Frame, type Seen } from "../pod-lab-internet.ts";
import type { PodLab } from "../pod-lab.ts";
import { ATTEMPTS, type Attempt, byNeighbour, type Control } from "./catalogue.ts";

/** What the containers say they came to, and what came out of the pod meanwhile. */
export interface Played {
  readonly said: ReadonlyMap<string, string>;
  readonly frames: readonly Frame[];
  readonly seen: readonly Seen[];
}

/** For the two containers that make them: `agent`, and `neighbour`, which is another UID and passes on what it is asked to. */
export const ATTEMPT_FILES = {
  "agent.json": ATTEMPTS.filter((each) => !byNeighbour(each)).map(toDo),
  "neighbour.json": ATTEMPTS.filter(byNeighbour).map(toDo),
};

function toDo({ id, args }: Attempt): object {
  return { id, ...args };
}

/** Runs the pod until its agent has made all attempts. */
export async function play(lab: PodLab): Promise<Played> {
  const state = await lab.start();
  if (state !== "Running") throw new Error(`${state}\n${lab.output()}`);
  const agent = await lab.container("agent").ended;
  if (agent.code !== 0) throw new Error(`the agent ended with ${agent.code}\n${lab.output()}`);
  const said = new Map([...saidBy(agent.stdout), ...saidBy(lab.container("neighbour").stdout())]);
  if (said.size !== ATTEMPTS.length) throw new Error(`only ${said.size} attempts were made\n${lab.output()}`);
  return { said, frames: await lab.internet.frames(), seen: await lab.internet.seen() };
}

function saidBy(stdout: string): readonly (readonly [string, string])[] {
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const { id, said } = JSON.parse(line) as { id: string; said: string };
    return [id, said] as const;
  });
}

/** Attempts that came to something else than they should. */
export function surprises({ said }: Played): readonly string[] {
  return ATTEMPTS.filter(({ id, expected }) => !expected.includes(said.get(id) ?? "")).map(
    ({ id, expected }) => `${id}: ${said.get(id)}, not ${expected.join(" or ")}`,
  );
}

/** Whatever came out of the pod and is not the router's work: the attempt that it belongs to, or the frame. */
export function leaks({ frames }: Pick<Played, "frames">): readonly string[] {
  return frames.filter((frame) => !isRouters(frame)).map((frame) => ownerOf(frame) ?? JSON.stringify(frame));
}

function ownerOf(frame: Frame): string | undefined {
  return ATTEMPTS.find((each) => isOf(each, frame))?.id;
}

function isOf({ remote, args }: Attempt, { to, text }: Frame): boolean {
  return remote.includes(to) || text.includes(String(args["marker"]));
}

/** Its questions to the resolver, its way to the allowed host, its answers to the probes; and who listens to which group. */
function isRouters({ to, toPort, fromPort, protocol, type, text }: Frame): boolean {
  if (text.includes("LEAK")) return false;
  if (to === NODE.ipv4) return toPort === 53 || (protocol === 6 && fromPort === 18_090);
  if (to === ALLOWED.ipv4 || to === ALLOWED.ipv6) return protocol === 6 && toPort === 443;
  return protocol === 2 || (protocol === 58 && type === 143);
}

/** Attempts that are let in this pod, and yet were not seen to get through. */
export function toothless(pod: Control, { said, frames }: Played): readonly string[] {
  return ATTEMPTS.filter(({ control }) => control?.[0] === pod)
    .filter((each) => {
      const comesTo = each.control?.[1];
      return comesTo === "arrives"
        ? !frames.some((frame) => isOf(each, frame))
        : comesTo?.test(said.get(each.id) ?? "") !== true;
    })
    .map(({ id }) => `${id}: ${said.get(id)}`);
}
