package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

var (
	hasher       = rfc6962.DefaultHasher
	ranges       = compact.RangeFactory{Hash: hasher.HashChildren}
	segmentNames = regexp.MustCompile(`^audit-([0-9]{8,15})-[0-9a-f]{32}\.jsonl$`)
	noLeaf       = strings.Repeat("0", 64)
)

// record is as much of a line as links and leaves take.
type record struct {
	Stream string  `json:"stream"`
	Seq    *uint64 `json:"seq"`
	Prev   string  `json:"prev"`
	Kind   string  `json:"kind"`
	Detail struct {
		Tree []string `json:"tree"`
	} `json:"detail"`
}

// stream is one tree: the leaf of record `seq` has the index `seq`.
type stream struct {
	Stream string `json:"stream"`
	// Begin is the seq of the first record read; the subtrees before it are those that its segment names.
	Begin uint64 `json:"begin"`
	Size  uint64 `json:"size"`
	Root  string `json:"root"`

	tree  *compact.Range
	roots map[uint64]string
}

type chain struct {
	Records  int       `json:"records"`
	Segments int       `json:"segments"`
	Streams  []*stream `json:"streams"`
	// Continues says that the first record has one before it that was not read.
	Continues bool `json:"continues"`

	prev string
	want uint64
}

// readLog: log [--stream S [--size N | --note FILE --vkey V [--cosigner V]...]] DIRECTORY|SEGMENT...
//
// With --note: the checkpoint must be signed, and the root over the raw lines must be the one it names.
func readLog(args []string) (any, error) {
	flags := flag.NewFlagSet("log", flag.ContinueOnError)
	name := flags.String("stream", "", "the only stream to print")
	size := flags.Uint64("size", 0, "print the root of so many records; 0: of all")
	checkpointFile := flags.String("note", "", "a checkpoint of the stream to compare with")
	trust := trustFlags(flags)
	paths, err := parseArguments(flags, args, -1)
	if err != nil {
		return nil, err
	}
	if (*size != 0 || *checkpointFile != "") && *name == "" {
		return nil, fmt.Errorf("%w: log: --size and --note take --stream", errUsage)
	}
	c := &chain{Streams: []*stream{}, want: *size}
	var checkpoint *opened
	if *checkpointFile != "" {
		raw, err := os.ReadFile(*checkpointFile)
		if err != nil {
			return nil, err
		}
		if checkpoint, err = trust.open(raw); err != nil {
			return nil, err
		}
		if !strings.HasSuffix(checkpoint.Origin, "/"+*name) {
			return nil, fmt.Errorf("the checkpoint is of %s", checkpoint.Origin)
		}
		c.want = checkpoint.Size
	}
	files, err := segmentsOf(paths)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := c.readSegment(file); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	for _, s := range c.Streams {
		s.Size = s.tree.End()
		if s.Root, err = rootOf(s.tree); err != nil {
			return nil, err
		}
	}
	if *name == "" {
		return c, nil
	}
	c.Streams = slices.DeleteFunc(c.Streams, func(s *stream) bool { return s.Stream != *name })
	if len(c.Streams) != 1 {
		return nil, fmt.Errorf("no record is of stream %s", *name)
	}
	if *size == 0 && checkpoint == nil {
		return c, nil
	}
	s := c.Streams[0]
	root, known := s.roots[c.want]
	if !known {
		return nil, fmt.Errorf("the stream holds records %d to %d, not a tree of %d", s.Begin, s.Size-1, c.want)
	}
	s.Size, s.Root = c.want, root
	if checkpoint != nil && checkpoint.Root != root {
		return nil, fmt.Errorf("the checkpoint of size %d has root %s, the records %s", s.Size, checkpoint.Root, root)
	}
	return c, nil
}

// segmentsOf lists segments in the order of the chain, those of a directory by their numbers.
func segmentsOf(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path) // sorted by name
		if err != nil {
			return nil, err
		}
		entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !segmentNames.MatchString(e.Name()) })
		slices.SortStableFunc(entries, func(a, b os.DirEntry) int { return segmentNumber(a) - segmentNumber(b) })
		for _, entry := range entries {
			files = append(files, filepath.Join(path, entry.Name()))
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no segment is there")
	}
	return files, nil
}

