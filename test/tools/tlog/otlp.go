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
	"reflect"
	"slices"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// checkLogsRequest: otlp FILE
//
// FILE is the body of an OTLP/HTTP JSON logs request. Besides being one, it must be as the library writes it, apart from
// order, space and what is empty or zero: lowerCamelCase names, 64-bit numbers as strings, enums as numbers.
func checkLogsRequest(args []string) (any, error) {
	files, err := parseArguments(flag.NewFlagSet("otlp", flag.ContinueOnError), args, 1)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	given, err := decodeJSON(raw)
	if err != nil {
		return nil, err
	}
	// OTLP's JSON has these ids in hex, where protobuf's own has all octets in base64.
	if err := encodeIds(given); err != nil {
		return nil, err
	}
	inBase64, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	var request collector.ExportLogsServiceRequest
	if err := protojson.Unmarshal(inBase64, &request); err != nil {
		return nil, err
	}
	written, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(&request)
	if err != nil {
		return nil, err
	}
	again, err := decodeJSON(written)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(withoutDefaults(given), withoutDefaults(again)) {
		return nil, fmt.Errorf("it says the same in another form than the library: %s", written)
	}
	counts := struct {
		Resources  int      `json:"resources"`
		Scopes     int      `json:"scopes"`
		Records    int      `json:"records"`
		Events     []string `json:"events"`
		Attributes []string `json:"attributes"`
	}{Events: []string{}, Attributes: []string{}}
	for _, resource := range request.ResourceLogs {
		counts.Resources++
		for _, scope := range resource.ScopeLogs {
			counts.Scopes++
			for _, entry := range scope.LogRecords {
				counts.Records++
				counts.Events = addOnce(counts.Events, entry.EventName)
				for _, attribute := range entry.Attributes {
					counts.Attributes = addOnce(counts.Attributes, attribute.Key)
				}
			}
		}
	}
	return counts, nil
}

func addOnce(texts []string, text string) []string {
	if text == "" || slices.Contains(texts, text) {
		return texts
	}
	return append(texts, text)
}

func decodeJSON(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, errors.New("something stands behind the value")
	}
	return value, nil
}

// withoutDefaults takes away the members that a writer of protobuf's JSON may leave out.
func withoutDefaults(value any) any {
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			v[i] = withoutDefaults(item)
		}
	case map[string]any:
		for key, item := range v {
			item = withoutDefaults(item)
			v[key] = item
			switch item {
			case nil, false, "", "0", json.Number("0"):
				delete(v, key)
			default:
				if items, isList := item.([]any); isList && len(items) == 0 {
					delete(v, key)
				}
			}
		}
	}
	return value
}

var idOctets = map[string]int{"traceId": 16, "spanId": 8}

func encodeIds(value any) error {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if err := encodeIds(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, item := range v {
			size, isID := idOctets[key]
			text, isText := item.(string)
			if !isID || !isText {
				if err := encodeIds(item); err != nil {
					return err
				}
				continue
			}
			octets, err := hex.DecodeString(text)
			if err != nil || len(octets) != size {
				return fmt.Errorf("%s %q is not %d octets in hex", key, text, size)
			}
			v[key] = base64.StdEncoding.EncodeToString(octets)
		}
	}
	return nil
}
