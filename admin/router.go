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
	_, again := r.methods[path]
	r.methods[path] = withHead(r.methods[path], method)
	if !again {
		r.mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { r.notAllowed(w, path) })
	}
}

// withHead adds a method, and to GET also HEAD, as ServeMux does.
func withHead(methods []string, method string) []string {
	methods = append(methods, method)
	if method == http.MethodGet {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return methods
}

func (r *router) notAllowed(w http.ResponseWriter, path string) {
	w.Header().Set("Allow", strings.Join(r.methods[path], ", "))
	writeError(w, http.StatusMethodNotAllowed, "Method not allowed")
}

// handleSuffix registers h for one method of path followed by suffix. The last segment of path is a
// wildcard, and ServeMux cannot match a part of one: so all of it is taken, and the suffix cut off here.
// What is left, which may hold anything the suffix holds, is the wildcard's value.
func (r *router) handleSuffix(method, path, suffix string, h http.Handler) {
	name := strings.Trim(path[strings.LastIndexByte(path, '/')+1:], "{}")
	r.methods[path+suffix] = withHead(nil, method)
	r.mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
		value, ok := strings.CutSuffix(req.PathValue(name), suffix)
		switch {
		case !ok:
			writeError(w, http.StatusNotFound, "Not found")
		case !slices.Contains(r.methods[path+suffix], req.Method):
			r.notAllowed(w, path+suffix)
		default:
			req.SetPathValue(name, value)
			h.ServeHTTP(w, req)
		}
	})
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
