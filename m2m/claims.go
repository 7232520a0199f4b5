package m2m

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/authgate/authgate/internal/strictjson"
)

// Claims are bounded: they are compared with every mapping, shown in the status and written into tokens
// (specs X12).
const (
	maxClaimsBytes = 16 << 10 // of the payload, and of all flattened names and values together
	maxClaimsDepth = 10       // as deep as a token's payload may be
	maxClaimValues = 1000
)

// githubClaims are the claims of TypeGitHubActions, beside sub and aud. They never change.
var githubClaims = [...]string{
	"actor", "actor_id", "base_ref", "environment", "event_name", "head_ref", "job_workflow_ref", "job_workflow_sha",
	"ref", "ref_type", "repository", "repository_id", "repository_owner", "repository_owner_id", "repository_visibility",
	"run_id", "run_number", "run_attempt", "runner_environment", "workflow", "workflow_ref", "workflow_sha",
}

// Flatten returns the claims of an ID token's payload that a config of the given type can map, as upstream
// has them (specs/m2m 3.4). Strings have one value, arrays those of their members that are strings, members of
// objects the names of both with a dot between. What else there is (numbers, booleans, null, objects in
// arrays) is left out. Of TypeGitHubActions the claims are a fixed list, where one that is absent has one
// empty value.
//
// Two claims that come out under one name are an error: it cannot be told which of them a mapping means.
// Errors are of kind Unauthenticated with an *Error, and hold no values.
func Flatten(payload []byte, typ string) (map[string][]string, error) {
	f, err := openClaims(payload)
	if err == nil && typ == TypeGitHubActions {
		err = f.github()
	} else if err == nil {
		err = f.object("")
	}
	if err != nil {
		return nil, unauthenticated("extracting claims from ID token: %w", err)
	}
	return f.claims, nil
}

var (
	errClaimsForm   = errors.New("the claims are not a JSON object")
	errClaimsSize   = errors.New("the claims are too large")
	errClaimsNumber = errors.New("the claims have too many values")
	errClaimsTwice  = errors.New("two claims have the same name when their objects are written with dots")
)

// flattener collects claims within the limits.
type flattener struct {
	claimScanner
	claims        map[string][]string
	single        []string // where values that are alone in their claims lie
	bytes, values int
}

func openClaims(payload []byte) (*flattener, error) {
	if len(payload) > maxClaimsBytes {
		return nil, errClaimsSize
	}
	if err := strictjson.Check(payload, maxClaimsDepth); err != nil {
		return nil, err
	}
	const usual = 32
	f := &flattener{
		claimScanner: claimScanner{text: string(payload)}, claims: make(map[string][]string, usual), single: make([]string, 0, usual),
	}
	if f.next() != '{' {
		return nil, errClaimsForm
	}
	return f, nil
}

// object takes the members of the object that is next.
func (f *flattener) object(prefix string) error {
	return f.members(func(name string) error {
		name = prefix + name
		if f.text[f.at] != '{' {
			return f.value(name)
		}
		// Names grow with each level: what they make of the payload is bounded as well as the payload is.
		if f.bytes += len(name); f.bytes > maxClaimsBytes {
			return errClaimsSize
		}
		return f.object(name + ".")
	})
}

// value takes the string or array that is next, and skips anything else.
func (f *flattener) value(name string) error {
	switch f.text[f.at] {
	case '"':
		return f.add(name, f.alone(f.string()))
	case '[':
		return f.add(name, f.strings(nil))
	}
	f.skip()
	return nil
}

func (f *flattener) alone(value string) []string {
	f.single = append(f.single, value)
	n := len(f.single)
	return f.single[n-1 : n : n]
}

func (f *flattener) github() error {
	err := f.members(func(name string) error {
		begin := f.at
		switch {
		case name == "sub" || name == "aud":
			return f.value(name)
		case !slices.Contains(githubClaims[:], name) || f.text[begin] == 'n': // null is as if it were not there
			f.skip()
			return nil
		case f.text[begin] != '"':
			return githubTypeError(name, f.text[begin])
		}
		return f.value(name)
	})
	if err != nil {
		return err
	}
	for _, name := range githubClaims {
		if f.claims[name] == nil {
			if err := f.add(name, f.alone("")); err != nil {
				return err
			}
		}
	}
	return nil
}

// githubTypeError has the words that encoding/json has for upstream. The value begins with the given byte.
func githubTypeError(name string, begin byte) error {
	kind := "number"
	switch begin {
	case 't', 'f':
		kind = "bool"
	case '[':
		kind = "array"
	case '{':
		kind = "object"
	}
	return fmt.Errorf("extracting GitHub Actions claims: %w",
		&json.UnmarshalTypeError{Value: kind, Type: reflect.TypeFor[string](), Struct: "githubActionClaims", Field: name})
}

func (f *flattener) add(name string, values []string) error {
	if len(values) == 0 {
		return nil
	}
	if _, twice := f.claims[name]; twice {
		return errClaimsTwice
	}
	f.bytes += len(name)
	for _, v := range values {
		f.bytes += len(v)
	}
	f.values += len(values)
	switch {
	case f.bytes > maxClaimsBytes:
		return errClaimsSize
	case f.values > maxClaimValues:
		return errClaimsNumber
	}
	f.claims[name] = values
	return nil
}
