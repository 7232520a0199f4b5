package admin

import (
	"net/http"
	"runtime"
)

// VersionInfo is what /v1/version tells beside the facts of the Go runtime. Empty fields are left out.
type VersionInfo struct {
	Release   string // told only to callers with the key: it says which faults there may be
	BuildTime string // as RFC 3339
}

type versionBody struct {
	BuildTime    string `json:"build_time"`
	Golang       string `json:"golang"`
	Compiler     string `json:"compiler"`
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Release      string `json:"release,omitempty"`
}

// getVersion needs no key; a wrong one is no error (specs/auth-methods 2.7).
func (p *probes) getVersion(w http.ResponseWriter, r *http.Request) {
	body := versionBody{
		BuildTime: p.version.BuildTime, Golang: runtime.Version(), Compiler: runtime.Compiler, OS: runtime.GOOS, Architecture: runtime.GOARCH,
	}
	if p.guard.check(r) == nil {
		body.Release = p.version.Release
	}
	writeJSON(w, http.StatusOK, body)
}

// getHealth answers what upstream answers.
func (p *probes) getHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, nil)
}
