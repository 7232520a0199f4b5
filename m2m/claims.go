package m2m

import (
	"encoding/json"
	"errors"
	"reflect"

	"github.com/authgate/authgate/internal/strictjson"
)

// Claims are bounded: they are compared with every mapping, shown in the status and written into tokens
// (specs X12).
const (
	maxClaimsBytes = 16 << 10 // of the payload, and of all flattened names and values together
	maxClaimsDepth = 10       // as deep as a token's payload may be
	maxClaimValues = 1000
)

// githubClaims are the claims of TypeGitHubActions, beside sub and aud.
func githubClaims() []string {
	return []string{
		"actor", "actor_id", "base_ref", "environment", "event_name", "head_ref", "job_workflow_ref", "job_workflow_sha",
		"ref", "ref_type", "repository", "repository_id", "repository_owner", "repository_owner_id", "repository_visibility",
		"run_id", "run_number", "run_attempt", "runner_environment", "workflow", "workflow_ref", "workflow_sha",
	}
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
	members, err := openClaims(payload)
	if err != nil {
		return nil, unauthenticated("extracting claims from ID token: %w", err)
	}
	f := flattener{claims: make(map[string][]string, len(members))}
	if typ == TypeGitHubActions {
		err = f.github(members)
	} else {
		err = f.object("", members)
	}
	if err != nil {
		return nil, unauthenticated("extracting claims from ID token: %w", err)
	}
	return f.claims, nil
}

var errClaimsForm = errors.New("the claims are not a JSON object")

func openClaims(payload []byte) (map[string]any, error) {
	if len(payload) > maxClaimsBytes {
		return nil, errClaimsSize
	}
	if err := strictjson.Check(payload, maxClaimsDepth); err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(payload, &members); err != nil || members == nil {
		return nil, errClaimsForm
	}
	return members, nil
}

var (
	errClaimsSize   = errors.New("the claims are too large")
	errClaimsNumber = errors.New("the claims have too many values")
	errClaimsTwice  = errors.New("two claims have the same name when their objects are written with dots")
)

// flattener collects claims within the limits.
type flattener struct {
	claims        map[string][]string
	bytes, values int
}

func (f *flattener) object(prefix string, members map[string]any) error {
	for name, value := range members {
		name = prefix + name
		var err error
		switch v := value.(type) {
		case string:
			err = f.add(name, v)
		case []any:
			err = f.add(name, texts(v)...)
		case map[string]any:
			// Names grow with each level: what they make of the payload is bounded as well as the payload is.
			if f.bytes += len(name); f.bytes > maxClaimsBytes {
				return errClaimsSize
			}
			err = f.object(name+".", v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *flattener) github(members map[string]any) error {
	for _, name := range []string{"sub", "aud"} {
		var err error
		switch v := members[name].(type) {
		case string:
			err = f.add(name, v)
		case []any:
			err = f.add(name, texts(v)...)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range githubClaims() {
		text, ok := members[name].(string)
		if value := members[name]; !ok && value != nil {
			return githubTypeError(name, value)
		}
		if err := f.add(name, text); err != nil {
			return err
		}
	}
	return nil
}

// githubTypeError has the words that encoding/json has for upstream.
func githubTypeError(name string, value any) error {
	kind := "number"
	switch value.(type) {
	case bool:
		kind = "bool"
	case []any:
		kind = "array"
	case map[string]any:
		kind = "object"
	}
	err := &json.UnmarshalTypeError{Value: kind, Type: reflect.TypeFor[string](), Struct: "githubActionClaims", Field: name}
	return &githubError{err}
}

type githubError struct{ err error }

func (e *githubError) Error() string { return "extracting GitHub Actions claims: " + e.err.Error() }
func (e *githubError) Unwrap() error { return e.err }

func (f *flattener) add(name string, values ...string) error {
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

func texts(members []any) []string {
	var out []string
	for _, m := range members {
		if s, ok := m.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
