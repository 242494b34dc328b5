// tlog checks what sluice writes for others to check (logs, checkpoints, proofs, OTLP) with libraries that sluice's
// authors did not write, and makes with them what sluice must be able to read. Only tests use it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A command prints its value as one line of JSON and ends with 0, or {"problem": "..."} and ends with 1.
type command struct {
	name string
	run  func(args []string) (any, error)
}

var commands = []command{
	{"open", openNote},
	{"log", readLog},
	{"inclusion", checkInclusion},
	{"consistency", checkConsistency},
	{"jcs", checkCanonical},
	{"otlp", checkLogsRequest},
	{"keygen", generateKey},
	{"sign", signText},
	{"cosign", cosignNote},
	{"feed", feedWitness},
	{"witness", serveWitness},
}

var errUsage = errors.New("usage")

func main() {
	index := -1
	if len(os.Args) > 1 {
		index = slices.IndexFunc(commands, func(c command) bool { return c.name == os.Args[1] })
	}
	if index < 0 {
		names := make([]string, len(commands))
		for i, c := range commands {
			names[i] = c.name
		}
		fmt.Fprintf(os.Stderr, "usage: tlog %s [flags] [files]\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	value, err := commands[index].run(os.Args[2:])
	if errors.Is(err, errUsage) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err != nil {
		say(map[string]string{"problem": err.Error()})
		os.Exit(1)
	}
	say(value)
}

func say(value any) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Stdout.Write(line.Bytes())
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// parseArguments reads flags and files in any order, and wants so many files; -1 is for one or more.
func parseArguments(flags *flag.FlagSet, args []string, files int) ([]string, error) {
	flags.SetOutput(os.Stderr)
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, fmt.Errorf("%w: %s: %v", errUsage, flags.Name(), err)
		}
		if flags.NArg() == 0 {
			break
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if len(rest) != files && !(files == -1 && len(rest) > 0) {
		return nil, fmt.Errorf("%w: %s: %d files are not what it takes", errUsage, flags.Name(), len(rest))
	}
	return rest, nil
}
