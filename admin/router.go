package admin

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

// router is a ServeMux that answers what it does not know in JSON, and refuses paths that two readers
// could take for different routes instead of redirecting them (a redirect would repeat ?key= in Location).
type router struct {
	mux     *http.ServeMux
	methods map[string][]string // pattern path -> methods
}

func newRouter() *router {
	return &router{mux: http.NewServeMux(), methods: map[string][]string{}}
}

// handle registers h for one method of path, which must not end in a slash.
func (r *router) handle(method, path string, h http.Handler) {
	r.mux.Handle(method+" "+path, h)
	allowed, again := r.methods[path]
	allowed = append(allowed, method)
	if method == http.MethodGet {
		allowed = append(allowed, http.MethodHead) // ServeMux gives HEAD to GET patterns
	}
	slices.Sort(allowed)
	r.methods[path] = allowed
	if !again {
		r.mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", strings.Join(r.methods[path], ", "))
			writeError(w, http.StatusMethodNotAllowed, "Method not allowed")
		})
	}
}

// ServeHTTP implements http.Handler.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !plainPath(req) {
		writeError(w, http.StatusNotFound, "Not found")
		return
	}
	if _, pattern := r.mux.Handler(req); pattern == "" {
		writeError(w, http.StatusNotFound, "Not found")
		return
	}
	r.mux.ServeHTTP(w, req)
}

// plainPath reports whether the path has one reading: nothing to clean, and no encoded slash, which
// would put a slash into a path value (specs A5).
func plainPath(req *http.Request) bool {
	p := req.URL.Path
	if req.Method == http.MethodConnect || p == "" || p[0] != '/' || path.Clean(p) != strings.TrimSuffix(p, "/") && p != "/" {
		return false
	}
	return !strings.Contains(strings.ToLower(req.URL.EscapedPath()), "%2f")
}
