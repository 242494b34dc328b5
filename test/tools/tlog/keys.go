package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"os"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// generateKey: keygen --name N [--cosigner]
func generateKey(args []string) (any, error) {
	flags := flag.NewFlagSet("keygen", flag.ContinueOnError)
	name := flags.String("name", "", "the key's name")
	isCosigner := flags.Bool("cosigner", false, "print the vkey of a witness")
	if _, err := parseArguments(flags, args, 0); err != nil {
		return nil, err
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, *name)
	if err == nil && *isCosigner {
		vkey, err = cosignature.VKeyToCosignatureV1(vkey)
	}
	return map[string]string{"skey": skey, "vkey": vkey}, err
}

// signText: sign --skey S FILE; the file is the text of the note.
func signText(args []string) (any, error) {
	flags := flag.NewFlagSet("sign", flag.ContinueOnError)
	skey := flags.String("skey", "", "the signer's key")
	files, err := parseArguments(flags, args, 1)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(*skey)
	if err != nil {
		return nil, err
	}
	return noteValue(note.Sign(&note.Note{Text: string(text)}, signer))
}

// cosignNote: cosign --skey S --vkey V FILE; the file is a checkpoint that the log has signed.
func cosignNote(args []string) (any, error) {
	flags := flag.NewFlagSet("cosign", flag.ContinueOnError)
	skey := flags.String("skey", "", "the witness's key")
	trust := trustFlags(flags)
	files, err := parseArguments(flags, args, 1)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	checkpoint, err := trust.open(raw)
	if err != nil {
		return nil, err
	}
	signer, err := cosignature.NewSignerForCosignatureV1(*skey)
	if err != nil {
		return nil, fmt.Errorf("--skey: %w", err)
	}
	return noteValue(note.Sign(checkpoint.note, signer))
}

func noteValue(signed []byte, err error) (any, error) {
	return map[string]string{"note": string(signed)}, err
}
