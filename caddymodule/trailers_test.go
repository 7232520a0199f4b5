package caddymodule_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// evilTrailers are what an upstream that merges trailers into the headers must never get.
var evilTrailers = []string{"X-Api-Key: evil", "X-User-Id: admin", "X-Auth-Subject: root", "Authorization: Bearer evil", "x_user_id: admin"}

// testTrailers is about managed headers that come after the body (specs E2, H7).
func testTrailers(t *testing.T, r *rig) {
	chunked := func(trailers ...string) string {
		return "4\r\nbody\r\n0\r\n" + strings.Join(trailers, "\r\n") + "\r\n\r\n"
	}
	declared := "Trailer: X-Api-Key, X-User-Id, X-Auth-Subject, Authorization, X_User_Id, X-Fine"
	for _, site := range []string{"api.test", "svc.test", "plain.test", "anon.test"} {
		for name, head := range map[string][]string{
			"declared":        {declared},
			"undeclared":      nil,
			"one_declared":    {"Trailer: X-Fine"}, // the server then merges all others into the same map
			"declared_twice":  {"Trailer: X-Fine", declared},
			"named_for_abuse": {declared, "Connection: X-Api-Key, Trailer", "TE: trailers"},
		} {
			t.Run("H7_"+name+"_"+site, func(t *testing.T) {
				t.Parallel()
				for _, address := range []string{r.http, r.loose} {
					c := call{
						Line: "POST /x", Host: site, Token: r.users["admin"],
						Head: append(append([]string{}, head...), "Transfer-Encoding: chunked"), Body: chunked(append([]string{"X-Fine: yes"}, evilTrailers...)...),
					}
					out := c.send(t, address, r.recorder)
					if out.status == http.StatusBadRequest {
						continue // refusing the declaration is right too
					}
					w := out.passed(t)
					if w.body != "body" {
						t.Errorf("body at the upstream: %q", w.body)
					}
					for _, l := range w.trailers {
						if n, _, _ := strings.Cut(l, ":"); !strings.EqualFold(n, "X-Fine") {
							t.Errorf("trailer at the upstream: %s", l)
						}
					}
					if strings.Contains(w.String(), "evil") {
						t.Errorf("the client's value reached the upstream:\n%s", w)
					}
				}
			})
		}
	}
	t.Run("H7_harmless_trailer_passes", func(t *testing.T) {
		t.Parallel()
		w := r.as(t, "user", call{
			Line: "POST /x", Host: "plain.test", Head: []string{"Transfer-Encoding: chunked", "Trailer: X-Fine"}, Body: chunked("X-Fine: yes"),
		}).passed(t)
		if !slices.Contains(w.trailers, "X-Fine: yes") {
			t.Errorf("trailers at the upstream: %q", w.trailers)
		}
	})
}
