package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	cosignature "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"golang.org/x/mod/sumdb/note"
)

// maximumBody is what the public witnesses of 2026 read of a request.
const maximumBody = 16 << 10

// witness is C2SP tlog-witness in memory. The file of verifier keys is read at each request: logs may come later.
type witness struct {
	logs   string
	signer *cosignature.Signer

	mutex sync.Mutex
	heads map[string]*opened
}

// serveWitness: witness --skey S --logs FILE [--listen ADDRESS]
//
// Says {"url"} once it listens, and serves until SIGTERM or SIGINT. FILE has one verifier key of a log a line.
func serveWitness(args []string) (any, error) {
	flags := flag.NewFlagSet("witness", flag.ContinueOnError)
	skey := flags.String("skey", "", "the witness's key")
	logs := flags.String("logs", "", "a file with the logs' verifier keys")
	listen := flags.String("listen", "127.0.0.1:0", "address and port")
	if _, err := parseArguments(flags, args, 0); err != nil {
		return nil, err
	}
	signer, err := cosignature.NewSignerForCosignatureV1(*skey)
	if err != nil {
		return nil, fmt.Errorf("--skey: %w", err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return nil, err
	}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	w := &witness{logs: *logs, signer: signer, heads: map[string]*opened{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.addCheckpoint)
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	say(map[string]string{"url": "http://" + listener.Addr().String()})
	<-ended.Done()
	return map[string]int{"logs": len(w.heads)}, server.Close()
}

func (w *witness) addCheckpoint(out http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(out, in.Body, maximumBody))
	if err != nil {
		http.Error(out, "too long", http.StatusBadRequest)
		return
	}
	added, err := parseAddCheckpoint(body)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	status, text := w.judge(added)
	switch status {
	case http.StatusOK:
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
	case http.StatusConflict:
		out.Header().Set("Content-Type", "text/x.tlog.size")
	}
	out.WriteHeader(status)
	fmt.Fprintln(out, text)
}

// judge answers in the order of the specification; a text has no newline at its end.
func (w *witness) judge(added *addCheckpoint) (int, string) {
	origin, _, _ := bytes.Cut(added.note, []byte("\n"))
	vkey, err := w.keyOf(string(origin))
	if err != nil {
		return http.StatusNotFound, err.Error()
	}
	checkpoint, err := (&trust{vkey: vkey}).open(added.note)
	if err != nil {
		return http.StatusForbidden, err.Error()
	}
	if added.old > checkpoint.Size {
		return http.StatusBadRequest, "the old size is larger"
	}
	oldSize, oldRoot := uint64(0), hasher.EmptyRoot()
	if head := w.heads[checkpoint.Origin]; head != nil {
		oldSize, oldRoot = head.Size, head.checkpoint.Hash
	}
	sameSize := oldSize == checkpoint.Size
	if added.old != oldSize || (sameSize && !bytes.Equal(oldRoot, checkpoint.checkpoint.Hash)) {
		return http.StatusConflict, fmt.Sprint(oldSize)
	}
	err = proof.VerifyConsistency(hasher, oldSize, checkpoint.Size, added.hashes, oldRoot, checkpoint.checkpoint.Hash)
	if err != nil {
		return http.StatusUnprocessableEntity, err.Error()
	}
	signed, err := note.Sign(&note.Note{Text: checkpoint.note.Text}, w.signer)
	if err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	w.heads[checkpoint.Origin] = checkpoint
	lines, _ := strings.CutPrefix(string(signed), checkpoint.note.Text+"\n")
	return http.StatusOK, strings.TrimSuffix(lines, "\n")
}

func (w *witness) keyOf(origin string) (string, error) {
	raw, err := os.ReadFile(w.logs)
	if err != nil {
		return "", err
	}
	for vkey := range strings.Lines(string(raw)) {
		if name, _, _ := strings.Cut(vkey, "+"); name == origin {
			return strings.TrimSuffix(vkey, "\n"), nil
		}
	}
	return "", errors.New("the log is not known")
}