func segmentNumber(entry os.DirEntry) int {
	number, _ := strconv.Atoi(segmentNames.FindStringSubmatch(entry.Name())[1])
	return number
}

func (c *chain) readSegment(file string) error {
	lines, err := linesOf(file)
	if err != nil {
		return err
	}
	c.Segments++
	for index, line := range lines {
		if err := c.readRecord(line); err != nil {
			return fmt.Errorf("line %d: %w", index+1, err)
		}
	}
	return nil
}

// linesOf wants a file of one line or more, each ended.
func linesOf(file string) ([][]byte, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	text, ended := bytes.CutSuffix(raw, []byte("\n"))
	if !ended {
		return nil, errors.New("the last line has no end")
	}
	return bytes.Split(text, []byte("\n")), nil
}

func (c *chain) readRecord(line []byte) error {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	if r.Seq == nil || r.Stream == "" {
		return errors.New("it has no seq or no stream")
	}
	if c.Records == 0 {
		c.Continues = r.Prev != noLeaf
	} else if r.Prev != c.prev {
		return fmt.Errorf("prev is %s, the record before has the leaf %s", r.Prev, c.prev)
	}
	s, err := c.streamOf(&r)
	if err != nil {
		return err
	}
	if *r.Seq != s.tree.End() {
		return fmt.Errorf("seq is %d after %d records of its stream", *r.Seq, s.tree.End())
	}
	if r.Kind == "segment" && !slices.Equal(hexOf(s.tree.Hashes()), r.Detail.Tree) {
		return fmt.Errorf("detail.tree is %v, the records before make %v", r.Detail.Tree, hexOf(s.tree.Hashes()))
	}
	leaf := hasher.HashLeaf(line)
	if err := s.tree.Append(leaf, nil); err != nil {
		return err
	}
	c.Records++
	c.prev = hex.EncodeToString(leaf)
	if s.tree.End() == c.want {
		if s.roots[c.want], err = rootOf(s.tree); err != nil {
			return err
		}
	}
	return nil
}

// streamOf finds the record's stream, or begins it: with nothing, or with the subtrees that its segment names.
func (c *chain) streamOf(r *record) (*stream, error) {
	for _, s := range c.Streams {
		if s.Stream != r.Stream {
			continue
		}
		if s != c.Streams[len(c.Streams)-1] {
			return nil, fmt.Errorf("stream %s goes on behind another", r.Stream)
		}
		return s, nil
	}
	if *r.Seq != 0 && r.Kind != "segment" {
		return nil, fmt.Errorf("stream %s begins with record %d", r.Stream, *r.Seq)
	}
	if *r.Seq != 0 && c.Records != 0 {
		return nil, fmt.Errorf("records 0 to %d of stream %s are not there", *r.Seq-1, r.Stream)
	}
	hashes := make([][]byte, len(r.Detail.Tree))
	for i, text := range r.Detail.Tree {
		hash, err := hex.DecodeString(text)
		if err != nil || len(hash) != 32 {
			return nil, fmt.Errorf("detail.tree has %q, which is no hash", text)
		}
		hashes[i] = hash
	}
	tree, err := ranges.NewRange(0, *r.Seq, hashes)
	if err != nil {
		return nil, fmt.Errorf("detail.tree: %w", err)
	}
	s := &stream{Stream: r.Stream, Begin: *r.Seq, tree: tree, roots: map[uint64]string{}}
	c.Streams = append(c.Streams, s)
	return s, nil
}

func rootOf(tree *compact.Range) (string, error) {
	if tree.End() == 0 {
		return hex.EncodeToString(hasher.EmptyRoot()), nil
	}
	root, err := tree.GetRootHash(nil)
	return hex.EncodeToString(root), err
}

func hexOf(hashes [][]byte) []string {
	texts := make([]string, len(hashes))
	for i, hash := range hashes {
		texts[i] = hex.EncodeToString(hash)
	}
	return texts
}
