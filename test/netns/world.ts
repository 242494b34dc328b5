import { PORTS } from "../../init-egress-guard/settings.ts";
import { type Case, ORPHAN_BYTES, ROUTER } from "./case.ts";
import { type Actor, unprivileged } from "./actor.ts";
import { Lab, POD } from "./lab.ts";

/** A case that did not go as the guard promises, and what happened instead. */
export interface Failure {
  readonly case: Case;
  readonly why: string;
}

interface Said {
  readonly said: string;
  readonly ms: number;
}

interface Frame {
  readonly protocol: number;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly type?: number;
  readonly toPort?: number;
  readonly flags?: number;
}

const REFUSAL_MS = 100;
const [ICMPV6, NEIGHBOUR] = [58, [135, 136]];

/** A lab with everybody in it: agents, the router with its listeners, and the world outside. */
export class World implements AsyncDisposable {
  readonly lab = new Lab();
  readonly #actors = new Map<string, Actor>();
  readonly #root: Actor;
  /** The addresses of earlier plays: what is sent to them now was set off then. */
  readonly #past = new Set<string>();

  private constructor(uids: readonly number[]) {
    for (const uid of uids) this.#actors.set(String(uid), this.lab.actor("pod", unprivileged(uid)));
    this.#actors.set("raw", this.lab.actor("pod", unprivileged(0, ["net_raw"])));
    this.#actors.set(ROUTER, this.lab.actor("pod", unprivileged(Number(ROUTER))));
    this.#actors.set("outside", this.lab.actor("outside"));
    this.#root = this.lab.actor("pod");
  }

