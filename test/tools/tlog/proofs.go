package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
)

// checkInclusion: inclusion --vkey V [--cosigner V]... PROOF
//
// PROOF is a C2SP tlog-proof whose extra data is the record's line without its newline.
func checkInclusion(args []string) (any, error) {
	flags := flag.NewFlagSet("inclusion", flag.ContinueOnError)
	trust := trustFlags(flags)
	files, err := parseArguments(flags, args, 1)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	var p tlogproof.TLogProof
	if err := p.Unmarshal(raw); err != nil {
		return nil, err
	}
	if !bytes.Equal(p.Marshal(), raw) {
		return nil, errors.New("the proof is not in the form in which the library writes it")
	}
	if p.ExtraData == nil {
		return nil, errors.New("the proof has no extra data: the record is not there")
	}
	checkpoint, err := trust.open(p.Checkpoint)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(p.Hashes))
	for i := range p.Hashes {
		hashes[i] = p.Hashes[i][:]
	}
	leaf := hasher.HashLeaf(p.ExtraData)
	if err := proof.VerifyInclusion(hasher, p.Index, checkpoint.Size, leaf, hashes, checkpoint.checkpoint.Hash); err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(p.ExtraData, &r); err != nil {
		return nil, fmt.Errorf("the record: %w", err)
	}
	if r.Seq == nil || *r.Seq != p.Index || !strings.HasSuffix(checkpoint.Origin, "/"+r.Stream) {
		return nil, errors.New("the record says that it has another place, or is of another stream")
	}
	return struct {
		*opened
		Index  uint64          `json:"index"`
		Leaf   string          `json:"leaf"`
		Record json.RawMessage `json:"record"`
	}{checkpoint, p.Index, hex.EncodeToString(leaf), p.ExtraData}, nil
}

// checkConsistency: consistency --vkey V [--old NOTE] BODY
//
// BODY is that of an add-checkpoint request (C2SP tlog-witness); NOTE is the checkpoint that it goes on from.
func checkConsistency(args []string) (any, error) {
	flags := flag.NewFlagSet("consistency", flag.ContinueOnError)
	trust := trustFlags(flags)
	oldFile := flags.String("old", "", "the older checkpoint; none where the body says old 0")
	files, err := parseArguments(flags, args, 1)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	added, err := parseAddCheckpoint(raw)
	if err != nil {
		return nil, err
	}
	checkpoint, err := trust.open(added.note)
	if err != nil {
		return nil, err
	}
	oldRoot := hasher.EmptyRoot()
	if *oldFile != "" {
		rawOld, err := os.ReadFile(*oldFile)
		if err != nil {
			return nil, err
		}
		older, err := trust.open(rawOld)
		if err != nil {
			return nil, fmt.Errorf("--old: %w", err)
		}
		if older.Size != added.old {
			return nil, fmt.Errorf("the body goes on from size %d, the older checkpoint has %d", added.old, older.Size)
		}
		oldRoot = older.checkpoint.Hash
	} else if added.old != 0 {
		return nil, fmt.Errorf("the body goes on from size %d, and no older checkpoint is given", added.old)
	}
	err = proof.VerifyConsistency(hasher, added.old, checkpoint.Size, added.hashes, oldRoot, checkpoint.checkpoint.Hash)
	if err != nil {
		return nil, err
	}
	return struct {
		*opened
		Old uint64 `json:"old"`
	}{checkpoint, added.old}, nil
}

type addCheckpoint struct {
	old    uint64
	hashes [][]byte
	note   []byte
}

func parseAddCheckpoint(body []byte) (*addCheckpoint, error) {
	head, signed, found := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	digits, isOld := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseUint(digits, 10, 64)
	if !found || !isOld || err != nil || strconv.FormatUint(old, 10) != digits {
		return nil, errors.New("it is not the body of an add-checkpoint request")
	}
	if len(lines) > 64 {
		return nil, errors.New("more than 63 hashes")
	}
	added := &addCheckpoint{old: old, note: signed}
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != 32 || base64.StdEncoding.EncodeToString(hash) != line {
			return nil, fmt.Errorf("%q is no hash", line)
		}
		added.hashes = append(added.hashes, hash)
	}
	return added, nil
}
