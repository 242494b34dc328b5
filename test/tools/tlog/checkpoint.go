package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/transparency-dev/formats/log"
	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

type witnessed struct {
	Name string `json:"name"`
	Time string `json:"time"`
}

type opened struct {
	Origin     string      `json:"origin"`
	Size       uint64      `json:"size"`
	Root       string      `json:"root"`
	Cosigners  []witnessed `json:"cosigners"`
	checkpoint *log.Checkpoint
	note       *note.Note
}

// openNote: open --vkey V [--cosigner V]... FILE
func openNote(args []string) (any, error) {
	flags := flag.NewFlagSet("open", flag.ContinueOnError)
	trust := trustFlags(flags)
	files, err := parseArguments(flags, args, 1)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	return trust.open(raw)
}

// trust is whose signatures a checkpoint must bear: the log's and that of every witness named.
type trust struct {
	vkey      string
	cosigners list
}

func trustFlags(flags *flag.FlagSet) *trust {
	t := &trust{}
	flags.StringVar(&t.vkey, "vkey", "", "the log's verifier key; its name is the origin")
	flags.Var(&t.cosigners, "cosigner", "a witness's verifier key")
	return t
}

func (t *trust) open(raw []byte) (*opened, error) {
	logKey, err := note.NewVerifier(t.vkey)
	if err != nil {
		return nil, fmt.Errorf("--vkey: %w", err)
	}
	witnessKeys := make([]note.Verifier, len(t.cosigners))
	for i, vkey := range t.cosigners {
		if witnessKeys[i], err = cosignature.NewVerifierForCosignatureV1(vkey); err != nil {
			return nil, fmt.Errorf("--cosigner: %w", err)
		}
	}
	checkpoint, extensions, signed, err := log.ParseCheckpoint(raw, logKey.Name(), logKey, witnessKeys...)
	if err != nil {
		return nil, err
	}
	// The library reads more than the format has: sizes with leading zeroes, roots of any length.
	if len(checkpoint.Hash) != 32 || string(checkpoint.Marshal())+string(extensions) != signed.Text {
		return nil, errors.New("the checkpoint is not in the form in which the library writes it")
	}
	result := &opened{
		Origin: checkpoint.Origin, Size: checkpoint.Size, Root: fmt.Sprintf("%x", checkpoint.Hash),
		Cosigners: []witnessed{}, checkpoint: checkpoint, note: signed,
	}
	for _, key := range witnessKeys {
		found := false
		for _, signature := range signed.Sigs {
			if signature.Name != key.Name() || signature.Hash != key.KeyHash() {
				continue
			}
			at, err := cosignature.CoSigV1Timestamp(signature)
			if err != nil {
				return nil, err
			}
			found = true
			result.Cosigners = append(result.Cosigners, witnessed{key.Name(), at.UTC().Format(time.RFC3339)})
		}
		if !found {
			return nil, fmt.Errorf("%s has not cosigned", key.Name())
		}
	}
	return result, nil
}
