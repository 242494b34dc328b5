package main

import (
	"bytes"
	"flag"
	"fmt"
	"path/filepath"

	"github.com/gowebpki/jcs"
)

// checkCanonical: jcs DIRECTORY|FILE...
//
// Every line must be its own RFC 8785 form.
func checkCanonical(args []string) (any, error) {
	paths, err := parseArguments(flag.NewFlagSet("jcs", flag.ContinueOnError), args, -1)
	if err != nil {
		return nil, err
	}
	files, err := segmentsOf(paths)
	if err != nil {
		return nil, err
	}
	count := 0
	for _, file := range files {
		lines, err := linesOf(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		for index, line := range lines {
			form, err := jcs.Transform(line)
			if err != nil {
				return nil, fmt.Errorf("%s: line %d: %w", filepath.Base(file), index+1, err)
			}
			if !bytes.Equal(form, line) {
				return nil, fmt.Errorf("%s: line %d has the canonical form %s", filepath.Base(file), index+1, form)
			}
		}
		count += len(lines)
	}
	return map[string]int{"lines": count}, nil
}
