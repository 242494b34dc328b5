/**
 * What a Merkle proof was found to be; anything but `proved` is no proof. `bad_size`: an index outside its tree, an old
 * tree larger than the new one, or no exact number. `bad_hash`: not 64 digits of lower-case hex. `bad_length`: more or
 * fewer hashes than such a proof has. `wrong_old_root`, `wrong_root`: it leads to another root than the tree's.
 */
export type ProofVerdict = "proved" | "bad_size" | "bad_hash" | "bad_length" | "wrong_old_root" | "wrong_root";
