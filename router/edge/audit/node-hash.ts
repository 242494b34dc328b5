import { hash } from "node:crypto";
import type { NodeHash } from "../../core/tlog/tree-hash.ts";

const input = Buffer.alloc(65);
input[0] = 1;

/** SHA-256(0x01 || left || right) of hashes in hex (RFC 6962 section 2.1); 0.7 us. */
export const nodeHash: NodeHash = (left, right) => {
  input.write(left, 1, "hex");
  input.write(right, 33, "hex");
  return hash("sha256", input, "hex");
};
