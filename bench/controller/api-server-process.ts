import { readdirSync, readFileSync } from "node:fs";

/** The process of this name (at most 15 letters count, proc(5)) that this process started. Throws where there is none. */
export function ownChild(name: string): number {
  for (const thread of readdirSync("/proc/self/task")) {
    const children = readFileSync(`/proc/self/task/${thread}/children`, "utf8").trim();
    for (const pid of children === "" ? [] : children.split(" ")) {
      if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name.slice(0, 15)) return Number(pid);
    }
  }
  throw new Error(`no process ${name} was started here`);
}