  static async open(uids: readonly number[]): Promise<World> {
    const world = new World(uids);
    await world.#ask("outside", {
      do: "serve",
      listeners: [
        ...[53, 80, 443, 853, 9_999].flatMap((port) => everywhere("outside", port)),
        ...everywhere("outside", 9_998, { slow: true }),
      ],
    });
    const loopback = ["127.0.0.1", "::1"];
    await world.#ask(ROUTER, {
      do: "serve",
      listeners: [
        ...Object.values(PORTS).flatMap((port) =>
          [...loopback, ...(port === PORTS.admin ? [POD.ipv4[0], POD.ipv6[0]] : [])].map((address) => ({
            transport: "tcp",
            address,
            port,
            name: `router:${port}`,
          })),
        ),
        ...loopback.map((address) => ({ transport: "udp", address, port: PORTS.dns, name: `router:${PORTS.dns}` })),
      ],
    });
    await world.#ask(String(uids[0]), {
      do: "serve",
      listeners: [...everywhere("agent", 7_000), ...everywhere("agent", 443)],
    });
    return world;
  }

  /** Plays all cases, phase after phase, and names those that went wrong. */
  async play(cases: readonly Case[]): Promise<readonly Failure[]> {
    this.lab.forgetNeighbours();
    const said = new Map<string, Said>();
    await this.#phase(cases, "hold", said);
    await this.#root.ask({ do: "flush" });
    await this.#phase(cases, "before", said);
    await this.lab.sniffer.ask({ do: "mark" });
    await this.#phase(cases, "go", said);
    const { received } = (await this.#ask("outside", { do: "received" })) as { received: Record<string, number> };
    const { frames } = (await this.lab.sniffer.ask({ do: "frames" })) as unknown as { frames: readonly Frame[] };
    await this.#again(cases, said);
    const failures: Failure[] = [];
    for (const each of cases) {
      const why = judge(each, said.get(each.id), frames, received);
      if (why !== undefined) failures.push({ case: each, why });
    }
    failures.push(...strangers(cases, frames, this.#past));
    for (const each of cases) if (!each.mayLeave) for (const address of each.remote) this.#past.add(address);
    return failures;
  }

  /** Who was told late or wrongly is asked once more, alone: the machine may be busy. Until one is told wrongly again. */
  async #again(cases: readonly Case[], said: Map<string, Said>): Promise<void> {
    const wrong = cases.filter(
      (each) => each.phase === "go" && !meets(each) && told(each, said.get(each.id)) !== undefined,
    );
    for (const each of wrong) {
      const { results } = await this.#ask(each.actor, { do: "run", cases: [{ ...each.attempt, id: each.id }] });
      const result = (results as Record<string, Said>)[each.id];
      if (result === undefined || told(each, result) !== undefined) return;
      said.set(each.id, result);
    }
  }

  async #phase(cases: readonly Case[], phase: Case["phase"], said: Map<string, Said>): Promise<void> {
    const runs = [...this.#actors.keys()].map(async (name) => {
      const mine = cases.filter((each) => each.actor === name && each.phase === phase);
      // Those that meet somebody begin at once: actors do a dozen things at a time.
      const own = [...mine.filter(meets), ...mine.filter((each) => !meets(each))];
      if (own.length === 0) return;
      const { results } = await this.#ask(name, {
        do: "run",
        cases: own.map((each) => ({ ...each.attempt, id: each.id })),
      });
      for (const [id, result] of Object.entries(results as Record<string, Said>)) said.set(id, result);
    });
    await Promise.all(runs);
  }

  async #ask(name: string, command: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const actor = this.#actors.get(name);
    if (actor === undefined) throw new Error(`nobody is called ${name}`);
    return actor.ask(command);
  }

  /** Its sockets are closed, its ports free, its rules there. */
  async killRouter(): Promise<void> {
    await this.#actors.get(ROUTER)?.end();
    this.#actors.delete(ROUTER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}

function meets({ attempt }: Case): boolean {
  return attempt.kind === "squat_outside" || attempt.kind === "held_send" || attempt["retry"] !== undefined;
}

/** Both families, both transports. */
function everywhere(name: string, port: number, more: object = {}): readonly object[] {
  return ["0.0.0.0", "::"].flatMap((address) =>
    ["tcp", "udp"].map((transport) => ({ transport, address, port, name, ...more })),
  );
}

function judge(each: Case, said: Said | undefined, frames: readonly Frame[], received: Record<string, number>) {
  const marker = each.attempt.payload ?? "";
  const mine = (frame: Frame) =>
    each.remote.includes(frame.to) || (marker.startsWith("LEAK") && frame.text.includes(marker));
  const left = each.mayLeave ? undefined : frames.find((frame) => mine(frame) && !isNeighbour(frame));
  if (left !== undefined) return `left the pod: ${describe(left)}; was told ${said?.said}`;
  if (each.actor === ROUTER && each.attempt["bulk"] !== undefined) {
    const count = received[each.attempt.to ?? ""] ?? 0;
    if (count < ORPHAN_BYTES * 0.99) return `only ${count} bytes arrived`;
  }
  return told(each, said);
}

/** What is wrong with what the one who tried was told. */
function told(each: Case, said: Said | undefined): string | undefined {
  if (said === undefined) return "was not tried";
  if (each.expected === "refused") {
    if (!/^E[A-Z]+$/.test(said.said)) return `was not refused: ${said.said}`;
    return said.ms > REFUSAL_MS ? `was refused after ${said.ms} ms only` : undefined;
  }
  if (each.expected === "kept") {
    return /^(outside|squatted|LEAK.*)$/.test(said.said) ? `was answered: ${said.said}` : undefined;
  }
  return said.said === each.expected.answer ? undefined : `was told ${said.said}, not ${each.expected.answer}`;
}

/** Frames that nobody has announced. */
function strangers(cases: readonly Case[], frames: readonly Frame[], past: ReadonlySet<string>): readonly Failure[] {
  const known = new Set(cases.filter((each) => each.phase === "go").flatMap((each) => each.remote));
  const [first] = cases;
  if (first === undefined) return [];
  return frames
    .filter((frame) => !isNeighbour(frame) && !known.has(frame.to) && !past.has(frame.to))
    .map((frame) => ({ case: { ...first, id: "nothing else leaves", family: familyOf(frame) }, why: describe(frame) }));
}

function familyOf(frame: Frame): "ipv4" | "ipv6" {
  return frame.to.includes(":") ? "ipv6" : "ipv4";
}

function isNeighbour(frame: Frame): boolean {
  return frame.protocol === ICMPV6 && NEIGHBOUR.includes(frame.type ?? 0) && !frame.text.includes("LEAK");
}

function describe(frame: Frame): string {
  const rest = [
    frame.type === undefined ? "" : `type ${frame.type}`,
    frame.flags === undefined ? "" : `flags ${frame.flags}`,
  ];
  return `protocol ${frame.protocol} ${frame.from} -> ${frame.to} ${frame.toPort ?? ""} ${rest.join("")}`.trim();
}
