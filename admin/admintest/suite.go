package admintest

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// Target is a management API that holds no objects.
type Target struct {
	Address string      // host and port
	Host    string      // what requests name as their host; empty: Address
	TLS     *tls.Config // nil: plain HTTP
	Key     string      // the admin key

	// CA is the authority of the client certificates that the target trusts, for RunMapping. The target asks
	// for client certificates, and CA may also vouch for external services.
	CA *authntest.CA

	// State tells what is stored, in any form that changes with it. Nil: what the API lists. A refused
	// request must leave it as it is.
	State func(t testing.TB) string
}

// Exchange is one request and its answer, as Check sees it.
type Exchange struct {
	Method string
	Path   string // as sent, without the query
	Status int
	Header http.Header
	Body   string
}

// Suite is the cases and where they run.
type Suite struct {
	// Open returns the target of one group of cases.
	Open func(t testing.TB) Target
	// Shared says that Open returns one target again and again: cases then run one after the other, and
	// begin by deleting through the API what the last ones left.
	Shared bool
	// Check, if set, sees every exchange. It must be safe for concurrent use.
	Check func(t testing.TB, x Exchange)
}

// Run runs the cases that need nothing but an empty target.
func (s Suite) Run(t *testing.T) {
	s.each(t, map[string]func(*harness){
		"Answers":        testAnswers,
		"Lists":          testLists,
		"Updates":        testUpdates,
		"Refusals":       testRefusals,
		"ConflictOfMove": testConflictOfMove,
		"Keys":           testKeys,
		"Credentials":    testCredentials,
		"CrossSite":      testCrossSite,
		"UnknownRoutes":  testUnknownRoutes,
		"WrongMethods":   testWrongMethods,
		"Conditions":     testConditions,
		"Creates":        testCreates,
		"IDs":            testIDs,
		"Bodies":         testBodies,
		"Probes":         testProbes,
		"AuditLog":       testAuditLog,
		"Bindings":       testBindings,
		"BindingErrors":  testBindingRefusals,
	})
}

// RunDeclared runs the cases about declared objects: the target's configuration declares the service type
// DeclaredType of kind api-key with the host DeclaredHost, a method for that host, and nothing else.
func (s Suite) RunDeclared(t *testing.T) {
	s.each(t, map[string]func(*harness){"Declared": testDeclared})
}

// RunMapping runs the cases about client certificates, which the target checks.
func (s Suite) RunMapping(t *testing.T) {
	s.each(t, map[string]func(*harness){"Mapping": testMapping})
}

// RunUncheckedMapping runs those for a target with verify_certificate off.
func (s Suite) RunUncheckedMapping(t *testing.T) {
	s.each(t, map[string]func(*harness){"UncheckedMapping": testUncheckedMapping})
}

// RunRedacted runs the cases for a target that shows no credentials.
func (s Suite) RunRedacted(t *testing.T) {
	s.each(t, map[string]func(*harness){"Redacted": testRedacted})
}

func (s Suite) each(t *testing.T, groups map[string]func(*harness)) {
	for name, test := range groups {
		t.Run(name, func(t *testing.T) {
			if !s.Shared {
				t.Parallel()
			}
			test(&harness{T: t, suite: s})
		})
	}
}

// harness is one test's view of a target. Its helpers end the test on what nobody expected.
type harness struct {
	*testing.T
	suite Suite
	Target
}

// run runs a subtest on a target of its own, which holds nothing.
func (h *harness) run(name string, test func(*harness)) {
	h.T.Run(name, func(t *testing.T) {
		if !h.suite.Shared {
			t.Parallel()
		}
		sub := &harness{T: t, suite: h.suite, Target: h.suite.Open(t)}
		if h.suite.Shared {
			sub.clear()
		}
		test(sub)
	})
}

// with runs a subtest on a target of its own, which holds the fixture.
func (h *harness) with(name string, test func(*harness)) {
	h.run(name, func(sub *harness) {
		sub.fixture()
		test(sub)
	})
}

// sub runs a subtest on the target of h, one after the other.
func (h *harness) sub(name string, test func(*harness)) {
	h.T.Run(name, func(t *testing.T) { test(&harness{T: t, suite: h.suite, Target: h.Target}) })
}

// open gives h itself a target, for groups whose cases change nothing.
func (h *harness) open() {
	h.Target = h.suite.Open(h.T)
	if h.suite.Shared {
		h.clear()
	}
}

// fixture is upstream's (specs/auth-methods 6): service types s1 and s2, a method for a host of each.
func (h *harness) fixture() {
	h.Helper()
	h.must(201, "POST", "/v1/service-types",
		`{"name":"s1","hosts":["host1","host2","host3"],"auth_types":["x509","oidc"],"auth_method":"api-key","type":"ams"}`)
	h.must(201, "POST", "/v1/service-types",
		`{"name":"s2","hosts":["host3","host4"],"auth_types":["x509"],"auth_method":"headers","type":"web-api"}`)
	h.must(201, "POST", "/v1/service-types/s1/authm", `{"host":"host1","port":9000,"access_key":"access_key"}`)
	h.must(201, "POST", "/v1/service-types/s2/authm",
		`{"host":"host3","port":9000,"headers":{"x-api-key":"key-1","Accept":"application/json"}}`)
}

// clear deletes everything through the API. Methods go with their service types.
func (h *harness) clear() {
	h.Helper()
	for _, v := range h.list("/v1/bindings", "bindings") {
		h.must(204, "DELETE", "/v1/bindings/"+segment(v["name"].(string)), "")
	}
	for _, v := range h.list("/v1/service-types", "service_types") {
		if v["origin"] == nil {
			h.must(204, "DELETE", "/v1/service-types/"+segment(v["name"].(string)), "")
		}
	}
}

// state tells what is stored.
func (h *harness) state() string {
	h.Helper()
	if h.Target.State != nil {
		return h.Target.State(h.T)
	}
	var b strings.Builder
	for _, path := range []string{"/v1/service-types", "/v1/authm", "/v1/bindings"} {
		b.WriteString(h.do("GET", path, "").body)
	}
	return b.String()
}
