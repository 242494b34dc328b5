package main

import (
	"bytes"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

type answer struct {
	Status      int    `json:"status"`
	ContentType string `json:"contentType"`
	Body        string `json:"body"`
	// Note is the checkpoint with the witness's cosignatures, where they verified.
	Note      string      `json:"note,omitempty"`
	Cosigners []witnessed `json:"cosigners,omitempty"`
	Problem   string      `json:"problem,omitempty"`
}

// feedWitness: feed --vkey V --cosigner V [--raw] URL BODY
//
// Sends an add-checkpoint body to URL/add-checkpoint. Whatever is answered is printed; 200 with cosignatures that do not
// verify is a problem. --raw sends what is no such body.
func feedWitness(args []string) (any, error) {
	flags := flag.NewFlagSet("feed", flag.ContinueOnError)
	trust := trustFlags(flags)
	isRaw := flags.Bool("raw", false, "do not look at the body first")
	given, err := parseArguments(flags, args, 2)
	if err != nil {
		return nil, err
	}
	body, err := os.ReadFile(given[1])
	if err != nil {
		return nil, err
	}
	added, err := parseAddCheckpoint(body)
	if err != nil && !*isRaw {
		return nil, err
	}
	client := http.Client{Timeout: 10 * time.Second}
	url := strings.TrimSuffix(given[0], "/") + "/add-checkpoint"
	response, err := client.Post(url, "text/plain; charset=utf-8", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	said := &answer{
		Status: response.StatusCode, ContentType: response.Header.Get("Content-Type"), Body: string(text),
	}
	if said.Status != http.StatusOK || added == nil {
		return said, nil
	}
	cosigned := append(bytes.Clone(added.note), text...)
	checkpoint, err := trust.open(cosigned)
	if err != nil {
		return nil, err
	}
	said.Note, said.Cosigners = string(cosigned), checkpoint.Cosigners
	return said, nil
}
