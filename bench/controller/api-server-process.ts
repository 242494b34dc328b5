import { readdirSync, readFileSync } from "node:fs";

/** The process that this one started whose name, of which proc(5) keeps 15 letters, begins so. Throws where there is none. */
export function ownChild(name: string): number {
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const [of, parent] = nameAndParent(pid);
    if (of?.startsWith(name) === true && parent === process.pid) return pid;
  }
  throw new Error(`no process ${name} was started here`);
}

/** Empty where it has ended meanwhile. */
function nameAndParent(pid: number): readonly [name: string, parent: number] | readonly [] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    return [stat.slice(stat.indexOf("(") + 1, end), Number(stat.slice(end + 2).split(" ")[1])];
  } catch {
    return [];
  }
}
