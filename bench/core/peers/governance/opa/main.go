// Compiles one Rego file to WebAssembly: opa-compile FILE ENTRYPOINT > policy.wasm
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/open-policy-agent/opa/v1/compile"
)

func main() {
	compiler := compile.New().WithTarget(compile.TargetWasm).WithEntrypoints(os.Args[2]).WithPaths(os.Args[1])
	if err := compiler.Build(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, module := range compiler.Bundle().WasmModules {
		os.Stdout.Write(module.Raw)
	}
}
