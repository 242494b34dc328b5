import { constants } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { parseSegmentName } from "../../core/audit/segment-header.ts";
import type { SegmentCursor } from "./segment-cursor.ts";

const MAXIMUM_BYTES = 1024;
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Where one reader of the log stands, kept in the state directory as `export-<name>.json`:
 * `{"file":"audit-...jsonl","format":1,"offset":1234}`. It is replaced as a whole and not synced: a cursor that is lost
 * or too old means that records are sent again.
 */
export interface CursorFile {
  /** Undefined where there is none, and where what is there is no cursor. Throws what the file system throws besides. */
  load(): Promise<SegmentCursor | undefined>;
  /** Throws what the file system throws; the old cursor then still stands. One at a time. */
  save(cursor: SegmentCursor): Promise<void>;
}

/** `name` is a DNS label; any other is a bug of the caller. */
export function cursorFile(directory: string, name: string): CursorFile {
  if (!NAME.test(name)) throw new Error(`no name for a cursor: ${JSON.stringify(name)}`);
  const path = join(directory, `export-${name}.json`);
  return {
    async load() {
      try {
        await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
        const bytes = Buffer.alloc(MAXIMUM_BYTES);
        const { bytesRead } = await file.read(bytes, 0, MAXIMUM_BYTES, 0);
        return parseCursor(bytes.toString("latin1", 0, bytesRead));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },
    async save({ file, offset }) {
      const beside = `${path}.tmp`;
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
      {
        await using handle = await open(beside, flags, 0o600);
        await handle.writeFile(`${JSON.stringify({ file, format: 1, offset })}\n`);
      }
      await rename(beside, path);
    },
  };
}

function parseCursor(text: string): SegmentCursor | undefined {
  const groups = /^\{"file":"(?<file>[a-z0-9.-]{1,80})","format":1,"offset":(?<offset>[0-9]{1,16})\}\n$/.exec(
    text,
  )?.groups;
  const file = groups?.["file"] ?? "";
  const offset = Number(groups?.["offset"]);
  return parseSegmentName(file) !== undefined && Number.isSafeInteger(offset) ? { file, offset } : undefined;
}
